using Sana.Curation;

namespace Sana.Tests.Support;

/// <summary>Rows whose names and captions would like to be more than text.</summary>
internal static class HostileReportRows
{
    public const string Script = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";
    public const string Bidi = "safe\u202Etxt.exe\u2066 \u200F";
    public const string Controls = "nul\0 bell\a escape\u001B[31m delete\u007F line\u2028end";

    private static readonly string[] _texts =
    [
        Script,
        "'\"><style>body{display:none}</style><!-- --><svg onload=alert(1)>&amp;&lt;",
        Bidi,
        Controls,
        "half a letter \uD83D here",
        string.Concat(Enumerable.Repeat("Z\u0351\u0327\u0340\u0489", 200)),
        new string('W', 100_000),
        string.Concat(Enumerable.Repeat("line\n", 20_000)),
        "تظهر الصورة شجرة وحيدة على تلة خضراء تحت سماء ملبدة بالغيوم.",
        "山頂に立つ一本の木と、朝霧に包まれた谷。👩‍👩‍👧 🌄",
        "</bdi></p></article></main></body></html>",
    ];

    public static IEnumerable<IndexRow> Make() => _texts.SelectMany(static (text, i) => new[] { Kept(text, i), Lost(text, i) });

    private static IndexRow Kept(string text, int i) => new()
    {
        Key = $"hostile-{i:00}",
        Shard = 0,
        Row = i,
        SourceUri = "in/" + text.Replace('/', '∕'),
        Status = "success",
        Format = "jpeg",
        Width = 640,
        Height = 480,
        Caption = text,
        CaptionLabel = "InternVL2-26B",
        CaptionScore = 27,
        SelectionMethod = "power",
        SelectionProb = 1,
        CandidatesExpected = 3,
        CandidatesPresent = 1,
        Candidates =
        [
            new Candidate { Label = Candidate.OriginalLabel, TextRaw = text, Reason = "caption_leak", Message = text },
            new Candidate { Label = "InternVL2-26B", Text = text, Score = 27, WindowScore = double.NaN, Prob = 1, Words = 1, ClipTokens = 70_000, ClipTruncated = true, Flags = ["caption_repetition"] },
            new Candidate { Label = "VILA1-5-13B", TextRaw = text, Score = double.NaN, Reason = "score_invalid", Message = text },
        ],
    };

    private static IndexRow Lost(string text, int i) => new()
    {
        Key = $"00000-{9_000 + i:0000}",
        Shard = 0,
        Row = 9_000 + i,
        SourceUri = "in/" + text.Replace('/', '∕'),
        Status = "rejected",
        Reason = "decode_error",
        ErrorMessage = text,
        Format = "png",
        OriginalWidth = 50_000,
        OriginalHeight = 50_000,
        Bytes = 7_000,
    };
}
