using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;

namespace Sana.Tests.Support;

/// <summary>The fake renderer with what can go wrong in a real one.</summary>
internal sealed class FaultyRenderer : IRenderer
{
    private readonly FakeRenderer _inner = new();

    /// <summary>Images that fit the memory.</summary>
    public int MemoryFor { get; init; } = int.MaxValue;

    /// <summary>A prompt that breaks the runtime.</summary>
    public string? Deadly { get; init; }

    /// <summary>What the first calls throw, in order.</summary>
    public Queue<Exception> Faults { get; } = [];

    /// <summary>Waits for the token: a render that hangs.</summary>
    public bool Hangs { get; set; }

    /// <summary>The batches as they came.</summary>
    public List<int> Sizes { get; } = [];

    public string Fingerprint => _inner.Fingerprint;

    public string ModelName => _inner.ModelName;

    public GenerateOptions Resolve(GenerateOptions options) => _inner.Resolve(options);

    public IReadOnlyList<GeneratedImage> Generate(
        IReadOnlyList<ImageRequest> batch, GenerateOptions resolved, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken)
    {
        Sizes.Add(batch.Count);
        if (Faults.TryDequeue(out var fault))
            throw fault;
        if (Hangs)
            cancellationToken.WaitHandle.WaitOne();
        cancellationToken.ThrowIfCancellationRequested();
        if (batch.Count > MemoryFor)
            throw new InsufficientMemoryException("no room");
        if (batch.Any(request => request.Prompt == Deadly))
            throw new InvalidOperationException("the runtime is broken");
        return _inner.Generate(batch, resolved, progress, cancellationToken);
    }
}
