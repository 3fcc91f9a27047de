using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Sana.Curation;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Storage.Blobs;

namespace Sana.Tests.Support;

/// <summary>Rows of a shard with two captioners and an original, chosen, some of them not in the shard.</summary>
internal static class SomeRows
{
    public static readonly ShardSettings Settings = new()
    {
        Labels = ["InternVL2-26B", "VILA1-5-13B"],
        Scorer = "openai-clip-vit-large-patch14",
        Selection = new SelectionOptions { Seed = 7 },
        RunId = "some/v1",
        PipelineVersion = "0.1.0",
    };

    /// <summary>Every fifth row is rejected, every seventh without original, every eleventh without a second captioner.</summary>
    public static IndexRow[] Of(int count, int shard = 0, ShardSettings? settings = null)
    {
        var selector = new CaptionSelector((settings ?? Settings).Selection);
        return [.. Enumerable.Range(0, count).Select(i => i % 5 == 4 ? Rejected(shard, i) : selector.Choose(Good(shard, i, withOriginal: i % 7 != 6, withSecond: i % 11 != 10)))];
    }

    public static IndexRow Good(int shard, int row, bool withOriginal = true, bool withSecond = true)
    {
        var sha = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{shard}/{row}")));
        return new IndexRow
        {
            Key = sha[..32],
            Uid = sha[..32],
            Shard = shard,
            Row = row,
            SourceUri = $"photos/{row}.jpeg",
            Sha256 = sha,
            Phash = sha[^16..],
            Status = RowStatus.Success,
            Width = 640,
            Height = 480 + row,
            OriginalWidth = 1280,
            OriginalHeight = 960,
            Format = "jpeg",
            Bytes = 1000 + row,
            Frames = 1,
            Notes = row % 3 == 0 ? ["icc_converted", "exif_ignored"] : [],
            Licence = "CC0",
            Original = withOriginal ? $"photo {row}" : null,
            CandidatesExpected = withOriginal ? 3 : 2,
            Candidates =
            [
                .. withOriginal ? new[] { Candidate("prompt", null, $"photo {row}", 26.7331 + (row % 9)) } : [],
                Candidate("InternVL2-26B", "OpenGVLab/InternVL2-26B", $"Ein Foto “{row}” – 写真 🦊 with a \"quote\" and a tab\t.", 27.1037 + (row % 7)),
                withSecond
                    ? Candidate("VILA1-5-13B", "Efficient-Large-Model/VILA1.5-13b", $"A picture of the number {row}.\nIt has two lines.", 27.2321 + (row % 5)) with { Flags = ["caption_truncated", "mended"] }
                    : Candidate("VILA1-5-13B", "Efficient-Large-Model/VILA1.5-13b", null, null) with { Reason = "caption_refusal", TextRaw = "I'm sorry." },
            ],
            Concepts = [new ConceptScore("nsfw", 12.5)],
        };
    }

    public static IndexRow Rejected(int shard, int row) => new()
    {
        Key = string.Create(CultureInfo.InvariantCulture, $"{shard:00000}-{row:0000}"),
        Shard = shard,
        Row = row,
        SourceUri = $"https://example.org/{row}.jpg",
        Status = RowStatus.Rejected,
        Reason = row % 2 == 0 ? "decode_error" : "too_small",
        ErrorMessage = "It is broken.",
    };

    /// <summary>Bytes that stand for the image of a row, of sizes around the block of a tar.</summary>
    public static Task<byte[]> Image(IndexRow row, CancellationToken cancellationToken)
    {
        var bytes = new byte[500 + (row.Row * 13)];
        new Random(row.Row).NextBytes(bytes);
        return Task.FromResult(bytes);
    }

    public static async Task<ShardStats> Write(string folder, int count, int shard = 0, ShardSettings? settings = null)
    {
        settings ??= Settings;
        return await new ShardWriter(settings).Write(shard, Of(count, shard, settings), Image, FileBlobs.Open(folder), "", default);
    }

    private static Candidate Candidate(string label, string? model, string? text, double? score) => new()
    {
        Label = label,
        Model = model,
        ModelRevision = model is null ? null : "main",
        Licence = model is null ? null : "cc-by-nc-4.0",
        PromptId = model is null ? null : "0123456789abcdef",
        Text = text,
        TextRaw = text,
        Words = text?.Split(' ').Length ?? 0,
        Attempts = model is null ? 0 : 2,
        Cost = model is null ? 0 : 0.0012m,
        ClipTokens = text is null ? null : 12,
        ClipTruncated = text is null ? null : false,
        Score = score,
        WindowScore = score,
    };
}
