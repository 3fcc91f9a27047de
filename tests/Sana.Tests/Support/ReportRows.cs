using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Curation.Report;
using Sana.Curation.Selection;

namespace Sana.Tests.Support;

/// <summary>Rows of a run that never was: seeded, with what captioners and files do in real ones.</summary>
internal static class ReportRows
{
    private static readonly CaptionSelector _selector = new(new SelectionOptions { Tau = 0.1, Threshold = 25, ImageThreshold = 22, Seed = 42 });

    private static readonly (string Label, double Mean, double Deviation, int Sentences)[] _captioners =
        [("InternVL2-26B", 28.6, 2.4, 4), ("VILA1-5-13B", 27.4, 2.2, 3), ("Qwen2-VL-7B", 29.3, 1.9, 6)];

    private static readonly string[] _subjects = ["A wooden jetty", "A lone tree", "A ladybird", "A snow-covered ridge", "A red bicycle", "A narrow street", "An old lighthouse", "A field of barley"];
    private static readonly string[] _doings = ["reaches into a still lake", "stands against a pale sky", "rests on a blade of grass", "catches the last light of the day", "leans on a whitewashed wall", "fades into morning fog"];
    private static readonly string[] _rest =
    [
        "Soft shadows fall to the left, and the background is out of focus.", "The colours are muted, with a hint of orange near the horizon.", "In the distance, low hills are covered by dark forest.",
        "Small drops of water are visible on the surface.", "The composition draws the eye from the lower right to the centre.", "No people can be seen, which adds to the calm of the scene.",
    ];

    public static ReportRun Run { get; } = new()
    {
        Dataset = "landscapes",
        Version = "2",
        Source = "https://example.blob.core.windows.net/raw/landscapes",
        ParentVersion = "1",
        ToolVersion = "SanaFunctions 0.1.0",
        ConfigSha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        Scorer = "openai/clip-vit-large-patch14",
        Selection = _selector.Options,
        Filters = [new("Shortest side", "at least 200 px"), new("Aspect", "at most 3 : 1"), new("Caption", "5 to 300 words"), new("Looks alike", "up to 4 of 64 bits")],
        Captioners =
        [
            .. _captioners.Select(captioner => new CaptionerCard(captioner.Label, "example/" + captioner.Label, "a1b2c3d", captioner.Label.StartsWith('V') ? "CC-BY-NC-4.0" : "Apache-2.0",
                "Describe the image in detail.\nThe owner calls it: {{original}}", """{"max_tokens":256,"temperature":0.2}""")),
        ],
    };

    public static ReportTimings Timings { get; } = new()
    {
        Finished = new DateTimeOffset(2026, 11, 23, 8, 12, 0, TimeSpan.Zero),
        Elapsed = TimeSpan.FromMinutes(42.5),
        Images = 2_000,
        Captions = 5_600,
        Stages =
        [
            new("ingest", TimeSpan.FromSeconds(312), 2_000), new("caption", TimeSpan.FromSeconds(18_400), 5_600), new("score", TimeSpan.FromSeconds(620), 7_500), new("select", TimeSpan.FromSeconds(0.4), 1_870), new("write", TimeSpan.FromSeconds(58), 1_870),
        ],
    };

    /// <summary>Rows in the order of a dataset.</summary>
    public static IEnumerable<IndexRow> Make(int count, int seed = 7)
    {
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
            yield return Row(i, random);
    }

