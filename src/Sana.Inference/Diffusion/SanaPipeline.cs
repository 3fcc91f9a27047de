using System.Diagnostics;
using System.Numerics.Tensors;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>
/// Prompts to images with a Sana checkpoint (SANA, arXiv:2410.10629; diffusers' SanaPipeline and SanaSprintPipeline) whose graphs
/// <c>sana build</c> has made. One caller at a time may use a pipeline.
/// </summary>
public sealed class SanaPipeline : IDisposable
{
    /// <summary>The failure of a prompt that is refused for its length.</summary>
    internal const string TooLong = "prompt_too_long";

    private readonly CheckpointFacts _facts;
    private readonly PromptEncoder _prompts;
    private readonly LoadedTransformer _transformer;
    private readonly LoadedTransformer? _inFloat32; // loaded when another precision fails
    private readonly AdapterShelf _adapters;
    private readonly bool _embedsGuidance;
    private readonly int _channels;
    private readonly AutoencoderDC _autoencoder;
    private readonly StartLatents _starts;
    private readonly ControlShelf _controls;
    private readonly int _maxUntiledPixels;
    private readonly UseCount _uses;

    internal SanaPipeline(
        PromptEncoder prompts, LoadedTransformer transformer, LoadedTransformer? inFloat32, AutoencoderDC autoencoder, int maxUntiledPixels, IReadOnlyList<Adapter>? adapters = null, OtherDecoder? decoder = null,
        Func<OnnxModel>? encoder = null, ControlShelf? controls = null)
    {
        var loaded = transformer.Get(extended: false);
        _inFloat32 = inFloat32;
        _adapters = new AdapterShelf(adapters ?? []);
        _controls = controls ?? new ControlShelf([], (control, _) => throw new InferenceException($"This pipeline was loaded without the control network {control.Name}."));
        _facts = CheckpointFacts.From(loaded.Metadata).With(decoder) with { Adapters = _adapters.Hashes, Controls = _controls.Fingerprints };
        (_embedsGuidance, _channels) = (loaded.EmbedsGuidance, loaded.Channels);
        _prompts = prompts;
        _transformer = transformer;
        _autoencoder = autoencoder;
        _maxUntiledPixels = maxUntiledPixels;
        _uses = new UseCount(Free);
        _starts = new StartLatents(encoder ?? (() => throw new InferenceException("This pipeline was loaded without the autoencoder's encoder, which start images and control images need.")), maxUntiledPixels);
    }

    /// <summary>SHA-256 over the checkpoint's configs and the headers, lengths and a sample of its weights, lower-case hex.</summary>
    public string Fingerprint => _facts.Fingerprint;

    /// <summary>Name of the checkpoint's folder.</summary>
    public string ModelName => _facts.Name;

    /// <summary>What the networks compute in: <c>float32</c>, <c>w8a8</c> or <c>mixed</c>.</summary>
    public string Precision => _facts.Precision;

    /// <summary>Name of the decoder that takes the place of the checkpoint's own; null for that.</summary>
    public string? Decoder => _facts.Decoder;

    /// <summary>The adapters that images may be asked for with: SHA-256 of the file by name.</summary>
    public IReadOnlyDictionary<string, string> Adapters => _facts.Adapters;

    /// <summary>The control networks that images may be asked for with: fingerprint by name.</summary>
    public IReadOnlyDictionary<string, string> Controls => _facts.Controls;

    /// <summary>What a process without the networks needs to fill in defaults.</summary>
    internal CheckpointFacts Facts => _facts;

