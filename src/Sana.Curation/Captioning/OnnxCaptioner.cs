using System.Diagnostics;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Sana.Curation.Captioning.Config;
using Sana.Curation.Ingest;
using Sana.Curation.Shards;
using Sana.Inference;
using Sana.Inference.Captioning;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;

namespace Sana.Curation.Captioning;

/// <summary>
/// A captioner that runs here, on ONNX Runtime. What is asked while a batch runs makes up the next one, so several images share each pass over the weights.
/// </summary>
public sealed class OnnxCaptioner : ICaptioner, IAsyncDisposable
{
    // Bounds the decoded images of a batch; one that takes more is a batch of its own.
    private const long MostBatchBytes = 256L << 20;

    // A question that is asked again would get the same answer: another draw, and words that were said once are less likely.
    private const double RepairTemperature = 0.7;
    private const double RepairTopP = 0.9;
    private const double RepairRepetitionPenalty = 1.3;

    private readonly CaptionNetwork _network;
    private readonly Action _release;
    private readonly OnnxCaptionerOptions _options;
    private readonly Channel<Question> _questions = Channel.CreateUnbounded<Question>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _worker;

    /// <summary>A captioner of a loaded network, which several may share.</summary>
    /// <param name="network">Loaded for batches of any size.</param>
    /// <param name="options">Label, batch, decoding; device and threads are the network's.</param>
    /// <param name="release">Called when the captioner is disposed and uses the network no more.</param>
    /// <exception cref="CurationException">The label is not allowed.</exception>
    /// <exception cref="InferenceException">An option is out of range for this network.</exception>
    public OnnxCaptioner(CaptionNetwork network, OnnxCaptionerOptions options, Action release)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(options);
        (_network, _options, _release) = (network, options, release);
        var first = network.Resolve(options.Generation);
        _ = network.Resolve(RepairOptions(""));
        Card = new CaptionerCard(
            CaptionLabel.Check(options.Label), network.Name, network.Fingerprint[..16], options.Licence, CaptionNetwork.QuestionOf(first) ?? "", Encoding.UTF8.GetString(CanonicalJson.Bytes(Decoding(first))));
        _worker = Task.Run(Work);
    }

    /// <inheritdoc/>
    public CaptionerCard Card { get; }

    internal CaptionNetwork Network => _network;

    /// <summary>Loads a checkpoint whose graphs have been built.</summary>
    /// <param name="checkpoint">The folder of the checkpoint.</param>
    /// <param name="options">Label, batch, decoding.</param>
    /// <exception cref="CurationException">The label is not allowed.</exception>
    /// <exception cref="InferenceException">The checkpoint cannot be loaded, or an option is out of range.</exception>
    public static OnnxCaptioner Load(string checkpoint, OnnxCaptionerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var network = CaptionNetwork.Load(checkpoint, new CaptionNetworkOptions { Device = options.Device, Threads = options.Threads, BatchSize = options.BatchSize, Precision = options.Precision });
        try
        {
            return new OnnxCaptioner(network, options, network.Dispose);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<CaptionAnswer> Ask(CaptionAsk ask, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(ask);
        var started = Stopwatch.GetTimestamp();
        var question = new Question(ask, ask.Repair is null ? _options.Generation : RepairOptions(ask.Repair), cancellationToken);
        if (!_questions.Writer.TryWrite(question))
            return Unavailable("The captioner has been closed.");
        var answer = await question.Answer.Task.WaitAsync(cancellationToken);
        cancellationToken.ThrowIfCancellationRequested(); // what a stopped run ended is no answer
        return answer with { LatencyMs = Stopwatch.GetElapsedTime(started).TotalMilliseconds };
    }

    /// <summary>Ends the batch that runs; what waits is answered as unavailable.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_questions.Writer.TryComplete())
            return;
        await _stop.CancelAsync();
        await _worker;
        _release();
        _stop.Dispose();
    }

    private GenerationOptions RepairOptions(string reason) => _options.Generation with
    {
        Beams = 1,
        Temperature = RepairTemperature,
        TopP = RepairTopP,
        RepetitionPenalty = RepairRepetitionPenalty,
        Seed = _options.Generation.Seed ^ XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(reason)),
    };

    private async Task Work()
    {
        var batch = new List<Question>(_options.BatchSize);
        while (await _questions.Reader.WaitToReadAsync())
        {
            var bytes = 0L;
            while (batch.Count < _options.BatchSize && _questions.Reader.TryPeek(out var question) && (batch.Count == 0 || bytes + question.DecodedBytes <= MostBatchBytes))
            {
                _questions.Reader.TryRead(out _);
                if (question.Cancellation.IsCancellationRequested)
                    continue;
                batch.Add(question);
                bytes += question.DecodedBytes;
            }

            foreach (var alike in batch.GroupBy(question => question.Options))
                Answer([.. alike]);
            batch.Clear();
        }
    }

    private void Answer(Question[] questions)
    {
        // A run that is stopped takes its batch along; questions of several runs wait for each other.
        var token = questions.Select(question => question.Cancellation).Distinct().Count() == 1 ? questions[0].Cancellation : default;
        using var stopped = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, token);
        try
        {
            var decoded = questions.AsParallel().AsOrdered().Select(question => (question, Image: Decode(question))).Where(one => one.Image is not null).ToArray();
            if (decoded.Length == 0)
                return;
            var captions = _network.Generate(Array.ConvertAll(decoded, one => one.Image!), questions[0].Options, stopped.Token);
            for (var i = 0; i < decoded.Length; i++)
                decoded[i].question.Answer.TrySetResult(ToAnswer(captions[i]));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            Settle(questions, question => question.TrySetResult(Unavailable("The captioner has been closed.")));
        }
        catch (OperationCanceledException)
        {
            Settle(questions, question => question.TrySetCanceled(token));
        }
        catch (InferenceException error)
        {
            Settle(questions, question => question.TrySetResult(Unavailable(error.Message)));
        }
