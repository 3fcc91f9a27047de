using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Networks;

namespace Sana.Tests.Support;

/// <summary>
/// Images without a network. Pixels depend on the whole batch, as rounding may in a real one: a run that cuts its batches otherwise after a stop shows in its bytes.
/// </summary>
internal sealed class FakeRenderer : IRenderer
{
    public List<IReadOnlyList<ImageRequest>> Batches { get; } = [];

    /// <summary>What each batch was asked with.</summary>
    public List<GenerateOptions> Options { get; } = [];

    public string Fingerprint { get => Gate?.FingerprintWith(field) ?? field; init; } = new('f', 64);

    public string ModelName { get; init; } = "fake";

    public Gate? Judges { get; init; }

    public GateCard? Gate => Judges?.Card;

    /// <summary>Offers to show what is not done.</summary>
    public bool ShowsPreviews { get; init; }

    /// <summary>Makes even what is broken.</summary>
    public bool Mends { get; init; }

    /// <summary>What one batch takes.</summary>
    public TimeSpan Pause { get; init; }

    /// <summary>The prompts that were enhanced, in order.</summary>
    public List<string> Enhanced { get; } = [];

    /// <summary>How. Default not at all.</summary>
    public Func<string, string>? Enhances { get; init; }

    public string Enhance(string prompt, CancellationToken cancellationToken)
    {
        Enhanced.Add(prompt);
        return Enhances?.Invoke(prompt) ?? throw new InferenceException("This checkpoint cannot enhance prompts.");
    }

    public GenerateOptions Resolve(GenerateOptions options) => options.Width % 32 is null or 0
        ? options with { Width = options.Width ?? 64, Height = options.Height ?? 32, Steps = options.Steps ?? 2, Solver = options.Solver ?? SolverKind.FlowDpm }
        : throw new InferenceException($"Width {options.Width} is not a multiple of 32.");

    public IReadOnlyList<GeneratedImage> Generate(
        IReadOnlyList<ImageRequest> batch, GenerateOptions resolved, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken)
    {
        cancellationToken.WaitHandle.WaitOne(Pause);
        cancellationToken.ThrowIfCancellationRequested();
        Batches.Add(batch);
        Options.Add(resolved);
        var company = string.Concat(batch.Select(request => $"{request.Prompt}|{request.Seed}|{request.Index};"));
        progress?.Report(new GenerateProgress("denoise", 1, resolved.Steps!.Value) { Preview = ShowsPreviews ? () => [.. batch.Select(request => Paint(request, "", resolved, mends: true).Image)] : null });
        progress?.Report(new GenerateProgress("denoise", resolved.Steps!.Value, resolved.Steps.Value));
        return [.. batch.Select(request => Paint(request, company, resolved, Mends))];
    }

    private static GeneratedImage Paint(ImageRequest request, string company, GenerateOptions options, bool mends)
    {
        var seconds = new StageSeconds(Random.Shared.NextDouble(), Random.Shared.NextDouble(), Random.Shared.NextDouble());
        if (!mends && request.Prompt.Contains("broken", StringComparison.Ordinal))
        {
            return new GeneratedImage(request, null, "nan", [], seconds);
        }

        var pixels = new byte[options.Width!.Value * options.Height!.Value * 3];
        var key = System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes($"{company}{request.Seed}{request.Index}{request.Text}{options.Steps}"));
        for (var i = 0; i < pixels.Length; i++)
        {
            pixels[i] = key[i % key.Length];
        }

        return new GeneratedImage(request, new RgbImage(options.Width.Value, options.Height.Value, pixels), null, [], seconds);
    }
}
