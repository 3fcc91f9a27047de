using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sana.Inference.Runtime;

namespace Sana.Inference.Captioning;

/// <summary>The decoder of a captioner: tokens to the logits of the next token. It keeps the keys and values of all tokens before.</summary>
internal sealed class CaptionDecoder : IDisposable
{
    private const string Ids = "input_ids";
    private const string Logits = "logits";
    private const string PastPrefix = "past_key_values.";

    private readonly OnnxModel _network;
    private readonly string[] _past;
    private readonly string[] _cross;
    private readonly string[] _outputs;

    private CaptionDecoder(OnnxModel network)
    {
        _network = network;
        _past = [.. network.Inputs.Where(name => name.StartsWith(PastPrefix, StringComparison.Ordinal))]; // past_key_values.0.key, …
        _cross = [.. network.Inputs.Where(name => name != Ids && !_past.Contains(name))]; // decoder.0.cross.k, …
        _outputs = [Logits, .. _past.Select(name => $"present.{name[PastPrefix.Length..]}")];
    }

    public GraphMetadata Metadata => _network.Metadata;

    /// <summary>Names of the inputs that the encoder's outputs go to: keys and values of the cross-attention.</summary>
    public IReadOnlyList<string> CrossNames => _cross;

    public static CaptionDecoder Load(string file, OnnxModelOptions options) =>
        new(OnnxModel.Load(file, options, Ids, Logits, "past_key_values.0.key", "past_key_values.0.value", "present.0.key", "present.0.value", "decoder.0.cross.k", "decoder.0.cross.v"));

    /// <summary>Begins one caption for each image of the encoder's keys and values. The cache owns them; the caller disposes the cache.</summary>
    public Cache Begin(IEnumerable<OrtValue> cross)
    {
        OrtValue[] images = [.. cross];
        var rows = images[0].GetTensorTypeAndShape().Shape[0];
        return new Cache(images, Array.ConvertAll(_past, name => Empty(rows, _network.ShapeOf(name))));
    }

    /// <summary>Logits [rows, vocabulary] of the token after these.</summary>
    /// <param name="cache">Keys and values of the images and of the tokens before; those of these tokens are added.</param>
    /// <param name="ids">[rows, tokens].</param>
    /// <param name="cancellationToken">Stops between two nodes of the network.</param>
    public FloatTensor Next(Cache cache, long[] ids, CancellationToken cancellationToken)
    {
        using var input = OrtValue.CreateTensorValueFromMemory(ids, [cache.Rows, ids.Length / cache.Rows]);
        OrtValue[] outputs = [.. _network.Run([(Ids, input), .. _past.Zip(cache.Past), .. _cross.Zip(cache.Cross)], _outputs, cancellationToken)];
        cache.Replace(outputs[1..]);
        using var logits = outputs[0];
        return FloatTensor.From(logits);
    }

    public void Dispose() => _network.Dispose();

    private static OrtValue Empty(long rows, int[] shape) =>
        OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, TensorElementType.Float, [rows, shape[1], 0, shape[3]]);

    /// <summary>Keys and values of the captions that are not finished: those of their images, and those of their tokens so far. It owns them.</summary>
    internal sealed class Cache(OrtValue[] cross, OrtValue[] past) : IDisposable
    {
        public OrtValue[] Cross { get; private set; } = cross;
        public OrtValue[] Past { get; private set; } = past;
        public long Rows => Cross[0].GetTensorTypeAndShape().Shape[0];

        /// <summary>Takes the keys and values of one token more.</summary>
        public void Replace(OrtValue[] past)
        {
            Release(Past);
            Past = past;
        }

        /// <summary>Drops all captions but these.</summary>
        public void Keep(int[] rows)
        {
            Cross = CopyRows(Cross, rows);
            Past = CopyRows(Past, rows);
        }

        public void Dispose()
        {
            Release(Cross);
            Release(Past);
        }

        private static void Release(OrtValue[] values) => Array.ForEach(values, value => value.Dispose());

        private static OrtValue[] CopyRows(OrtValue[] values, int[] rows)
        {
            var copies = Array.ConvertAll(values, value => CopyRows(value, rows));
            Release(values);
            return copies;
        }

        private static OrtValue CopyRows(OrtValue value, int[] rows)
        {
            var shape = value.GetTensorTypeAndShape().Shape;
            var source = value.GetTensorDataAsSpan<float>();
            var length = source.Length / (int)shape[0];
            var copy = FloatTensor.Zeros([rows.Length, .. shape[1..]]);
            for (var i = 0; i < rows.Length; i++)
                source.Slice(rows[i] * length, length).CopyTo(copy.Data.AsSpan(i * length));

            return copy.ToOrtValue();
        }
    }
}
