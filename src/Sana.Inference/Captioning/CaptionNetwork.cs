using System.Buffers;
using Microsoft.ML.OnnxRuntime;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Inference.Text;

namespace Sana.Inference.Captioning;

/// <summary>
/// Captions images with a checkpoint of Florence-2, or of ViT with GPT-2, whose graphs <c>sana build</c> has made. The encoder runs once for each image, the decoder once for each token.
/// Any number of threads may use one instance; their batches run one after the other.
/// </summary>
public sealed class CaptionNetwork : IDisposable
{
    private const string Pixels = "pixel_values";
    private const string Question = "input_ids";
    private const int EncoderPixels = 16 * 224 * 224; // of all images that the encoder reads at once: its activations are many times as large

    private readonly OnnxModel _encoder;
    private readonly CaptionDecoder _decoder;
    private readonly Gpt2Vocabulary _vocabulary;
    private readonly CaptionerFacts _facts;
    private readonly CaptionNetworkOptions _options;
    private readonly Dictionary<string, long[]> _questions;
    private readonly Lock _one = new();
    private bool _isDisposed;

    private CaptionNetwork(
        OnnxModel encoder, CaptionDecoder decoder, Gpt2Vocabulary vocabulary, CaptionerFacts facts, Dictionary<string, long[]> questions, CaptionNetworkOptions options) =>
        (_encoder, _decoder, _vocabulary, _facts, _questions, _options) = (encoder, decoder, vocabulary, facts, questions, options);

    /// <summary>Name of the checkpoint: its folder's, or <c>owner/name</c> in the Hugging Face cache.</summary>
    public string Name => _facts.Name;

    /// <summary>SHA-256 over the checkpoint's configs, its vocabulary and the headers, lengths and a sample of its weights, and the precision where it is not float32, lower-case hex.</summary>
    public string Fingerprint => _facts.Fingerprint;

    /// <summary>What its layers compute in.</summary>
    public Precision Precision => _options.Precision;

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
        var decoder = CaptionDecoder.Load(Path.Combine(checkpoint, options.Precision.FileOf("decoder_model")), network);
        OnnxModel? encoder = null;
        try
        {
            var facts = CaptionerFacts.From(decoder.Metadata);
            var vocabulary = facts.AsksQuestions ? Gpt2Vocabulary.LoadWithMerges(checkpoint) : Gpt2Vocabulary.Load(checkpoint);
            string[] question = facts.AsksQuestions ? [Question] : [];
            encoder = OnnxModel.Load(Path.Combine(checkpoint, options.Precision.FileOf("encoder_model")), network, [Pixels, .. question, .. decoder.CrossNames]);
            CheckFit(checkpoint, facts, CaptionerFacts.From(encoder.Metadata), vocabulary);
            return new CaptionNetwork(encoder, decoder, vocabulary, facts, Questions(checkpoint, facts, vocabulary), options);
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
        lock (_one)
        {
            _isDisposed = true;
            _encoder.Dispose();
            _decoder.Dispose();
        }
    }

    /// <summary>The sentence that a task asks; null for a family that is not asked for anything.</summary>
    /// <param name="options">Resolved.</param>
    public static string? QuestionOf(GenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.Task is { } task ? FlorenceTasks.Questions[task] : null;
    }

    /// <summary>Logits of the token that follows these.</summary>
    /// <param name="image">What is captioned.</param>
    /// <param name="ids">Without the start token.</param>
    /// <param name="cached">Run token by token with the cache, as captions are made; else all tokens in one run.</param>
    /// <param name="task">What is asked for; null where nothing is.</param>
    internal FloatTensor LogitsAfter(RgbImage image, IReadOnlyList<int> ids, bool cached = false, string? task = null)
    {
        long[] all = [_facts.StartId, .. ids.Select(id => (long)id)];
        using var cache = _decoder.Begin(Encode([image], task, default));
        var logits = default(FloatTensor);
        foreach (var some in all.Chunk(cached ? 1 : all.Length))
        {
            using var values = _decoder.Next(cache, some, default);
            logits = FloatTensor.From(values);
        }

        return logits;
    }

    private GeneratedCaption[] Caption(RgbImage[] images, GenerationOptions options, CancellationToken cancellationToken)
    {
        var searches = Array.ConvertAll(images, image => CaptionSearch.Create(image, options, _facts));

        // A caption of one token may be known beforehand. One batch at a time: a second one would take memory, and share the same cores.
        if (!searches[0].HasEnded)
        {
            lock (_one)
            {
                ObjectDisposedException.ThrowIf(_isDisposed, this);
                Search(images, options, searches, cancellationToken);
            }
        }

        return Array.ConvertAll(searches, search => search.Finished(_vocabulary));
    }

