using System.Buffers;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sana.Inference.Runtime;

namespace Sana.Inference.Captioning;

/// <summary>The decoder of a captioner: tokens to the logits of the next token. It keeps the keys and values of all tokens before. Letters: b images, k captions of each.</summary>
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

    /// <summary>Begins one caption for each image of the encoder's keys and values. The caller disposes the cache.</summary>
    /// <param name="cross">In the order of <see cref="CrossNames"/>, all of the images.</param>
    public Cache Begin(FloatTensor[] cross) => new(cross, Array.ConvertAll(_past, name => Empty(cross[0].Shape[0], _network.ShapeOf(name))));

    /// <summary>Logits [b, k, vocabulary] of the token after these. The caller disposes them.</summary>
    /// <param name="cache">Keys and values of the images and of the tokens before; those of these tokens are added.</param>
    /// <param name="ids">[b, k, tokens].</param>
    /// <param name="cancellationToken">Stops between two nodes of the network.</param>
    public OrtValue Next(Cache cache, long[] ids, CancellationToken cancellationToken)
    {
        using var input = OrtValue.CreateTensorValueFromMemory(ids, [cache.Images, cache.Captions, ids.Length / (cache.Images * cache.Captions)]);
        OrtValue[] outputs = [.. _network.Run([(Ids, input), .. _past.Zip(cache.Past), .. _cross.Zip(cache.Cross)], _outputs, cancellationToken)];
        cache.Replace(outputs[1..]);
        return outputs[0];
    }

    public void Dispose() => _network.Dispose();

    private static OrtValue Empty(long images, int[] shape) =>
        OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, TensorElementType.Float, [images, 1, shape[2], 0, shape[4]]);

    /// <summary>Keys and values of the captions that are not finished: those of their images, once for all captions of an image, and those of their tokens so far.</summary>
    internal sealed class Cache : IDisposable
    {
        private readonly FloatTensor[] _cross;

        public Cache(FloatTensor[] cross, OrtValue[] past)
        {
            (_cross, Past, Cross) = (cross, past, []);
            View((int)cross[0].Shape[0]);
        }

        public OrtValue[] Cross { get; private set; }
        public OrtValue[] Past { get; private set; }
        public int Images { get; private set; }
        public int Captions { get; private set; } = 1;

        /// <summary>Takes the keys and values of one token more.</summary>
        public void Replace(OrtValue[] past)
        {
            Release(Past);
            Past = past;
        }

        /// <summary>Goes on with some of the images, in a new order, and with captions that continue those that there were.</summary>
        /// <param name="images">Which image comes in each place. An image may only move to the front, into the place of one that is dropped.</param>
        /// <param name="parents">For each place, which caption of its image each caption continues; as many for each.</param>
        public void Continue(int[] images, int[][] parents)
        {
            foreach (var tensor in _cross)
                MoveToFront(tensor.Data, (int)(tensor.Data.Length / tensor.Shape[0]), images);
            if (images.Length < Images)
                View(images.Length);

            int[] rows = [.. images.SelectMany((image, place) => parents[place].Select(parent => (image * Captions) + parent))];
            if (rows.Length == Past[0].GetTensorTypeAndShape().Shape[0] * Captions && parents[0].Length == Captions)
                Array.ForEach(Past, value => Reorder(value, rows));
            else
                Past = Array.ConvertAll(Past, value => CopyRows(value, rows, parents[0].Length));
            Captions = parents[0].Length;
        }

        public void Dispose()
        {
            Release(Cross);
            Release(Past);
        }

        private static void Release(OrtValue[] values) => Array.ForEach(values, value => value.Dispose());

        // The networks see the first images of the buffers; nothing is copied.
        private void View(int images)
        {
            Release(Cross);
            Images = images;
            Cross = Array.ConvertAll(_cross, tensor => OrtValue.CreateTensorValueFromMemory(
                OrtMemoryInfo.DefaultInstance, tensor.Data.AsMemory(0, (int)(tensor.Data.Length / tensor.Shape[0]) * images), [images, .. tensor.Shape[1..]]));
        }

        private static void MoveToFront(float[] data, int length, int[] images)
        {
            for (var place = 0; place < images.Length; place++)
            {
                if (images[place] != place)
                    data.AsSpan(images[place] * length, length).CopyTo(data.AsSpan(place * length));
            }
        }

        // Rows that stay where they are are not touched; the others go by a buffer, because some are wanted twice.
        private static void Reorder(OrtValue value, int[] rows)
        {
            var data = value.GetTensorMutableDataAsSpan<float>();
            var length = data.Length / rows.Length;
            int[] changed = [.. Enumerable.Range(0, rows.Length).Where(row => rows[row] != row)];
            var buffer = ArrayPool<float>.Shared.Rent(changed.Length * length);
            for (var i = 0; i < changed.Length; i++)
                data.Slice(rows[changed[i]] * length, length).CopyTo(buffer.AsSpan(i * length));
            for (var i = 0; i < changed.Length; i++)
                buffer.AsSpan(i * length, length).CopyTo(data[(changed[i] * length)..]);
            ArrayPool<float>.Shared.Return(buffer);
        }

        private static OrtValue CopyRows(OrtValue value, int[] rows, int captions)
        {
            var shape = value.GetTensorTypeAndShape().Shape; // [b, k, heads, tokens, head_dim]
            var source = value.GetTensorDataAsSpan<float>();
            var length = source.Length / (int)(shape[0] * shape[1]);
            var copy = FloatTensor.Zeros([rows.Length / captions, captions, .. shape[2..]]);
            for (var i = 0; i < rows.Length; i++)
                source.Slice(rows[i] * length, length).CopyTo(copy.Data.AsSpan(i * length));
            value.Dispose();
            return copy.ToOrtValue();
        }
    }
}
