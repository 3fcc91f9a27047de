using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using Sana.Inference.Clip;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;

namespace Sana.Inference.Judging;

/// <summary>One number of what somebody's own ONNX graph says of an image. How images are prepared for it is described, and what can be checked of that is checked when it is loaded.</summary>
public sealed class OnnxJudge : IJudge
{
    private const long MostBytes = 4L << 30;

    private readonly OnnxModel _model;
    private readonly ClipPreprocess _preprocess;
    private readonly OnnxJudgeOptions _options;
    private readonly string _input;
    private readonly string _output;
    private readonly int _batch;

    private OnnxJudge(OnnxModel model, string file, string fingerprint, OnnxJudgeOptions options)
    {
        (_model, _options, Name, Fingerprint) = (model, options, Path.GetFileNameWithoutExtension(file), fingerprint);
        _preprocess = ClipPreprocess.Stretched(options.Size, options.IsBicubic ? PilFilter.Bicubic : PilFilter.Bilinear, new PixelLevels(options.Rescale, options.Mean, options.Std));
        string[] inputs = [.. model.Inputs.Except(model.Optional, StringComparer.Ordinal)];
        _input = inputs is [var only] ? only : throw new InferenceException($"{file} takes {inputs.Length} inputs ({string.Join(", ", inputs)}), where a judge has the image alone; use a graph of one input.");
        _output = Output(file);
        CheckShape(file, model.ShapeOf(_input));
        _batch = model.ShapeOf(_input)[0] > 0 ? model.ShapeOf(_input)[0] : options.Network.BatchSize;
        Scale = options.Activation == JudgeActivation.None
            ? new JudgeScale($"number {options.Index} of {_output}", -100, 100)
            : new JudgeScale($"{options.Activation.ToString().ToLowerInvariant()} of number {options.Index} of {_output}", 0, 1);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>SHA-256 over the graph's file and its description, lower-case hex; weights that it keeps in files beside it are not in it.</summary>
    public string Fingerprint { get; }

    /// <inheritdoc/>
    public JudgeScale Scale { get; }

    /// <summary>Loads a graph and has it look at one grey image.</summary>
    /// <param name="file">An .onnx file.</param>
    /// <param name="options">What it reads and which of its numbers counts.</param>
    /// <exception cref="InferenceException">The file cannot be loaded, or does not fit the description; an option is out of its range.</exception>
    public static OnnxJudge Load(string file, OnnxJudgeOptions options)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        if (new FileInfo(file) is not { Exists: true, Length: > 0 and <= MostBytes })
            throw new InferenceException($"{file} is no file of 1 to {MostBytes} bytes; give the .onnx file of the judge.");
        OnnxModel? model = null;
        try
        {
            model = OnnxModel.Load(file, new OnnxModelOptions(options.Network.Device, options.Network.Threads, KeepMemory: true));
            var judge = new OnnxJudge(model, file, HashOf(file, options), options);
            judge.Score(new JudgedImages([new RgbImage(options.Size, options.Size, Grey(options.Size))]));
            return judge;
        }
        catch (Exception error) when (error is OnnxRuntimeException or IOException or UnauthorizedAccessException || error.InnerException is OnnxRuntimeException)
        {
            model?.Dispose();
            throw new InferenceException($"{file} cannot be run as described: {(error.InnerException ?? error).Message.ReplaceLineEndings(" ")}", error);
        }
        catch
        {
            model?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public double[] Score(JudgedImages images, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        foreach (var image in images.Images)
            image.Check();
        return [.. images.Images.Chunk(_batch).SelectMany(batch => Run(batch, cancellationToken))];
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private double[] Run(RgbImage[] images, CancellationToken cancellationToken)
    {
        // A graph for a fixed number of images gets that many: the last one again.
        var count = Math.Max(images.Length, _model.ShapeOf(_input)[0]);
        var (length, side) = (_preprocess.Length, (long)_options.Size);
        var pixels = new float[count * length];
        Parallel.For(0, count, new ParallelOptions { CancellationToken = cancellationToken }, i => Prepare(images[Math.Min(i, images.Length - 1)], pixels.AsSpan(i * length, length)));
        using var input = OrtValue.CreateTensorValueFromMemory(pixels, _options.IsNhwc ? [count, side, side, 3] : [count, 3, side, side]);
        using var outputs = _model.Run([(_input, input)], [_output], cancellationToken);
        var numbers = outputs[0].GetTensorDataAsSpan<float>();
        var width = numbers.Length / count;
        if (numbers.Length % count != 0 || _options.Index >= width)
            throw new InferenceException($"The output '{_output}' of {Name} has {numbers.Length} numbers for {Counted(count)}; number {_options.Index} of each, counted from 0, is not among them.");
        var scores = new double[images.Length];
        for (var i = 0; i < scores.Length; i++)
        {
            var row = numbers.Slice(i * width, width);
            scores[i] = _options.Activation switch
            {
                JudgeActivation.Softmax => ImageClassifier.Softmax(row)[_options.Index],
                JudgeActivation.Sigmoid => 1 / (1 + Math.Exp(-row[_options.Index])),
                _ => row[_options.Index],
            };
        }

        return scores;
    }

    private static string Counted(int images) => images == 1 ? "one image" : $"{images} images";

    private void Prepare(RgbImage image, Span<float> target)
    {
        _preprocess.Write(image, target); // [3, side, side], red first
        var count = target.Length / 3;
        if (_options.IsBgr)
        {
            for (var i = 0; i < count; i++)
                (target[i], target[(2 * count) + i]) = (target[(2 * count) + i], target[i]);
        }

        if (!_options.IsNhwc)
            return;
        var planes = target.ToArray();
        for (var i = 0; i < count; i++)
        {
            for (var channel = 0; channel < 3; channel++)
                target[(3 * i) + channel] = planes[(channel * count) + i];
        }
    }

    private string Output(string file)
    {
        if (_options.Output is { } named)
            return _model.Outputs.Contains(named) ? named : throw new InferenceException($"{file} has no output '{named}'; its outputs are {string.Join(", ", _model.Outputs)}.");
        return _model.Outputs is [var only] ? only : throw new InferenceException($"{file} has {_model.Outputs.Count} outputs ({string.Join(", ", _model.Outputs)}); name one by \"output\".");
    }

    private void CheckShape(string file, int[] shape)
    {
        int[] wanted = _options.IsNhwc ? [_options.Size, _options.Size, 3] : [3, _options.Size, _options.Size];
        if (shape.Length != 4 || shape[1..].Zip(wanted).Any(size => size.First > 0 && size.First != size.Second))
        {
            throw new InferenceException($"{file} reads images of the shape [{string.Join(", ", shape.Select(size => size < 0 ? "any" : $"{size}"))}], and is described as [any, {string.Join(", ", wanted)}]; "
                + "give \"size\" and \"layout\" as the graph has them.");
        }

        if (!_model.IsFloat(_input) || !_model.IsFloat(_output))
            throw new InferenceException($"{file} reads or gives numbers that are no float32; use a graph that does.");
    }

    private static string HashOf(string file, OnnxJudgeOptions options)
    {
        using var stream = File.OpenRead(file);
        var description = FormattableString.Invariant($"{options.Size} {options.IsBgr} {options.IsNhwc} {options.IsBicubic} {options.Rescale:R} {Text(options.Mean)} {Text(options.Std)} {options.Index} {options.Activation} {options.Output}");
        return Convert.ToHexStringLower(SHA256.HashData([.. SHA256.HashData(stream), .. Encoding.UTF8.GetBytes(description)]));

        static string Text(IReadOnlyList<double> numbers) => string.Join(' ', numbers.Select(number => number.ToString("R", CultureInfo.InvariantCulture)));
    }

    private static byte[] Grey(int side)
    {
        var pixels = new byte[3 * side * side];
        pixels.AsSpan().Fill(128);
        return pixels;
    }
}

/// <summary>What becomes of a network's number.</summary>
public enum JudgeActivation
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>1 / (1 + exp(−x)).</summary>
    Sigmoid,

    /// <summary>Of all numbers of the image together.</summary>
    Softmax,
}

/// <summary>What a graph reads, and which of its numbers counts.</summary>
public sealed record OnnxJudgeOptions
{
    /// <value>Side of the square that an image is stretched to, 1…4,096 pixels.</value>
    public required int Size { get; init; }

    /// <value>Whether blue comes first. Default red does.</value>
    public bool IsBgr { get; init; }

    /// <value>Whether the channels are the last axis. Default they come after the batch.</value>
    public bool IsNhwc { get; init; }

    /// <value>Whether images are resized by a bicubic filter. Default by a bilinear one; both as Pillow does it.</value>
    public bool IsBicubic { get; init; }

    /// <value>What 8-bit levels are multiplied by, 1e-6…1. Default 1/255.</value>
    public double Rescale { get; init; } = 1.0 / 255;

    /// <value>What is taken off then: red, green, blue. Default 0.</value>
    public IReadOnlyList<double> Mean { get; init; } = [0, 0, 0];

    /// <value>What is divided by then, 1e-6…1,000: red, green, blue. Default 1.</value>
    public IReadOnlyList<double> Std { get; init; } = [1, 1, 1];

    /// <value>Name of the output; null for the only one.</value>
    public string? Output { get; init; }

    /// <value>Which number of an image counts, from 0.</value>
    public int Index { get; init; }

    /// <value>What becomes of it. Default nothing.</value>
    public JudgeActivation Activation { get; init; }

    /// <value>Device, threads, batch.</value>
    public JudgeOptions Network { get; init; } = new();

    /// <exception cref="InferenceException">A value is out of its range.</exception>
    internal void Check()
    {
        Network.Checked();
        if (Size is < 1 or > 4096)
            throw new InferenceException($"An image of {Size} pixels is not in 1…4096; use 224.");
        if (Index is < 0 or > 1_000_000)
            throw new InferenceException($"Number {Index} of an output is not in 0…1000000; use 0.");
        if (Rescale is not (>= 1e-6 and <= 1) || Mean.Count != 3 || Std.Count != 3 || !Mean.All(double.IsFinite) || !Std.All(std => std is >= 1e-6 and <= 1000))
            throw new InferenceException("Levels are multiplied by 1e-6…1; mean and std are three numbers, std 1e-6…1000.");
    }
}
