using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Chat;
using Sana.Curation.Captioning.Config;
using Sana.Curation.Sources;
using Sana.GraphBuilder;
using Sana.Inference.Clip;
using Sana.Inference.Runtime;
using Sana.Jobs.Curation;
using Sana.Storage.Net;

namespace Sana.Local.Hosting;

/// <summary>What this machine lends to curation: captioners over HTTP or from a checkpoint, CLIP, and guarded downloads. Missing graphs are built.</summary>
internal sealed class LocalTools(LocalOptions options) : IDisposable
{
    private readonly GuardedHttp _http = new(new UrlRules { Networks = options.DownloadNetworks });

    public CurationTools Lend() => new()
    {
        Captioner = (config, cancellationToken) => config.Kind == CaptionerKind.Onnx
            ? Task.Run<ICaptioner>(() => Network(config), cancellationToken)
            : Task.FromResult<ICaptioner>(ChatCaptioner.Create(config, options.Clock)),
        Scorer = (checkpoint, cancellationToken) => Task.Run(() => Scorer(checkpoint), cancellationToken),
        Download = new GuardedDownload(_http, new DownloadOptions()),
        Clock = options.Clock,
    };

    public void Dispose() => _http.Dispose();

    private OnnxCaptioner Network(CaptionerConfig config)
    {
        CaptionerCheckpoint.Build(config.Checkpoint!, new BuildOptions());
        return OnnxCaptioner.Load(config.Checkpoint!, OnnxCaptionerOptions.FromConfig(config, Device.Parse(options.Device)));
    }

    private ClipScorer Scorer(string checkpoint)
    {
        ClipCheckpoint.Build(checkpoint, new BuildOptions());
        return ClipScorer.Load(checkpoint, new ClipOptions { Device = Device.Parse(options.Device) });
    }
}