    private void Search(RgbImage[] images, GenerationOptions options, CaptionSearch[] open, CancellationToken cancellationToken)
    {
        using var cache = _decoder.Begin(Encode(images, options.Task, cancellationToken));
        long[] first = _facts.ForcedFirstId is { } forced ? [_facts.StartId, forced] : [_facts.StartId];
        long[] ids = [.. open.SelectMany(_ => first)];
        while (true)
        {
            using (var logits = _decoder.Next(cache, ids, cancellationToken))
            {
                var length = cache.Captions * _facts.VocabularySize;
                Parallel.For(0, open.Length, Parallelism(cancellationToken), row => open[row].Take(logits.GetTensorDataAsSpan<float>().Slice(row * length, length)));
            }

            // Captions that have ended are not computed any further: the last image that goes on takes the place of one that does not.
            var places = Enumerable.Range(0, open.Length).Where(row => !open[row].HasEnded).ToArray();
            if (places.Length == 0)
                return;
            var last = places.Length - 1;
            places = [.. Enumerable.Range(0, places.Length).Select(place => open[place].HasEnded ? places[last--] : place)];
            open = Array.ConvertAll(places, place => open[place]);
            cache.Continue(places, Array.ConvertAll(open, search => search.Parents));
            ids = [.. open.SelectMany(search => search.Last)];
        }
    }

    // Keys and values of the cross-attention of all images, in the order of the decoder's names.
    private FloatTensor[] Encode(RgbImage[] images, string? task, CancellationToken cancellationToken)
    {
        var (side, length) = (_facts.Side, 3 * _facts.Side * _facts.Side);
        var atOnce = Math.Clamp(EncoderPixels / (side * side), 1, images.Length);
        var pixels = ArrayPool<float>.Shared.Rent(atOnce * length);
        using var question = task is null ? null : OrtValue.CreateTensorValueFromMemory(_questions[task], [_questions[task].Length]);
        var all = new FloatTensor[_decoder.CrossNames.Count];
        try
        {
            for (var done = 0; done < images.Length; done += atOnce)
            {
                var (from, count) = (done, Math.Min(atOnce, images.Length - done));
                Parallel.For(0, count, Parallelism(cancellationToken), i => Prepare(images[from + i], pixels.AsSpan(i * length, length)));
                using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, pixels.AsMemory(0, count * length), [count, 3, side, side]);
                (string, OrtValue)[] inputs = question is null ? [(Pixels, input)] : [(Pixels, input), (Question, question)];
                using var outputs = _encoder.Run(inputs, [.. _decoder.CrossNames], cancellationToken);
                for (var i = 0; i < all.Length; i++)
                {
                    var values = outputs[i].GetTensorDataAsSpan<float>();
                    if (done == 0)
                        all[i] = FloatTensor.Zeros([images.Length, .. outputs[i].GetTensorTypeAndShape().Shape[1..]]);
                    values.CopyTo(all[i].Data.AsSpan(values.Length / count * done));
                }
            }

            return all;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(pixels);
        }
    }

    private ParallelOptions Parallelism(CancellationToken cancellationToken) =>
        new() { MaxDegreeOfParallelism = _options.Threads == 0 ? -1 : _options.Threads, CancellationToken = cancellationToken };

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
        if (vocabulary.FirstGap(decoder.LastId) is { } gap)
            throw new InferenceException($"The vocabulary of {checkpoint} has no token {gap}, but its config.json counts to {decoder.LastId}; use the one that belongs to it.");
    }

    // The ids of each task's sentence, between the tokens that begin and end it.
    private static Dictionary<string, long[]> Questions(string checkpoint, CaptionerFacts facts, Gpt2Vocabulary vocabulary)
    {
        if (!facts.AsksQuestions)
            return [];
        var questions = FlorenceTasks.Questions.ToDictionary(
            task => task.Key, task => (long[])[vocabulary.Require("<s>"), .. vocabulary.Encode(task.Value).Select(id => (long)id), vocabulary.Require("</s>")], StringComparer.Ordinal);
        var longest = questions.Values.Max(ids => ids.Length);
        return facts.ImageTokens + longest <= facts.Positions
            ? questions
            : throw new InferenceException($"An image has {facts.ImageTokens} tokens and the longest question {longest} in {checkpoint}, but its encoder takes {facts.Positions}; use the tokenizer.json that belongs to it.");
    }
}

/// <summary>How a <see cref="CaptionNetwork"/> is loaded.</summary>
public sealed record CaptionNetworkOptions
{
    /// <summary>Images that may be captioned together.</summary>
    public const int MostImages = 256;

    /// <value>Where the networks run. Default the processor.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <value>Threads for one node of the network and for preparing images, 0…1024; 0 takes every core. Default 0.</value>
    public int Threads { get; init; }

    /// <value>Images that are captioned together, 1…256. It changes captions by rounding only. Default 16.</value>
    public int BatchSize { get; init; } = 16;

    /// <value>What the layers compute in, <see cref="Precision.Float32"/> or <see cref="Precision.W8A8"/>. The graphs of that precision must be there. Default float32.</value>
    public Precision Precision { get; init; } = Precision.Float32;

    /// <exception cref="InferenceException">A value is out of its range, or the device has no kernels for the precision.</exception>
    internal void Check()
    {
        Precision.OfCurationOn(Device);
        if (BatchSize is < 1 or > MostImages)
            throw new InferenceException($"Batch size {BatchSize} is not in 1…256; use 16.");
    }
}
