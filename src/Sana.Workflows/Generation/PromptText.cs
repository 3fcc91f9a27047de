namespace Sana.Workflows.Generation;

/// <summary>What a prompt may be: the same rule for files, command lines and messages.</summary>
internal static class PromptText
{
    public const int MaxCharacters = 100_000;

    /// <summary>Null for a good prompt, else why it is not.</summary>
    public static Rejection? Check(string text, string field = "prompt", bool mayBeEmpty = false)
    {
        if (!mayBeEmpty && string.IsNullOrWhiteSpace(text))
        {
            return Bad($"The {field} is empty; say what to draw.");
        }

        if (text.Length > MaxCharacters)
        {
            return Bad($"The {field} has {text.Length} characters and the limit is {MaxCharacters}; shorten it, the network reads some 300 tokens.");
        }

        for (var i = 0; i < text.Length; i++)
        {
            var letter = text[i];
            if (char.IsControl(letter) && letter is not ('\n' or '\r' or '\t'))
            {
                return Bad($"The {field} has the control character U+{(int)letter:X4} at position {i + 1}; remove it.");
            }

            if (char.IsHighSurrogate(letter) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(letter))
            {
                return Bad($"The {field} has half a surrogate pair at position {i + 1}; remove it.");
            }
        }

        return null;
    }

    private static Rejection Bad(string message) => new(RejectReason.BadPrompt, message);
}
