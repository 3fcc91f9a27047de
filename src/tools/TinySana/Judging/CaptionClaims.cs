using Sana.StillLife;
using Sana.StillLife.Captions;

namespace TinySana.Judging;

/// <summary>What captions claim, as the words of the world that they use in order, and how many of those are right.</summary>
internal static class CaptionClaims
{
    private static readonly (string Kind, string[] Words)[] Vocabulary =
    [
        ("shape", [.. Enum.GetValues<Shape>().Select(SceneWords.Of), .. Enum.GetValues<Shape>().Select(SceneWords.Several)]),
        ("colour", [.. Enum.GetValues<Colour>().Select(SceneWords.Of)]),
        ("size", [.. Enum.GetValues<ObjectSize>().Select(SceneWords.Of)]),
        ("number", [.. Enumerable.Range(2, 3).Select(SceneWords.Number)]),
        ("place", [.. Enum.GetValues<Place>().Select(SceneWords.Of).OrderByDescending(words => words.Length)]),
        ("relation", ["to the left of", "to the right of", "above", "below", "in a row"]),
        ("background", [.. from tone in Enum.GetValues<Tone>() from texture in Enum.GetValues<Texture>() select SceneWords.Of(new Background(tone, texture))]),
        ("word", [.. Scene.Words.Select(word => $"\"{word}\"")]),
    ];

    /// <summary>The claims of a caption: longest words first, so that no part of a background counts as a colour.</summary>
    public static List<(string Kind, string Word)> Of(string caption)
    {
        var (rest, found) = (caption, new List<(int At, string Kind, string Word)>());
        foreach (var (kind, word) in Vocabulary.SelectMany(kind => kind.Words.Select(word => (kind.Kind, word))).OrderByDescending(claim => claim.word.Length))
        {
            for (var at = Find(rest, word); at >= 0; at = Find(rest, word))
            {
                found.Add((at, kind, word));
                rest = rest[..at] + new string('_', word.Length) + rest[(at + word.Length)..];
            }
        }

        return [.. found.OrderBy(claim => claim.At).Select(claim => (claim.Kind, claim.Word))];
    }

    private static int Find(string text, string word)
    {
        for (var at = text.IndexOf(word, StringComparison.Ordinal); at >= 0; at = text.IndexOf(word, at + 1, StringComparison.Ordinal))
        {
            var end = at + word.Length;
            if ((at == 0 || !char.IsLetter(text[at - 1])) && (end == text.Length || !char.IsLetter(text[end])))
                return at;
        }

        return -1;
    }
}
