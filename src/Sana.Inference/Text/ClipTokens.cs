namespace Sana.Inference.Text;

/// <summary>A text as CLIP's text network reads it.</summary>
/// <param name="Ids">Start token, text, end token, padding: as many as the context has positions (77).</param>
/// <param name="Tokens">Ids that the whole text has, start and end token included, before any cut.</param>
public sealed record ClipTokens(int[] Ids, int Tokens)
{
    /// <summary>The end of the text was cut; the end token is still there.</summary>
    public bool Truncated => Tokens > Ids.Length;

    /// <summary>How many leading <see cref="Ids"/> are not padding.</summary>
    public int Length => Math.Min(Tokens, Ids.Length);
}
