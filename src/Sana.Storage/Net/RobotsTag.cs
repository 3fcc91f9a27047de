namespace Sana.Storage.Net;

/// <summary>What the owner of an image says in <c>X-Robots-Tag</c>: directives with commas between, after a name and a colon for one reader alone.</summary>
internal static class RobotsTag
{
    /// <summary>The name we answer to; the first word of our User-Agent.</summary>
    public const string Reader = "sana";

    private static readonly HashSet<string> _refusals = new(StringComparer.OrdinalIgnoreCase) { "noai", "noimageai", "noindex", "noimageindex", "none" };

    // Directives that have a value of their own after a colon.
    private static readonly HashSet<string> _valued = new(StringComparer.OrdinalIgnoreCase) { "unavailable_after", "max-snippet", "max-image-preview", "max-video-preview" };

    /// <summary>Whether any of the header's lines refuses this reader.</summary>
    public static bool Refuses(IEnumerable<string> lines) => lines.Any(Refuses);

    private static bool Refuses(string line)
    {
        var isOurs = true;
        foreach (var part in line.Split(','))
        {
            var directive = part.Trim();
            var colon = directive.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && !_valued.Contains(directive[..colon].TrimEnd()))
            {
                isOurs = directive[..colon].Trim() is var reader && (reader == "*" || reader.Equals(Reader, StringComparison.OrdinalIgnoreCase));
                directive = directive[(colon + 1)..].Trim();
            }

            if (isOurs && _refusals.Contains(directive))
                return true;
        }

        return false;
    }
}
