using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Changes of the number of channels without weights.</summary>
internal static class Channels
{
    /// <summary>A picture in the order of memory in which convolutions are fastest on processors: the channels of a pixel side by side.</summary>
    public static Tensor Last(Tensor x) => x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

    /// <summary>The matrix that averages consecutive channels down to a number of channels: [to, from]. Transposed and times from / to it repeats each in place.</summary>
    public static Tensor Groups(long from, long to)
    {
        using var whole = eye(to);
        return whole.repeat_interleave(from / to, 1).div_((double)from / to);
    }
}
