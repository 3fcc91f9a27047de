using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Workflows;
using Sana.Workflows.Blobs;
using Sana.Workflows.Generation;

namespace Sana.Functions.Rendering;

/// <summary>
/// <c>work/model.json</c>: what the orchestrator must know of a checkpoint that only the gpu app has, to plan runs and to fill in defaults. The gpu app writes it whenever it has loaded one.
/// </summary>
internal sealed class ModelCard(CheckpointFacts facts) : IRenderer
{
    private const string Name = "work/model.json";

    public string Fingerprint => facts.Fingerprint;

    public string ModelName => facts.Name;

    public GenerateOptions Resolve(GenerateOptions options) => options.Resolve(facts);

    public IReadOnlyList<GeneratedImage> Generate(
        IReadOnlyList<ImageRequest> batch, GenerateOptions resolved, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("The orchestrator plans; it has no networks.");

    /// <exception cref="WorkflowException">No gpu app has loaded a checkpoint yet.</exception>
    public static async Task<IRenderer> Read(IBlobs blobs, CancellationToken cancellationToken)
    {
        var json = await blobs.Read(Name, cancellationToken)
            ?? throw new WorkflowException($"{blobs.Place} has no {Name}: the gpu app writes it when it has loaded its checkpoint. Bring the weights and start it once, see docs/azure.md.");
        return new ModelCard(JsonSerializer.Deserialize<CheckpointFacts>(json)!);
    }

    public static async Task Write(IBlobs blobs, CheckpointFacts facts, CancellationToken cancellationToken)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(facts);
        if (await blobs.Read(Name, cancellationToken) is not { } there || !json.AsSpan().SequenceEqual(there))
            await blobs.Put(Name, json, cancellationToken);
    }
}
