using Sana.Functions.Hosting;
using Sana.GraphBuilder;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Jobs.Generation;
using Sana.Jobs.Telemetry;
using Sana.Storage.Blobs;

namespace Sana.Functions.Rendering;

/// <summary>Loads the checkpoint of the gpu role; loading again releases what was loaded before.</summary>
internal sealed class Networks(FunctionsSettings settings) : IDisposable
{
    private SanaPipeline? _pipeline;

    /// <value>Of the checkpoint that was loaded last.</value>
    /// <exception cref="InvalidOperationException">None was.</exception>
    public CheckpointFacts Facts => _pipeline?.Facts ?? throw new InvalidOperationException("Nothing was loaded yet.");

    /// <exception cref="Inference.InferenceException">The device or the weights cannot be used.</exception>
    public async Task<IRenderer> Load(CancellationToken cancellationToken)
    {
        var checkpoint = settings.Checkpoint ?? throw new SanaException("Sana__Checkpoint is not set: this app has nothing to render with.");
        if (settings.Weights is { } weights)
            await Weights.Fetch(await BlobPlace.Parse(weights).Open(cancellationToken), checkpoint, cancellationToken);
        Dispose();
        _pipeline = await Task.Run(
            () =>
            {
                SanaCheckpoint.Build(checkpoint, new BuildOptions());
                return SanaPipeline.Load(checkpoint, new PipelineOptions { Device = Device.Parse(settings.Device) });
            },
            cancellationToken);
        return new MeasuredRenderer(new PipelineRenderer(_pipeline));
    }

    public void Dispose() => _pipeline?.Dispose();
}