#pragma warning disable CA1031 // Whatever it is, it belongs to those who asked: without it they would wait for ever.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Settle(questions, question => question.TrySetException(error));
        }
    }

    // An image that cannot be decoded is answered here.
    private static RgbImage? Decode(Question question)
    {
        try
        {
            return ImageIngest.Decode(question.Ask.Image.ToArray());
        }
        catch (CurationException error)
        {
            question.Answer.TrySetResult(new CaptionAnswer { Reason = Reasons.BadAnswer, Message = error.Message });
            return null;
        }
    }

    private static void Settle(Question[] questions, Action<TaskCompletionSource<CaptionAnswer>> settle) => Array.ForEach(questions, question => settle(question.Answer));

    private static CaptionAnswer ToAnswer(GeneratedCaption caption) => caption.Failure is { } failure
        ? new CaptionAnswer { Reason = Reasons.BadAnswer, Message = failure, OutputTokens = caption.Tokens, Attempts = 1 }
        : new CaptionAnswer { Text = caption.Text, FinishReason = caption.FinishReason, OutputTokens = caption.Tokens, Attempts = 1 };

    private static CaptionAnswer Unavailable(string message) => new() { Reason = Reasons.CaptionerUnavailable, Message = message };

    private JsonObject Decoding(GenerationOptions first)
    {
        var decoding = new JsonObject
        {
            ["max_tokens"] = first.MaxTokens,
            ["temperature"] = first.Temperature,
            ["top_p"] = first.TopP,
            ["repetition_penalty"] = first.RepetitionPenalty,
            ["seed"] = first.Seed,
            ["repair_temperature"] = RepairTemperature,
            ["repair_top_p"] = RepairTopP,
            ["repair_repetition_penalty"] = RepairRepetitionPenalty,
        };
        // What is as it always was is left out: captions keep the identity that they had before there was a choice.
        if (first.Task is { } task)
            decoding["task"] = task;
        if (first.Beams > 1)
            decoding["beams"] = first.Beams;
        if (first.NoRepeatNgramSize > 0)
            decoding["no_repeat_ngram_size"] = first.NoRepeatNgramSize;
        if (_network.Precision != Precision.Float32)
            decoding["precision"] = _network.Precision.Word();
        if (_options.Rules != new CaptionRules())
            decoding["rules"] = JsonSerializer.SerializeToNode(_options.Rules, ConfigJson.Settings.CaptionRules);
        return decoding;
    }

    private sealed record Question(CaptionAsk Ask, GenerationOptions Options, CancellationToken Cancellation)
    {
        public long DecodedBytes => 3L * Ask.Width * Ask.Height;

        public TaskCompletionSource<CaptionAnswer> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>How a captioner runs here.</summary>
public sealed record OnnxCaptionerOptions
{
    /// <summary>What a configuration asks for.</summary>
    /// <param name="config">Of the kind <c>onnx</c>; its decoding holds where it says more than the checkpoint.</param>
    /// <param name="device">Where the networks run.</param>
    public static OnnxCaptionerOptions FromConfig(CaptionerConfig config, Device device)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new OnnxCaptionerOptions
        {
            Label = config.Label,
            Licence = config.Licence,
            Rules = config.Rules,
            Device = device,
            BatchSize = config.Concurrency,
            Precision = config.Precision,
            Generation = new GenerationOptions
            {
                // What endpoints are given by default says nothing of a network's own limit.
                MaxTokens = config.Decoding.MaxTokens == new Decoding().MaxTokens ? null : config.Decoding.MaxTokens,
                Temperature = config.Decoding.Temperature,
                TopP = config.Decoding.TopP ?? 1,
                RepetitionPenalty = config.Decoding.RepetitionPenalty ?? 1,
                Seed = (ulong)(config.Decoding.Seed ?? 0),
                Task = config.Task,
                Beams = config.Beams,
                NoRepeatNgramSize = config.NoRepeatNgramSize,
            },
        };
    }

    /// <value>Its id in shards and sidecars: ASCII letters, digits, hyphens and underscores, no dots, 1…64.</value>
    public required string Label { get; init; }

    /// <value>Of the model's captions; null when nobody said.</value>
    public string? Licence { get; init; }

    /// <value>The rules by which its captions are checked: part of its identity, since they decide what is usable and what is asked again.</value>
    public CaptionRules Rules { get; init; } = new();

    /// <value>Where the networks run. Default the processor.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <value>Threads of one product, 0…1024; 0 takes every core. Default 0.</value>
    public int Threads { get; init; }

    /// <value>Images that are captioned together, and asks in flight at once, 1…256. Default 16.</value>
    public int BatchSize { get; init; } = 16;

    /// <value>What the layers compute in, where the captioner loads its network itself. Default float32.</value>
    public Precision Precision { get; init; } = Precision.Float32;

    /// <value>How tokens are chosen at first. Default: as the checkpoint says.</value>
    public GenerationOptions Generation { get; init; } = new();
}
