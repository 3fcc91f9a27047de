using System.IO.Hashing;
using System.Numerics.Tensors;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;

namespace Sana.Inference.Captioning;

/// <summary>
/// Chooses the tokens of one image's caption. A draw depends on seed, pixels, position and logits only, so an image has the same caption in any batch and after a resume.
/// </summary>
/// <remarks>
/// Definition of a draw. The uniform number of position t is (w0 + 0.5) / 2^32, w0 being the first word of Philox-4x32-10 of counter (t, low and high 32 bits of the image, 0) under key (low and
/// high 32 bits of the seed); the image is XXH3-64 of its pixels seeded by its width. Tokens in falling order of logit, lower ids first among equals, have weights exp((logit − highest) /
/// temperature) in double; of these the shortest head that has top p of the sum is kept, and the first token is drawn at which the running sum exceeds the uniform number times the head's.
/// </remarks>
internal sealed class TokenSampler(RgbImage image, int vocabulary, GenerationOptions options)
{
    private readonly ulong _image = options.Temperature > 0 ? XxHash3.HashToUInt64(image.Pixels, image.Width) : 0;
    private readonly float[] _logits = new float[vocabulary];
    private readonly HashSet<int> _used = [];

    /// <summary>The token at this position, from 0; null where a logit is not a number.</summary>
    /// <param name="logits">Of the network.</param>
    /// <param name="position">Of the token.</param>
    /// <param name="banned">Ids that are not taken.</param>
    public int? Next(ReadOnlySpan<float> logits, int position, params IEnumerable<int> banned)
    {
        logits.CopyTo(_logits);
        foreach (var id in _used)
            _logits[id] = (float)(_logits[id] > 0 ? _logits[id] / options.RepetitionPenalty : _logits[id] * options.RepetitionPenalty);
        foreach (var id in banned)
            _logits[id] = float.IsNaN(_logits[id]) ? float.NaN : float.NegativeInfinity;

        var likeliest = TensorPrimitives.IndexOfMax<float>(_logits); // if some logit is not a number, the first of these
        if (!float.IsFinite(_logits[likeliest]))
            return null;

        var chosen = options.Temperature > 0 ? Draw(_logits[likeliest], position) : likeliest;
        if (options.RepetitionPenalty != 1)
            _used.Add(chosen);

        return chosen;
    }

    private int Draw(float highest, int position)
    {
        var order = new ulong[_logits.Length]; // sort keys: falling logit, then rising id
        var total = 0.0;
        for (var id = 0; id < order.Length; id++)
        {
            order[id] = ((ulong)~Ordered(_logits[id]) << 32) | (uint)id;
            total += Weight(id);
        }

        Array.Sort(order);
        var (kept, count) = (0.0, 0);
        while (count < order.Length && kept < total * options.TopP)
            kept += Weight((int)(uint)order[count++]);

        var words = Philox.Block(((uint)position, (uint)_image, (uint)(_image >> 32), 0), ((uint)options.Seed, (uint)(options.Seed >> 32)));
        var target = (words.W0 + 0.5) / 4294967296 * kept;
        var sum = 0.0;
        for (var i = 0; i < count; i++)
        {
            var id = (int)(uint)order[i];
            sum += Weight(id);
            if (sum > target)
                return id;
        }

        return (int)(uint)order[count - 1];

        double Weight(int id) => Math.Exp((_logits[id] - (double)highest) / options.Temperature);
    }

    // Unsigned numbers that sort as the floats do.
    private static uint Ordered(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value == 0 ? 0 : value);
        return (bits & 0x8000_0000) != 0 ? ~bits : bits | 0x8000_0000;
    }
}
