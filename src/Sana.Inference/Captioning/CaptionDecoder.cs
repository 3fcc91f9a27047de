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
    public Cache Begin(IDisposableReadOnlyCollection<OrtValue> cross)
    {
        var rows = cross[0].GetTensorTypeAndShape().Shape[0];
        return new Cache(cross, new OwnedValues([.. _past.Select(name => Empty(rows, _network.ShapeOf(name)))]));
    }

    /// <summary>Logits [rows, vocabulary] of the token after these.</summary>
    /// <param name="cache">Keys and values of the images and of the tokens before; those of these tokens are added.</param>
    /// <param name="ids">[rows, tokens].</param>
    /// <param name="cancellationToken">Stops between two nodes of the network.</param>
    public FloatTensor Next(Cache cache, long[] ids, CancellationToken cancellationToken)
    {
        using var input = OrtValue.CreateTensorValueFromMemory(ids, [cache.Rows, ids.Length / cache.Rows]);
        var outputs = _network.Run([(Ids, input), .. _past.Zip(cache.Past), .. _cross.Zip(cache.Cross)], _outputs, cancellationToken);
        cache.Add(outputs);
        return FloatTensor.From(outputs[0]);
    }

    public void Dispose() => _network.Dispose();

    private static OrtValue Empty(long rows, int[] shape) =>
        OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, TensorElementType.Float, [rows, shape[1], 0, shape[3]]);

    /// <summary>Keys and values of the captions that are not finished: those of their images, and those of their tokens so far.</summary>
    internal sealed class Cache(IDisposableReadOnlyCollection<OrtValue> cross, OwnedValues past) : IDisposable
    {
        private IDisposable _crossOwner = cross;
        private IDisposable _pastOwner = past;

        public IReadOnlyList<OrtValue> Cross { get; private set; } = cross;

        public IReadOnlyList<OrtValue> Past { get; private set; } = past.Values;

        public long Rows => Cross[0].GetTensorTypeAndShape().Shape[0];

        /// <summary>Drops all captions but these.</summary>
        public void Keep(IReadOnlyList<int> rows)
        {
            var (chosenCross, chosenPast) = (OwnedValues.CopyRows(Cross, rows), OwnedValues.CopyRows(Past, rows));
            _crossOwner.Dispose();
            _pastOwner.Dispose();
            (_crossOwner, Cross) = (chosenCross, chosenCross.Values);
            (_pastOwner, Past) = (chosenPast, chosenPast.Values);
        }

        public void Dispose()
        {
            _crossOwner.Dispose();
            _pastOwner.Dispose();
        }

        internal void Add(IDisposableReadOnlyCollection<OrtValue> outputs)
        {
            _pastOwner.Dispose();
            _pastOwner = outputs;
            Past = [.. outputs.Skip(1)]; // behind the logits
        }
    }

    /// <summary>Values that this class allocated.</summary>
    internal sealed record OwnedValues(OrtValue[] Values) : IDisposable
    {
        /// <summary>Copies some rows of each value.</summary>
        public static OwnedValues CopyRows(IReadOnlyList<OrtValue> values, IReadOnlyList<int> rows) => new([.. values.Select(value => CopyRows(value, rows))]);

        public void Dispose()
        {
            foreach (var value in Values)
                value.Dispose();
        }

        private static OrtValue CopyRows(OrtValue value, IReadOnlyList<int> rows)
        {
            var shape = value.GetTensorTypeAndShape().Shape;
            var source = value.GetTensorDataAsSpan<float>();
            var length = source.Length / (int)shape[0];
            var copy = FloatTensor.Zeros([rows.Count, .. shape[1..]]);
            for (var i = 0; i < rows.Count; i++)
                source.Slice(rows[i] * length, length).CopyTo(copy.Data.AsSpan(i * length));

            return copy.ToOrtValue();
        }
    }
}
