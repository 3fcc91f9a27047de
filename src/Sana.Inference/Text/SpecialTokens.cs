namespace Sana.Inference.Text;

/// <summary>How settings files name a special token: as a string, or as an object with its "content".</summary>
internal static class SpecialTokens
{
    /// <summary>The token's text; null when the file, or the file's key, is not there.</summary>
    public static string? SpecialToken(this JsonPart? settings, string name)
    {
        if (settings?.Find(name) is not { } token) return null;
        return token.IsObject ? token.Get("content").Text() : token.Text();
    }
}
