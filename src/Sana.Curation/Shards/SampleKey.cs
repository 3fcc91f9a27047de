namespace Sana.Curation.Shards;

/// <summary>Keys that every reader of shards takes: readers cut a key at its first dot, and long names go into extensions of the tar format that Sana's reader does not know.</summary>
internal static class SampleKey
{
    /// <summary>Characters of a name in a plain tar header.</summary>
    public const int MostNameBytes = 100;

    public const int MostLength = 90;

    public static bool IsValid(string key) => key.Length is >= 1 and <= MostLength && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
}
