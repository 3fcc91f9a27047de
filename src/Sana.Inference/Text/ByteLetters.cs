using System.Text;

namespace Sana.Inference.Text;

/// <summary>GPT-2's letters for bytes, in which byte-level vocabularies are written: a byte that prints is itself, any other the next unused letter from U+0100 on.</summary>
internal static class ByteLetters
{
    private static readonly char[] _letters = [.. Enumerable.Range(0, 256).Select(Of)];
    private static readonly Dictionary<char, byte> _bytes = _letters.Select((letter, value) => (letter, (byte)value)).ToDictionary();

    public static char Letter(int value) => _letters[value];

    /// <summary>The bytes that a token stands for; of one that is not written in these letters (added tokens), its own.</summary>
    public static byte[] Bytes(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < bytes.Length; i++)
        {
            if (!_bytes.TryGetValue(token[i], out bytes[i])) return Encoding.UTF8.GetBytes(token);
        }

        return bytes;
    }

    private static char Of(int value) => Prints(value) ? (char)value : (char)(256 + Enumerable.Range(0, value).Count(other => !Prints(other)));

    private static bool Prints(int value) => value is (>= 33 and <= 126) or (>= 161 and <= 172) or >= 174;
}
