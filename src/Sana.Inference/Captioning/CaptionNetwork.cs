using System.Buffers;
using Microsoft.ML.OnnxRuntime;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Inference.Text;

namespace Sana.Inference.Captioning;

/// <summary>
/// Captions images with a checkpoint of a vision encoder and a text decoder whose graphs <c>sana build</c> has made. The encoder runs once for each image, the decoder once for each token.
/// Any number of threads may use one instance.
/// </summary>
public sealed class CaptionNetwork : IDisposable
{
    private const string Pixels = "pixel_values";

    private readonly OnnxModel _encoder;
    private readonly CaptionDecoder _decoder;
    private readonly Gpt2Vocabulary _vocabulary;
    private readonly CaptionerFacts _facts;
    private readonly CaptionNetworkOptions _options;

    private CaptionNetwork(OnnxModel encoder, CaptionDecoder decoder, Gpt2Vocabulary vocabulary, CaptionerFacts facts, CaptionNetworkOptions options) =>
        (_encoder, _decoder, _vocabulary, _facts, _options) = (encoder, decoder, vocabulary, facts, options);

    /// <summary>Name of the checkpoint: its folder's, or <c>owner/name</c> in the Hugging Face cache.</summary>
    public string Name => _facts.Name;

    /// <summary>SHA-256 over the checkpoint's configs, its vocabulary and the headers, lengths and a sample of its weights, lower-case hex.</summary>
    public string Fingerprint => _facts.Fingerprint;

    /// <summary>Longest caption in tokens, unless the options say another.</summary>
    public int MaxTokens => _facts.MaxTokens;

    /// <summary>Loads the graphs of a checkpoint folder; weights are mapped from its files.</summary>
    /// <param name="checkpoint">The folder of the checkpoint.</param>
    /// <param name="options">Device, threads, batch.</param>
    /// <exception cref="InferenceException">A graph is missing or of another version, the vocabulary cannot be read or does not fit, the device is not there, an option is out of range.</exception>
    public static CaptionNetwork Load(string checkpoint, CaptionNetworkOptions options)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        var network = new OnnxModelOptions(options.Device, options.Threads, KeepMemory: true);
        var vocabulary = Gpt2Vocabulary.Load(checkpoint);
        var decoder = CaptionDecoder.Load(Path.Combine(checkpoint, "decoder_model.onnx"), network);
        OnnxModel? encoder = null;
        try
        {
            encoder = OnnxModel.Load(Path.Combine(checkpoint, "encoder_model.onnx"), network, [Pixels, .. decoder.CrossNames]);
            var facts = CaptionerFacts.From(decoder.Metadata);
            CheckFit(checkpoint, facts, CaptionerFacts.From(encoder.Metadata), vocabulary);
            return new CaptionNetwork(encoder, decoder, vocabulary, facts, options);
        }
        catch
        {
            decoder.Dispose();
            encoder?.Dispose();
            throw;
        }
    }

    /// <summary>One caption for each image, in order; an image for which the network gives no numbers has a failure instead.</summary>
    /// <param name="images">Any sizes.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <param name="cancellationToken">Stops between two nodes of the network.</param>
    /// <exception cref="InferenceException">An option is out of range, or an image has not as many bytes as its size implies.</exception>
    public IReadOnlyList<GeneratedCaption> Generate(IReadOnlyList<RgbImage> images, GenerationOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(options);
        var resolved = options.Resolve(_facts);
        foreach (var image in images)
            image.Check();
        return [.. images.Chunk(_options.BatchSize).SelectMany(batch => Caption(batch, resolved, cancellationToken))];
    }

    /// <summary>Checks options without running anything, and fills in what the checkpoint decides.</summary>
    /// <exception cref="InferenceException">An option is out of range.</exception>
    public GenerationOptions Resolve(GenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.Resolve(_facts);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _encoder.Dispose();
        _decoder.Dispose();
    }

    /// <summary>Logits of the token that follows these.</summary>
    /// <param name="image">What is captioned.</param>
    /// <param name="ids">Without the start token.</param>
    /// <param name="cached">Run token by token with the cache, as captions are made; else all tokens in one run.</param>
    internal FloatTensor LogitsAfter(RgbImage image, IReadOnlyList<int> ids, bool cached = false)
    {
        long[] all = [_facts.StartId, .. ids.Select(id => (long)id)];
        using var cache = _decoder.Begin(Encode([image], default));
        var logits = default(FloatTensor);
        foreach (var some in all.Chunk(cached ? 1 : all.Length))
            logits = _decoder.Next(cache, some, default);

        return logits;
    }

    private GeneratedCaption[] Caption(RgbImage[] images, GenerationOptions options, CancellationToken cancellationToken)
    {
        var drafts = Array.ConvertAll(images, image => new CaptionDraft(new TokenSampler(image, _facts.VocabularySize, options), options.MaxTokens!.Value, _facts.EndIds));
        var open = drafts;
        using var cache = _decoder.Begin(Encode(images, cancellationToken));
        var ids = Array.ConvertAll(open, _ => (long)_facts.StartId);
        while (true)
        {
            var logits = _decoder.Next(cache, ids, cancellationToken);
            for (var row = 0; row < open.Length; row++)
                open[row].Take(logits.Data.AsSpan(row * _facts.VocabularySize, _facts.VocabularySize));

            // Captions that have ended are not computed any further.
            var rows = Enumerable.Range(0, open.Length).Where(row => !open[row].HasEnded).ToArray();
            if (rows.Length == 0)
                return Array.ConvertAll(drafts, draft => draft.Finished(_vocabulary, [_facts.StartId, .. _facts.EndIds], Name));

            if (rows.Length < open.Length)
            {
                cache.Keep(rows);
                open = Array.ConvertAll(rows, row => open[row]);
            }

            ids = Array.ConvertAll(open, draft => (long)draft.Last);
        }
    }

    private IDisposableReadOnlyCollection<OrtValue> Encode(RgbImage[] images, CancellationToken cancellationToken)
    {
        var (side, length) = (_facts.Side, 3 * _facts.Side * _facts.Side);
        var pixels = ArrayPool<float>.Shared.Rent(images.Length * length);
        try
        {
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = _options.Threads == 0 ? -1 : _options.Threads, CancellationToken = cancellationToken };
            Parallel.For(0, images.Length, parallel, i => Prepare(images[i], pixels.AsSpan(i * length, length)));
            using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, pixels.AsMemory(0, images.Length * length), [images.Length, 3, side, side]);
            return _encoder.Run([(Pixels, input)], [.. _decoder.CrossNames], cancellationToken);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(pixels);
        }
    }

    // The whole image is resized to the square; nothing is cropped.
    private void Prepare(RgbImage image, Span<float> planes)
    {
        var side = _facts.Side;
        var bytes = ArrayPool<byte>.Shared.Rent((3 * side * side) + 1);
        PilResize.Cut(image, (side, side), (0, 0), (side, side), _facts.Filter, bytes);
        _facts.Levels.Write(bytes.AsSpan(0, 3 * side * side), planes);
        ArrayPool<byte>.Shared.Return(bytes);
    }

    private static void CheckFit(string checkpoint, CaptionerFacts decoder, CaptionerFacts encoder, Gpt2Vocabulary vocabulary)
    {
        if (decoder.Fingerprint != encoder.Fingerprint)
            throw new InferenceException($"The two graphs of {checkpoint} are of different checkpoints; run `sana build --force` on it.");

        if (vocabulary.Size > decoder.VocabularySize)
            throw new InferenceException($"The vocabulary of {checkpoint} has {vocabulary.Size} ids, its decoder {decoder.VocabularySize}; use the one that belongs to it.");
    }
}