    private static IndexRow Row(int i, Random random)
    {
        var uid = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Say($"image {i}"))))[..32];
        var row = new IndexRow
        {
            Key = uid,
            Uid = uid,
            Shard = i / 1_000,
            Row = i % 1_000,
            SourceUri = Say($"photos/2024/IMG_{1000 + i}.jpg"),
            Status = "success",
            Format = "jpeg",
            Bytes = random.Next(400_000, 6_000_000),
            Width = 1_024,
            Height = 683,
            OriginalWidth = 4_096,
            OriginalHeight = 2_732,
            Notes = random.Next(9) == 0 ? ["exif_orientation_applied"] : random.Next(30) == 0 ? ["icc_converted"] : [],
        };
        return random.Next(100) switch
        {
            0 => Left(row, "rejected", "too_many_pixels", "The image has 50,000 × 50,000 pixels; the limit is 100,000,000 in all.") with { Format = "png", OriginalWidth = 50_000, OriginalHeight = 50_000, Bytes = 7_200_000, Width = null, Height = null },
            1 => Left(row, "rejected", "not_an_image", "The file begins as HTML.") with { Format = null, OriginalWidth = null, OriginalHeight = null, Width = null, Height = null, Bytes = 1_834 },
            2 => Left(row, "rejected", "decode_error", "The image cannot be decoded: premature end of JPEG image.") with { Width = null, Height = null },
            3 or 4 => Left(row, "filtered", "too_small", "The shortest side is 120 pixels; the limit is 200.") with { Width = 160, Height = 120, OriginalWidth = 160, OriginalHeight = 120, Format = "gif" },
            5 or 6 when i > 10 => Left(row, "duplicate", "similar_to", "It looks like another image: 3 of 64 bits differ; the limit is 4.") with { DuplicateOf = Key(i - 7) },
            7 when i > 10 => Left(row, "duplicate", "duplicate_of", "The same bytes were seen before.") with { DuplicateOf = Key(i - 9) },
            8 => Left(Captioned(row, random, failing: true), "failed", "captioner_timeout", "VILA1-5-13B did not answer within 120 s.") with { CaptionLabel = null, Caption = null, CaptionScore = null, SelectionProb = null },
            9 => Captioned(row, random, shift: -8),
            _ => Captioned(row, random),
        };
    }

    private static IndexRow Captioned(IndexRow row, Random random, double shift = 0, bool failing = false)
    {
        List<Candidate> made = [];
        if (random.Next(3) > 0)
            made.Add(Scored(new Candidate { Label = Candidate.OriginalLabel, Text = Pick(_subjects, random).ToLowerInvariant() + ", 2019" }, 26.6, 2.2, shift, random));
        made.AddRange(_captioners.Select(captioner => Captioner(captioner, shift, failing && captioner.Label.StartsWith('V'), random)));
        return _selector.Choose(row with { CandidatesExpected = made.Count, Candidates = made });
    }

    private static Candidate Captioner((string Label, double Mean, double Deviation, int Sentences) captioner, double shift, bool failing, Random random)
    {
        var text = string.Join(' ', Enumerable.Range(0, captioner.Sentences + random.Next(3)).Select(i => i == 0 ? Pick(_subjects, random) + " " + Pick(_doings, random) + "." : Pick(_rest, random)));
        var blank = new Candidate { Label = captioner.Label, Model = "example/" + captioner.Label, InputTokens = 1_200, OutputTokens = text.Length / 4, Cost = 0.00004m * text.Length / 4, Attempts = 1 };
        if (failing)
            return blank with { Reason = "captioner_timeout", Message = "No answer within 120 s, three times.", Attempts = 3, OutputTokens = 0, Cost = 0 };
        return random.Next(60) switch
        {
            0 => blank with { TextRaw = "I'm sorry, but I can't help with describing this image.", Reason = "caption_refusal", Message = "It begins with \"I'm sorry, but I can't\".", Flags = ["caption_refusal"], Attempts = 2 },
            1 => blank with { TextRaw = string.Join(' ', Enumerable.Repeat("the sky is blue and the sky is blue and", 30)), Reason = "caption_repetition", Message = "One run of 7 words comes 30 times.", Flags = ["caption_repetition"], Attempts = 2 },
            2 => Scored(blank with { Text = text, Flags = ["caption_truncated"] }, captioner.Mean - 0.6, captioner.Deviation, shift, random),
            _ => Scored(blank with { Text = text }, captioner.Mean, captioner.Deviation, shift, random),
        };
    }

    private static Candidate Scored(Candidate candidate, double mean, double deviation, double shift, Random random)
    {
        var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        var score = Math.Round(mean + shift + (deviation * normal), 4);
        var tokens = (int)(candidate.Text!.Length / 4.4) + 2;
        var isCut = tokens > 77;
        return candidate with
        {
            Words = candidate.Text.Split(' ').Length,
            ClipTokens = tokens,
            ClipTruncated = isCut,
            Score = score,
            WindowScore = isCut ? Math.Round(score - 0.4 + (random.NextDouble() * 0.8) - 0.4, 4) : score,
        };
    }

    private static IndexRow Left(IndexRow row, string status, string reason, string message) => row with { Status = status, Reason = reason, ErrorMessage = message };

    private static string Key(int i) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Say($"image {i}"))))[..32];

    private static string Pick(string[] from, Random random) => from[random.Next(from.Length)];

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
