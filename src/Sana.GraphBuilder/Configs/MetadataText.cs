using System.Globalization;

namespace Sana.GraphBuilder.Configs;

/// <summary>Values of a config in the metadata of a graph.</summary>
internal static class MetadataText
{
    /// <summary>Numbers in invariant culture, separated by spaces.</summary>
    public static string Of<T>(params IEnumerable<T> numbers)
        where T : IFormattable => string.Join(' ', numbers.Select(number => number.ToString(null, CultureInfo.InvariantCulture)));
}