/// <summary>How a <see cref="CaptionNetwork"/> is loaded.</summary>
public sealed record CaptionNetworkOptions
{
    /// <value>Where the networks run. Default the processor.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <value>Threads for one node of the network and for preparing images, 0…1024; 0 takes every core. Default 0.</value>
    public int Threads { get; init; }

    /// <value>Images that are captioned together, 1…256. It changes captions by rounding only. Default 16.</value>
    public int BatchSize { get; init; } = 16;

    /// <exception cref="InferenceException">A value is out of its range.</exception>
    internal void Check()
    {
        if (BatchSize is < 1 or > 256)
            throw new InferenceException($"Batch size {BatchSize} is not in 1…256; use 16.");
    }
}

/// <summary>A caption while its tokens are chosen.</summary>
internal sealed class CaptionDraft(TokenSampler choice, int maxTokens, int[] endIds)
{
    private readonly List<int> _ids = [];
    private bool _stopped;
    private bool _failed;

    public bool HasEnded => _stopped || _failed || _ids.Count == maxTokens;

    /// <summary>The latest token.</summary>
    public int Last => _ids[^1];

    /// <summary>Takes the next token.</summary>
    public void Take(ReadOnlySpan<float> logits)
    {
        if (choice.Next(logits, _ids.Count) is not { } id)
        {
            _failed = true;
        }
        else if (endIds.Contains(id))
        {
            _stopped = true;
        }
        else
        {
            _ids.Add(id);
        }
    }

    /// <summary>The caption as it is now.</summary>
    /// <param name="vocabulary">For its text.</param>
    /// <param name="silent">Ids that are left out of the text.</param>
    /// <param name="network">For the message of a failure.</param>
    public GeneratedCaption Finished(Gpt2Vocabulary vocabulary, int[] silent, string network) => new()
    {
        Text = _failed ? "" : vocabulary.Decode(_ids, silent),
        Ids = _ids,
        Tokens = _ids.Count + (_stopped ? 1 : 0),
        FinishReason = _failed ? null : _stopped ? "stop" : "length",
        Failure = _failed ? $"The network {network} gave no numbers for token {_ids.Count + 1} of this image; its weights may be damaged." : null,
    };
}
