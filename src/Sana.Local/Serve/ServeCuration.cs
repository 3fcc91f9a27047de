using System.Net;
using Sana.Curation.Captioning.Config;
using Sana.Curation.Ingest;
using Sana.Curation.Selection;
using Sana.Workflows.Curation;

namespace Sana.Local.Serve;

/// <summary><c>curation</c> in <c>sana.json</c>: how datasets that are asked for by HTTP or by the clock are made.</summary>
internal sealed record ServeCuration
{
    /// <value>A <c>captioners.json</c>. Default nobody captions.</value>
    public string? Captioners { get; init; }

    /// <value>Folder of a CLIP checkpoint. Default no scores.</value>
    public string? Clip { get; init; }

    /// <value>none or datacomp-basic. Default none.</value>
    public string Filters { get; init; } = "none";

    /// <value>power, softmax, max, top-k or proportion. Default power.</value>
    public string Rule { get; init; } = "power";

    /// <value>Temperature of the rule. Default 0.1.</value>
    public double Tau { get; init; } = 0.1;

    /// <value>Score from which a caption takes part in the draw. Default 25.</value>
    public double Threshold { get; init; } = 25;

    /// <value>What the captions of one dataset may cost. Default no limit.</value>
    public decimal? Budget { get; init; }

    /// <value>Networks that downloads may reach although they are not public. Default none.</value>
    public IReadOnlyList<string> Networks { get; init; } = [];

    /// <summary>The networks, read.</summary>
    public IReadOnlyList<IPNetwork> DownloadNetworks() => [.. Networks.Select(ServeConfig.Network)];

    /// <summary>The settings of a run, checked.</summary>
    /// <exception cref="Sana.Curation.CurationException">A file or a value cannot be used.</exception>
    public CurationSettings Settings()
    {
        if (Captioners is not null)
            CaptionerFile.Load(Captioners);
        var settings = new CurationSettings
        {
            Captioners = Captioners is null ? null : File.ReadAllText(Captioners),
            Clip = Clip is null ? null : Path.GetFullPath(Clip),
            Filters = FilterRules.Preset(Filters),
            Selection = new SelectionOptions { Rule = SelectionRules.Parse(Rule), Tau = Tau, Threshold = Threshold },
            Budget = new Budget(Budget),
        };
        settings.Check();
        return settings;
    }
}
