using System.Globalization;

namespace Sana.Storage;

/// <summary>Counts in sentences, where one is not many: <c>1 image</c>, <c>2 images</c>.</summary>
public static class Counted
{
    /// <summary>The number and what is counted, the same in every culture.</summary>
    /// <param name="count">How many.</param>
    /// <param name="one">One of it, such as <c>image</c>.</param>
    /// <param name="many">Several. Default <paramref name="one"/> with an s.</param>
    public static string Of(long count, string one, string? many = null) => string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? one : many ?? one + "s")}");
}
