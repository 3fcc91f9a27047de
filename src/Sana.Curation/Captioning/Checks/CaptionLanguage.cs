namespace Sana.Curation.Captioning.Checks;

/// <summary>
/// The language of a caption: by its script, and for Latin letters by the most frequent words. A table instead of a package: the one .NET detector on package
/// mirrors has 70 MB of models for 75 languages, and the only question here is whether a captioner used another language than the one asked for. In doubt there
/// is no answer.
/// </summary>
public static class CaptionLanguage
{
    // One letter of Han stands for about three of Latin.
    private const int IdeographWeight = 3;
    private const int FewestHits = 3;

    private static readonly (string Code, HashSet<string> Words)[] _latin =
    [
        ("en", Words("the of and a an in on with is are to at by from it its his her their there this that which "
            + "while has have as for into near over under behind front standing sitting wearing man woman")),
        ("de", Words("der die das und ein eine einer einem einen ist sind mit auf im von zu den dem des auch nicht sich vor hinter neben "
            + "für am beim steht sitzt")),
        ("fr", Words("le la les et un une des du de dans est sont avec sur pour au aux qui que en par ses son sa devant derrière il elle")),
        ("es", Words("el la los las y un una unos de del en con es está están por para su sus que se lo al sobre junto hay")),
        ("it", Words("il lo la gli le e un una di del della dei con su sul nella nel è sono per che si al alla davanti accanto")),
        ("pt", Words("o os um uma uns de do da dos das em no na com é são está para por que se ao sobre seu sua e")),
        ("nl", Words("de het een en van in op met is zijn aan voor naar door bij die dat er zit staat naast achter")),
        ("pl", Words("i w na z się jest są do nie oraz który która przez dla od po przed obok stoi siedzi za")),
        ("sv", Words("och en ett i på med är som av för till den det vid står sitter bakom framför")),
        ("tr", Words("bir ve bu ile için da de olan üzerinde yanında önünde arkasında gibi çok var")),
    ];

    /// <value>Codes that can be asked for.</value>
    public static IReadOnlyList<string> Codes { get; } = [.. _latin.Select(language => language.Code), "ru", "zh", "ja", "ko", "ar", "hi", "th", "he", "el"];

    /// <summary>ISO 639-1 code of the language of a text; null when the text does not tell. What stands in quotation marks has no say.</summary>
    public static string? Detect(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var outside = CaptionText.WithoutQuotations(text);
        if (Script(outside) is { } script)
            return script == "" ? null : script;
        var hits = Hits(outside).OrderByDescending(language => language.Hits).ToList();
        return hits[0].Hits >= FewestHits && hits[0].Hits > hits[1].Hits ? hits[0].Code : null;
    }

    /// <summary>The language of a text that is clearly another than the one asked for; else null.</summary>
    internal static string? Other(string text, string wanted)
    {
        var outside = CaptionText.WithoutQuotations(text);
        if (Script(outside) is { } script)
            return script == "" || script == wanted ? null : script;
        var hits = Hits(outside).ToList();
        var best = hits.MaxBy(language => language.Hits);
        var own = hits.Find(language => language.Code == wanted).Hits; // 0 for one in another script
        return best.Hits >= FewestHits && own * 2 <= best.Hits ? best.Code : null;
    }

    private static IEnumerable<(string Code, int Hits)> Hits(string text)
    {
        var words = CaptionText.Split(text);
        return _latin.Select(language => (language.Code, words.Count(word => language.Words.Contains(word.Letters))));
    }

    // A code where another script than Latin prevails, empty where there are no letters, null for Latin.
    private static string? Script(string text)
    {
        var counts = new Dictionary<string, int>();
        foreach (var letter in text.Where(char.IsLetter))
        {
            var (code, weight) = Of(letter);
            counts[code] = counts.GetValueOrDefault(code) + weight;
        }

        if (counts.Count == 0)
            return "";
        // Japanese is told by its own syllables, among however many characters that it shares with Chinese.
        if (counts.Remove("ja", out var kana))
            counts[kana * 10 >= counts.GetValueOrDefault("zh") ? "ja" : "zh"] = kana + (counts.Remove("zh", out var han) ? han : 0);
        var most = counts.MaxBy(script => script.Value).Key;
        return most == "latin" ? null : most;
    }

    private static (string Code, int Weight) Of(char letter) => letter switch
    {
        < '\u0370' => ("latin", 1),
        < '\u0400' => ("el", 1),
        < '\u0530' => ("ru", 1),
        >= '\u0590' and < '\u0600' => ("he", 1),
        >= '\u0600' and < '\u0780' => ("ar", 1),
        >= '\u0900' and < '\u0980' => ("hi", 1),
        >= '\u0e00' and < '\u0e80' => ("th", 1),
        >= '\u3040' and < '\u3100' => ("ja", IdeographWeight),
        >= '\u3400' and < '\ua000' or >= '\uf900' and < '\ufb00' => ("zh", IdeographWeight),
        >= '\uac00' and < '\ud7b0' => ("ko", IdeographWeight),
        _ => ("latin", 1),
    };

    private static HashSet<string> Words(string words) => [.. words.Split(' ')];
}
