using Sana.Inference;
using Sana.Inference.Diffusion;

namespace Sana.Jobs.Generation;

/// <summary>What the prompt of a job may be: what the pipeline takes, but not empty and whole Unicode.</summary>
internal static class PromptText
{
    /// <summary>Null for a good prompt, else why it is not.</summary>
    public static Rejection? Check(string text, string field = "Prompt", bool mayBeEmpty = false)
    {
        if (!mayBeEmpty && string.IsNullOrWhiteSpace(text))
        {
            return Bad($"{field} is empty; say what to draw.");
        }

        try
        {
            PromptLimits.Check(text, field);
        }
        catch (InferenceException error)
        {
            return Bad(error.Message);
        }

        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(text[i]))
            {
                return Bad($"{field} has half a surrogate pair at position {i}; remove it.");
            }
        }

        return null;
    }

    private static Rejection Bad(string message) => new(RejectReason.BadPrompt, message);
}
