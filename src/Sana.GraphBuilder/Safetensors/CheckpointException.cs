using System.Globalization;
using System.Text;

namespace Sana.GraphBuilder;

/// <summary>A checkpoint cannot be used. The message names the file, the tensor or key, what was found, what was expected and the fix.</summary>
public sealed class CheckpointException : Exception
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public CheckpointException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and what caused it.</summary>
    public CheckpointException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>Makes text from an unknown file fit for a one-line message: escaped and cut to 120 characters.</summary>
internal static class Quoted
{
    private const int Longest = 120;

    public static string Text(string text)
    {
        var shown = new StringBuilder("'");
        foreach (var letter in text.AsSpan(0, Math.Min(text.Length, Longest)))
        {
            if (char.IsControl(letter) || char.IsSurrogate(letter) || char.GetUnicodeCategory(letter) == UnicodeCategory.Format)
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)letter:x4}");
            else
                shown.Append(letter);
        }

        return shown.Append(text.Length > Longest ? "…'" : "'").ToString();
    }

    public static string Shape(ReadOnlySpan<long> shape)
    {
        var shown = new StringBuilder("[");
        for (var i = 0; i < shape.Length; i++)
            shown.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : ", ")}{shape[i]}");
        return shown.Append(']').ToString();
    }
}