    /// <summary>Loads the graphs of a checkpoint folder; weights are mapped from its files.</summary>
    /// <exception cref="InferenceException">A graph is missing or of another version, a tokenizer cannot be read, the device is not there.</exception>
    public static SanaPipeline Load(string checkpoint, PipelineOptions options)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(options);
        return PipelineLoader.Load(checkpoint, options);
    }

    /// <summary>The same options with every default filled in from the checkpoint.</summary>
    /// <exception cref="InferenceException">A value is out of its range.</exception>
    public GenerateOptions Resolve(GenerateOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.Resolve(_facts);
    }

    /// <summary>How many tokens a prompt has and how many are read. Any number of threads may ask, also while images are made.</summary>
    /// <exception cref="InferenceException">The text is longer than 1,000,000 characters.</exception>
    public PromptLength Measure(string prompt, bool useInstruction)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return _prompts.Measure(prompt, useInstruction);
    }

    /// <summary>
    /// A more detailed prompt of at most 77 words, written by the checkpoint's text encoder after its instruction, the likeliest token each time; the prompt itself where it wrote nothing that can be
    /// used. The same prompt gives the same text in any batch.
    /// </summary>
    /// <exception cref="InferenceException">The text is no prompt, or the checkpoint has no instruction or no graph of the head.</exception>
    public string Enhance(string prompt, CancellationToken cancellationToken = default)
    {
        PromptLimits.Check(prompt, "Prompt");
        using var use = _uses.Hold(this);
        return _prompts.Enhance(prompt, cancellationToken);
    }

    /// <summary>Makes one image for every request. Images that come out broken carry a reason instead of pixels.</summary>
    /// <param name="requests">1 or more; they run as one batch.</param>
    /// <param name="options">Shared by the batch; defaults are filled in.</param>
    /// <param name="progress">Told after each step of each stage, on the calling thread.</param>
    /// <param name="cancellationToken">Stops inside a step.</param>
    /// <exception cref="InferenceException">A request or an option is out of its range.</exception>
    public IReadOnlyList<GeneratedImage> Generate(
        IReadOnlyList<ImageRequest> requests, GenerateOptions options, IProgress<GenerateProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        ArgumentNullException.ThrowIfNull(options);
        if (options.EnhancePrompt)
            requests = Revised(requests, cancellationToken);
        if (!options.RefuseLongPrompts)
            return Generate(requests, options, (stream, height, width) => Noise(requests, stream, height, width), null, progress, cancellationToken);

        // What is refused is not part of the batch: which prompts are too long follows from their texts alone, so the batch is the same after any retry.
        ImageRequest[] fitting = [.. requests.Where(request => Fits(request, options))];
        var made = fitting.Length == 0 ? [] : Generate(fitting, options with { RefuseLongPrompts = false }, progress, cancellationToken);
        var images = new Queue<GeneratedImage>(made);
        var seconds = made is [var first, ..] ? first.Seconds : new StageSeconds(0, 0, 0);
        return [.. requests.Select(request => images.TryPeek(out var next) && ReferenceEquals(next.Request, request)
            ? images.Dequeue()
            : new GeneratedImage(request, null, TooLong, [], seconds))];
    }

    /// <summary>Releases the networks. A batch that is being made keeps them until it ends; a later one is refused.</summary>
    public void Dispose() => _uses.Dispose();

    private ImageRequest[] Revised(IReadOnlyList<ImageRequest> requests, CancellationToken cancellationToken)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        return [.. requests.Select(request => request.RevisedPrompt is null ? request with { RevisedPrompt = Text(request.Prompt) } : request)];

        string Text(string prompt) => texts.TryGetValue(prompt, out var known) ? known : texts[prompt] = Enhance(prompt, cancellationToken);
    }

    private void Free()
    {
        _prompts.Dispose();
        _transformer.Dispose();
        _inFloat32?.Dispose();
        _autoencoder.Dispose();
        _starts.Dispose();
        _controls.Dispose();
        _adapters.Dispose();
    }

    /// <summary>The same with given noise, and with an observer of the velocity and the latents of each step.</summary>
    internal IReadOnlyList<GeneratedImage> Generate(
        IReadOnlyList<ImageRequest> requests, GenerateOptions options, NoiseSource noise, StepObserver? observe,
        IProgress<GenerateProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using var use = _uses.Hold(this);

        // 1. Check inputs, fill in defaults
        options = Resolve(options);
        foreach (var request in requests)
        {
            PromptLimits.Check(request.Prompt, "Prompt");
            PromptLimits.Check(request.Text, "Revised prompt");
        }

        // 2. Size to generate at: a trained aspect ratio near the request
        var (height, width) = SizeFor(options);

        // 3. Text -> embeddings [tokens, channels]: classifier-free guidance puts the negative prompts before the prompts
        var clock = Stopwatch.StartNew();
        var guided = IsGuided(options);
        var prompts = requests.Select(r => _prompts.Encode(r.Text, options.UseInstruction, cancellationToken)).ToArray();
        var negative = guided ? _prompts.Encode(options.NegativePrompt, useInstruction: false, cancellationToken) : null;
        var embeddings = prompts.Select(_ => negative).OfType<PromptEncoder.Encoded>().Concat(prompts).Select(p => p.Embeddings).ToArray();
        var textSeconds = Lap(clock);
        progress?.Report(new GenerateProgress("text", 1, 1));

        // 4. to 6. Conditioning, noise, denoising -> latents [b, channels, h / 32, w / 32]; once more in float32 if another precision broke
        var denoising = new Denoising(_facts, options, noise, observe, Preview, progress, cancellationToken);
        var adapters = _adapters.Inputs(options.Adapters);
        var start = options.StartImage is { } image ? _starts.Of(image, height, width, cancellationToken) : null;
        var picture = options.Control is { } asked ? _starts.Of(asked.Image!, height, width, cancellationToken) : default;
        var latents = denoising.Run(_transformer.Get(options.IsExtended), embeddings, adapters, start, Control(inFloat32: false), height, width);
        var retried = _inFloat32 is not null && OutputGuard.Check(latents.Data) is not null;
        if (retried)
            latents = denoising.Run(_inFloat32!.Get(options.IsExtended), embeddings, adapters, start, Control(inFloat32: true), height, width);

        var denoiseSeconds = Lap(clock);

        ControlInputs? Control(bool inFloat32) => options.Control is { } control
            ? new ControlInputs(_controls.Get(control.Name, inFloat32), ForEach(picture, requests.Count), control.Scale)
            : null;

        IReadOnlyList<RgbImage?> Preview(FloatTensor clean) => [.. Enumerable.Range(0, requests.Count).Select(i => Finish(SampleOf(clean, i), options, cancellationToken).Image)];

        // 7. Decode latents / scaling factor -> [3, h, w], an image at a time; 8. resize, crop, round -> 8-bit pixels
        var images = new List<GeneratedImage>();
        for (var i = 0; i < requests.Count; i++)
        {
            var (pixels, failure) = Finish(SampleOf(latents, i), options, cancellationToken);
            var flags = Flags(requests[i], prompts[i], negative, options, height, width, retried);
            images.Add(new GeneratedImage(requests[i], pixels, failure, flags, new StageSeconds(textSeconds, denoiseSeconds, 0)));
            progress?.Report(new GenerateProgress("decode", i + 1, requests.Count));
        }

        var decodeSeconds = Lap(clock);
        return [.. images.Select(made => made with { Seconds = made.Seconds with { Decode = decodeSeconds } })];
    }

    /// <summary>Step 7 for one image: latents [1, channels, h / 32, w / 32] to planes [1, 3, h, w] around −1…1.</summary>
    internal FloatTensor Decode(FloatTensor latents, CancellationToken cancellationToken = default)
    {
        var scaled = FloatTensor.Zeros(latents.Shape);
        TensorPrimitives.Divide(latents.Data, _autoencoder.ScalingFactor, scaled.Data);
        return IsTiled(latents.Shape[2], latents.Shape[3]) ? _autoencoder.Decode(scaled, Tiling.Default, cancellationToken) : _autoencoder.Decode(scaled, cancellationToken);
    }

    private (RgbImage? Image, string? Failure) Finish(FloatTensor latents, GenerateOptions options, CancellationToken cancellationToken)
    {
        if (OutputGuard.Check(latents.Data) is { } broken)
            return (null, broken);

        var decoded = Decode(latents, cancellationToken);
        if (OutputGuard.Check(decoded.Data) is { } invalid)
            return (null, invalid);

        var image = Pixels.FromDecoded(decoded.Data, (int)decoded.Shape[2], (int)decoded.Shape[3], options.Height!.Value, options.Width!.Value, stretches: options.StartImage is not null || options.Control is not null);
        return OutputGuard.Check(image) is { } failure ? (null, failure) : (options.StartImage?.Pixels?.LayBack(image) ?? image, null);
    }

    /// <summary>Step 2.</summary>
    internal (int Height, int Width) SizeFor(GenerateOptions options) =>
        options.UseResolutionBinning && AspectRatioBins.For(_facts.SampleSize) is { } bins
            ? bins.Nearest(options.Height!.Value, options.Width!.Value)
            : (options.Height!.Value, options.Width!.Value);

    private static FloatTensor SampleOf(FloatTensor batch, int i)
    {
        var length = batch.Data.Length / (int)batch.Shape[0];
        return new FloatTensor(batch.Data.AsSpan(i * length, length).ToArray(), [1, .. batch.Shape[1..]]);
    }

    private static FloatTensor ForEach(FloatTensor one, int samples) => new([.. Enumerable.Repeat(one.Data, samples).SelectMany(data => data)], [samples, .. one.Shape[1..]]);

    private static double Lap(Stopwatch clock)
    {
        var seconds = clock.Elapsed.TotalSeconds;
        clock.Restart();
        return seconds;
    }

    // Depends on each request's seed and index only: the same in any batch and after any retry.
    private FloatTensor Noise(IReadOnlyList<ImageRequest> requests, int stream, int height, int width)
    {
        var noise = FloatTensor.Zeros(requests.Count, _channels, height / _facts.Compression, width / _facts.Compression);
        var length = noise.Data.Length / requests.Count;
        for (var i = 0; i < requests.Count; i++)
            LatentNoise.Fill(noise.Data.AsSpan(i * length, length), requests[i].Seed, requests[i].Index, stream);

        return noise;
    }

    private bool IsTiled(long latentHeight, long latentWidth) => latentHeight * latentWidth * _facts.Compression * _facts.Compression > _maxUntiledPixels;

    private bool IsGuided(GenerateOptions options) => options.Guidance > 1 && !_embedsGuidance;

    private bool Fits(ImageRequest request, GenerateOptions options)
    {
        var negative = IsGuided(options) ? Measure(options.NegativePrompt, useInstruction: false) : default;
        return !IsCut(request.Prompt, options) && !IsCut(request.Text, options) && negative.Tokens <= negative.Limit;
    }

    private bool IsCut(string prompt, GenerateOptions options) => Measure(prompt, options.UseInstruction) is var length && length.Tokens > length.Limit;

    private string[] Flags(ImageRequest request, PromptEncoder.Encoded prompt, PromptEncoder.Encoded? negative, GenerateOptions options, int height, int width, bool retried)
    {
        List<string> flags = [];
        // Who enhances a prompt reads no more of it than who makes the image.
        if (prompt.Truncated || (request.RevisedPrompt is not null && IsCut(request.Prompt, options)))
            flags.Add("prompt_truncated");
        if (negative is { Truncated: true })
            flags.Add("negative_prompt_truncated");
        if (request.RevisedPrompt == request.Prompt)
            flags.Add("prompt_not_enhanced");
        if ((height, width) != (options.Height, options.Width))
            flags.Add("binned");
        if (IsTiled(height / _facts.Compression, width / _facts.Compression))
            flags.Add("tiled");
        if (retried)
            flags.Add("retried_fp32");
        if (options.StartImage is { MaskSha256: null } start && start.FirstStep(options.Steps!.Value) == 0)
            flags.Add("start_image_unused");

        return [.. flags];
    }
}
