using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sana.Inference.Runtime;

namespace Sana.Inference.Captioning;

/// <summary>The decoder: tokens to the logits of the next one, with the keys and values of all before them kept.</summary>
internal sealed class CaptionDecoder : IDisposable
{
    private const string Ids = "input_ids";
    private const string Logits = "logits";
    private const string PastPrefix = "past_key_values.";

    private readonly Network _network;
    private readonly string[] _past;
    private readonly string[] _cross;
    private readonly string[] _outputs;

    private CaptionDecoder(Network network)
    {
        _network = network;
        _past = [.. network.Inputs.Where(name => name.StartsWith(PastPrefix, StringComparison.Ordinal))]; // past_key_values.0.key, …
        _cross = [.. network.Inputs.Where(name => name != Ids && !_past.Contains(name))]; // decoder.0.cross.k, …
        _outputs = [Logits, .. _past.Select(name => $"present.{name[PastPrefix.Length..]}")];
    }

    /// <summary>Facts about the checkpoint that the builder wrote into the graph.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _network.Metadata;

    /// <summary>What the encoder has to give.</summary>
    public IReadOnlyList<string> Cross => _cross;

    public static CaptionDecoder Load(string file, NetworkOptions options) =>
        new(Network.Load(file, options, Ids, Logits, "past_key_values.0.key", "past_key_values.0.value", "present.0.key", "present.0.value", "decoder.0.cross.k", "decoder.0.cross.v"));

    /// <summary>Begins captions of as many images as the encoder's keys and values are of. The memory owns these; the caller disposes it.</summary>
    public Memory Begin(IDisposableReadOnlyCollection<OrtValue> cross)
    {
        var rows = cross[0].GetTensorTypeAndShape().Shape[0];
        return new Memory(cross, new OwnedValues([.. _past.Select(name => Empty(rows, _network.ShapeOf(name)))]));
    }

    /// <summary>Logits [rows, vocabulary] of the token after these.</summary>
    /// <param name="memory">What was before; these tokens are added to it.</param>
    /// <param name="ids">[rows, tokens].</param>
    /// <param name="cancellationToken">Stops between two nodes of the network.</param>
    public FloatTensor Next(Memory memory, long[] ids, CancellationToken cancellationToken)
    {
        using var input = OrtValue.CreateTensorValueFromMemory(ids, [memory.Rows, ids.Length / memory.Rows]);
        var outputs = _network.Run([(Ids, input), .. _past.Zip(memory.Past), .. _cross.Zip(memory.Cross)], _outputs, cancellationToken);
        memory.Add(outputs);
        return FloatTensor.From(outputs[0]);
    }

    public void Dispose() => _network.Dispose();

    private static OrtValue Empty(long rows, int[] shape) =>
        OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, TensorElementType.Float, [rows, shape[1], 0, shape[3]]);

    /// <summary>Keys and values of the captions that are still being made: of their images, and of their tokens so far.</summary>
    internal sealed class Memory(IDisposableReadOnlyCollection<OrtValue> cross, OwnedValues past) : IDisposable
    {
        private IDisposable _crossOwner = cross;
        private IDisposable _pastOwner = past;

        public IReadOnlyList<OrtValue> Cross { get; private set; } = cross;

        public IReadOnlyList<OrtValue> Past { get; private set; } = past.Values;

        public long Rows => Cross[0].GetTensorTypeAndShape().Shape[0];

        /// <summary>Goes on with some of the captions only.</summary>
        public void Keep(IReadOnlyList<int> rows)
        {
            var (chosenCross, chosenPast) = (OwnedValues.Of(Cross, rows), OwnedValues.Of(Past, rows));
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

    /// <summary>Values of our own making.</summary>
    internal sealed record OwnedValues(OrtValue[] Values) : IDisposable
    {
        /// <summary>Copies of rows.</summary>
        public static OwnedValues Of(IReadOnlyList<OrtValue> values, IReadOnlyList<int> rows) => new([.. values.Select(value => Rows(value, rows))]);

        public void Dispose()
        {
            foreach (var value in Values)
            {
                value.Dispose();
            }
        }

        private static OrtValue Rows(OrtValue value, IReadOnlyList<int> rows)
        {
            var shape = value.GetTensorTypeAndShape().Shape;
            var source = value.GetTensorDataAsSpan<float>();
            var length = source.Length / (int)shape[0];
            var copy = FloatTensor.Zeros([rows.Count, .. shape[1..]]);
            for (var i = 0; i < rows.Count; i++)
            {
                source.Slice(rows[i] * length, length).CopyTo(copy.Data.AsSpan(i * length));
            }

            return copy.ToOrtValue();
        }
    }
}
