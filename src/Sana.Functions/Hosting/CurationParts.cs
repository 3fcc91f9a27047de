using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Chat;
using Sana.Curation.Captioning.Config;
using Sana.Curation.Sources;
using Sana.Functions.Rendering;
using Sana.GraphBuilder;
using Sana.Inference.Clip;
using Sana.Inference.Runtime;
using Sana.Jobs.Curation;
using Sana.Storage.Blobs;
using Sana.Storage.Net;

namespace Sana.Functions.Hosting;

/// <summary>What an app lends to curation: captioners over HTTP, guarded downloads, and networks whose folders are fetched and whose graphs are built when they are missing.</summary>
internal sealed class CurationParts(FunctionsSettings settings, TimeProvider clock)
{
    private static readonly SemaphoreSlim _oneFetch = new(1);

    // Orchestrators have no GPU, whatever the app that renders has.
    private Device Here => Device.Parse(settings.IsGpu ? settings.Device : "cpu");

    /// <summary>The configuration of an app; the default where it has none.</summary>
    /// <exception cref="SanaException">It cannot be used.</exception>
    public static async Task<CurationConfig> Read(IBlobs blobs, CancellationToken cancellationToken) =>
        await blobs.Read(CurationConfig.Blob, cancellationToken) is { } json ? CurationConfig.Parse(json) : new CurationConfig();

    /// <summary>The settings of its runs.</summary>
    /// <exception cref="SanaException">A value cannot be used.</exception>
    public static CurationSettings Settings(CurationConfig config)
    {
        try
        {
            return config.Settings();
        }
        catch (CurationException error)
        {
            throw new SanaException($"{CurationConfig.Blob} cannot be used: {error.Message}", error);
        }
    }

    public CurationTools Lend(CurationConfig config) => new()
    {
        Captioner = async (captioner, cancellationToken) => captioner.Kind == CaptionerKind.Onnx
            ? await Network(captioner, cancellationToken)
            : ChatCaptioner.Create(captioner, clock),
        Scorer = Scorer,
        Download = new GuardedDownload(new GuardedHttp(new UrlRules { Networks = config.DownloadNetworks() }), new DownloadOptions()),
        Clock = clock,
    };

    /// <summary>What a network's folder lacks comes from the folder of its name among the weights of curation.</summary>
    private async Task Bring(string folder, CancellationToken cancellationToken)
    {
        if (settings.CurationWeights is not { } weights)
            return;
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
        await _oneFetch.WaitAsync(cancellationToken);
        try
        {
            await Weights.Fetch(await BlobPlace.Parse(weights).Below(name).Open(cancellationToken), folder, cancellationToken);
        }
        finally
        {
            _oneFetch.Release();
        }
    }

    private async Task<ICaptioner> Network(CaptionerConfig config, CancellationToken cancellationToken)
    {
        var folder = config.Checkpoint!;
        await Bring(folder, cancellationToken);
        return await Task.Run(
            () =>
            {
                CaptionerCheckpoint.Build(folder, new BuildOptions());
                return OnnxCaptioner.Load(folder, OnnxCaptionerOptions.FromConfig(config, Here));
            },
            cancellationToken);
    }

    private async Task<ClipScorer> Scorer(string folder, CancellationToken cancellationToken)
    {
        await Bring(folder, cancellationToken);
        return await Task.Run(
            () =>
            {
                ClipCheckpoint.Build(folder, new BuildOptions());
                return ClipScorer.Load(folder, new ClipOptions { Device = Here });
            },
            cancellationToken);
    }
}
