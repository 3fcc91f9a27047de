using System.Globalization;

namespace Sana.Storage;

/// <summary>Counts in sentences, where one is not many: <c>1 image</c>, <c>2 images</c>; and sizes.</summary>
public static class Counted
{
    /// <summary>The number and what is counted, the same in every culture.</summary>
    /// <param name="count">How many.</param>
    /// <param name="one">One of it, such as <c>image</c>.</param>
    /// <param name="many">Several. Default <paramref name="one"/> with an s.</param>
    public static string Of(long count, string one, string? many = null) => string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? one : many ?? one + "s")}");

    /// <summary>Bytes in the largest unit that leaves a number of 1 or more, in powers of 1,000.</summary>
    public static string Bytes(long bytes) => bytes switch
    {
        < 1_000 => FormattableString.Invariant($"{bytes} B"),
        < 1_000_000 => FormattableString.Invariant($"{bytes / 1e3:0.#} kB"),
        < 1_000_000_000 => FormattableString.Invariant($"{bytes / 1e6:0.#} MB"),
        < 1_000_000_000_000 => FormattableString.Invariant($"{bytes / 1e9:0.##} GB"),
        _ => FormattableString.Invariant($"{bytes / 1e12:0.##} TB"),
    };
}
