using Sana.Curation.Ingest;
using Sana.StillLife;
using Sana.StillLife.Analysis;
using Sana.StillLife.Captions;

namespace Sana.Local.Demo;

/// <summary>What the analyser sees in a painted image, held against its prompt.</summary>
/// <param name="Follows">Whether all that was asked for is there and nothing else. Backgrounds are not judged.</param>
/// <param name="Seen">What is there, in words.</param>
internal sealed record PromptCheck(bool Follows, string Seen)
{
    public static PromptCheck Of(string prompt, byte[] png)
    {
        var image = ImageIngest.Decode(png);
        var seen = SceneAnalyser.Read(image.Pixels, image.Width);
        var asked = CaptionClaims.Parse(prompt) with { Tone = null, Texture = null };
        var isAll = seen.Objects.Count == asked.Objects.Sum(one => one.Count ?? 1) && seen.Word == asked.Word;
        return new PromptCheck(isAll && asked.Judge(AsScene(seen)).IsTrue, InWords(seen));
    }

    private static Scene AsScene(SeenScene seen) => new(
        seen.Objects.Count == 1 ? Arrangement.Alone : Arrangement.Group,
        [.. seen.Objects.Select(one => new SceneObject(one.Shape, one.Colour, one.Size, one.X, one.Y, one.Radius))],
        new Background(Tone.Cream, Texture.Plain),
        seen.Word);

    private static string InWords(SeenScene seen)
    {
        var kinds = seen.Objects.GroupBy(one => (one.Colour, one.Shape)).Select(group =>
            group.Count() == 1 ? $"{SceneWords.Of(group.Key.Colour)} {SceneWords.Of(group.Key.Shape)}" : $"{group.Count()} {SceneWords.Of(group.Key.Colour)} {SceneWords.Plural(group.Key.Shape)}");
        string[] all = [.. kinds, .. seen.Word is { } word ? [$"\"{word}\""] : Array.Empty<string>()];
        return all.Length == 0 ? "seen: nothing" : "seen: " + string.Join(", ", all);
    }
}
