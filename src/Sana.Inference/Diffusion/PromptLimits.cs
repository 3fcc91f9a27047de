namespace Sana.Inference.Diffusion;

/// <summary>What a prompt may be. The network reads 300 tokens; more than a page of text is a mistake upstream.</summary>
public static class PromptLimits
{
    /// <summary>Longest prompt, in UTF-16 units.</summary>
    public const int MaxCharacters = 100_000;

    /// <summary>Refuses text that is too long or holds control characters other than tab and line ends.</summary>
    /// <param name="text">The prompt.</param>
    /// <param name="name">How the message calls it.</param>
    /// <exception cref="InferenceException">The text is not a prompt; the message says where and why.</exception>
    public static void Check(string text, string name)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MaxCharacters)
        {
            throw new InferenceException($"{name} has {text.Length} characters; at most {MaxCharacters} are taken, and the network reads 300 tokens. Shorten it.");
        }

        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsControl(text[i]) && text[i] is not ('\t' or '\n' or '\r'))
            {
                throw new InferenceException($"{name} has the control character U+{(int)text[i]:X4} at position {i}; remove it.");
            }
        }
    }
}
