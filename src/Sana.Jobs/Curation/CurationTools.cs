using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Config;
using Sana.Curation.Sources;
using Sana.Inference.Clip;

namespace Sana.Jobs.Curation;

/// <summary>What a host lends to curation: networks, keys and the road to the outside. Each is asked for once and kept.</summary>
public sealed record CurationTools
{
    /// <value>Makes a captioner from its configuration.</value>
    public required Func<CaptionerConfig, CancellationToken, Task<ICaptioner>> Captioner { get; init; }

    /// <value>Loads a CLIP checkpoint from its folder.</value>
    public required Func<string, CancellationToken, Task<ClipScorer>> Scorer { get; init; }

    /// <value>Reads URLs of manifests. Default: rows with a URL are rejected.</value>
    public GuardedDownload? Download { get; init; }

    /// <value>The clock of seconds in reports. Default the system's.</value>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
