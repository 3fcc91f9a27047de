using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Chat;
using Sana.Curation.Captioning.Config;
using Sana.GraphBuilder;
using Sana.Inference.Clip;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Networks;

/// <summary>Loads the networks of a host: the pipeline of a checkpoint, captioners and CLIP. Missing graphs are built; folders are filled from blobs where a place is given.</summary>
public sealed class NetworkLoader : IDisposable
{
    private readonly SemaphoreSlim _oneFetch = new(1);
    private readonly SemaphoreSlim _oneBuild = new(1);
    private CheckpointFacts? _facts;
    private SanaPipeline? _pipeline;

    /// <value>What the networks run on. Default the processor.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <value>Folder of the Sana checkpoint. Default none: this host renders nothing.</value>
    public string? Checkpoint { get; init; }

    /// <value>Place of blobs that the checkpoint's folder is filled from. Default none: the folder is there.</value>
    public string? Weights { get; init; }

    /// <value>Place of blobs whose folders hold captioners and CLIP, under the names of their local folders. Default none: the folders are there.</value>
    public string? CurationWeights { get; init; }

    /// <value>The clock of requests to endpoints. Default the system's.</value>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <value>Of the checkpoint that was built last: what a host without the networks needs to plan with it.</value>
    /// <exception cref="InvalidOperationException">None was.</exception>
    internal CheckpointFacts Facts => _facts ?? throw new InvalidOperationException("Nothing was loaded yet.");

    /// <summary>What plans need to know of the checkpoint: its graphs are built when they are missing, and no network is loaded.</summary>
    /// <exception cref="CheckpointException">The folder holds no checkpoint of Sana.</exception>
    public async Task<IModel> ReadModel(CancellationToken cancellationToken)
    {
        var folder = Checkpoint ?? throw new SanaException("This host has no checkpoint: it has nothing to render with.");
        await _oneBuild.WaitAsync(cancellationToken);
        try
        {
            if (_facts is null)
            {
                if (Weights is { } weights)
                    await Networks.Weights.Fetch(await BlobPlace.Parse(weights).Open(cancellationToken), folder, cancellationToken);
                var built = await Task.Run(() => SanaCheckpoint.Build(folder, new BuildOptions()), cancellationToken);
                _facts = CheckpointFacts.From(new GraphMetadata(folder, built.Metadata));
            }

            return new ModelFacts(_facts);
        }
        finally
        {
            _oneBuild.Release();
        }
    }

    /// <summary>The pipeline of the checkpoint; loading again releases the old one.</summary>
    /// <exception cref="CheckpointException">The folder holds no checkpoint of Sana.</exception>
    /// <exception cref="Inference.InferenceException">The device or the weights cannot be used.</exception>
    public async Task<IRenderer> LoadPipeline(CancellationToken cancellationToken)
    {
        await ReadModel(cancellationToken);
        _pipeline?.Dispose();
        _pipeline = await Task.Run(() => SanaPipeline.Load(Checkpoint!, new PipelineOptions { Device = Device }), cancellationToken);
        return new PipelineRenderer(_pipeline);
    }

    /// <summary>A captioner: a client of an endpoint, or the networks of a folder.</summary>
    public async Task<ICaptioner> LoadCaptioner(CaptionerConfig config, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (config.Kind != CaptionerKind.Onnx)
            return ChatCaptioner.Create(config, Clock);
        var folder = config.Checkpoint!;
        await Fetch(folder, cancellationToken);
        return await Task.Run(
            () =>
            {
                CaptionerCheckpoint.Build(folder, new BuildOptions());
                return OnnxCaptioner.Load(folder, OnnxCaptionerOptions.FromConfig(config, Device));
            },
            cancellationToken);
    }

    /// <summary>CLIP of a folder.</summary>
    public async Task<ClipScorer> LoadClip(string folder, CancellationToken cancellationToken)
    {
        await Fetch(folder, cancellationToken);
        return await Task.Run(
            () =>
            {
                ClipCheckpoint.Build(folder, new BuildOptions());
                return ClipScorer.Load(folder, new ClipScorerOptions { Device = Device });
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pipeline?.Dispose();
        _oneFetch.Dispose();
        _oneBuild.Dispose();
    }

    private async Task Fetch(string folder, CancellationToken cancellationToken)
    {
        if (CurationWeights is not { } weights)
            return;
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
        await _oneFetch.WaitAsync(cancellationToken);
        try
        {
            await Networks.Weights.Fetch(await BlobPlace.Parse(weights).Below(name).Open(cancellationToken), folder, cancellationToken);
        }
        finally
        {
            _oneFetch.Release();
        }
    }
}
