using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.Curation;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Shards;

public sealed class ShardWriterTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_file_is_written_and_the_stats_come_last()
    {
        var blobs = new RecordingBlobs(FileBlobs.Open(_folder.Path));

        await new ShardWriter(SomeRows.Settings).Write(3, SomeRows.Of(30, 3), SomeRows.Image, blobs, "", default);

        Assert.Equal(
            [
                "00003.tar", "00003_InternVL2-26B.json", "00003_InternVL2-26B_clip_score.json", "00003_VILA1-5-13B.json", "00003_VILA1-5-13B_clip_score.json",
                "00003_prompt_clip_score.json", "00003.parquet", "00003.jsonl", "00003_stats.json",
            ],
            blobs.Written);
    }

    [Fact]
    public async Task The_same_rows_give_the_same_bytes()
    {
        using var other = new TempFolder();

        await SomeRows.Write(_folder.Path, 40);
        await SomeRows.Write(other.Path, 40);

        foreach (var file in Directory.EnumerateFiles(_folder.Path))
            Assert.True(File.ReadAllBytes(file).AsSpan().SequenceEqual(File.ReadAllBytes(other.File(Path.GetFileName(file)))), file);
    }

    [Fact]
    public async Task A_write_that_was_cut_short_leaves_nothing_that_the_next_one_would_keep()
    {
        using var other = new TempFolder();
        await SomeRows.Write(other.Path, 40);
        var images = 0;
        Task<byte[]> Failing(IndexRow row, CancellationToken token) => ++images > 17 ? throw new InvalidDataException("Gone.") : SomeRows.Image(row, token);

        await Assert.ThrowsAsync<InvalidDataException>(() => new ShardWriter(SomeRows.Settings).Write(0, SomeRows.Of(40), Failing, FileBlobs.Open(_folder.Path), "", default));
        Assert.False(File.Exists(_folder.File("00000_stats.json")));
        await SomeRows.Write(_folder.Path, 40);

        foreach (var file in Directory.EnumerateFiles(other.Path))
            Assert.True(File.ReadAllBytes(file).AsSpan().SequenceEqual(File.ReadAllBytes(_folder.File(Path.GetFileName(file)))), file);
    }

    [Fact]
    public async Task Captions_and_scores_stand_under_their_label_and_never_under_prompt()
    {
        await SomeRows.Write(_folder.Path, 12);
        var row = SomeRows.Of(12)[2];

        Assert.Equal(row.Candidates[2].Text, (string?)Json("00000_VILA1-5-13B.json")[row.Key]!["VILA1-5-13B"]);
        Assert.Equal("29.2321", (string?)Json("00000_VILA1-5-13B_clip_score.json")[row.Key]!["VILA1-5-13B"]);
        Assert.All(Json("00000_VILA1-5-13B.json").AsObject(), key => Assert.Equal(["VILA1-5-13B"], key.Value!.AsObject().Select(label => label.Key)));
    }

    [Fact]
    public async Task A_caption_that_was_refused_is_in_no_sidecar()
    {
        await SomeRows.Write(_folder.Path, 12);

        Assert.Null(Json("00000_VILA1-5-13B.json")[SomeRows.Of(12)[10].Key]);
        Assert.Null(Json("00000_VILA1-5-13B_clip_score.json")[SomeRows.Of(12)[10].Key]);
    }

    [Fact]
    public async Task Prompt_scores_hold_every_key()
    {
        var stats = await SomeRows.Write(_folder.Path, 30);

        Assert.Equal(stats.Successes, Json("00000_prompt_clip_score.json").AsObject().Count);
        Assert.All(Json("00000_prompt_clip_score.json").AsObject(), key => Assert.NotNull((string?)key.Value!["prompt"]));
    }

    [Fact]
    public async Task A_score_below_0_is_0_for_the_loader_and_itself_in_the_index()
    {
        var rows = SomeRows.Of(10);
        (rows[0], rows[1]) = (Scored(rows[0], -3.25), Scored(rows[1], double.NaN));

        await new ShardWriter(SomeRows.Settings).Write(0, rows, SomeRows.Image, FileBlobs.Open(_folder.Path), "", default);

        var scores = Json("00000_prompt_clip_score.json").AsObject();
        Assert.Equal(8, scores.Count);
        Assert.All(rows[..2], row => Assert.Equal("0.0000", (string?)scores[row.Key]!["prompt"]));
        Assert.Equal(-3.25, (double)JsonNode.Parse(File.ReadLines(_folder.File("00000.jsonl")).First())!["candidates"]![0]!["score"]!);
        Assert.Equal((null, Reasons.ScoreInvalid), (rows[1].Candidates[0].Score, rows[1].Candidates[0].Flags[^1]));

        static IndexRow Scored(IndexRow row, double score) =>
            new CaptionSelector(SomeRows.Settings.Selection).Choose(row with { Candidates = [row.Candidates[0] with { Score = score }, .. row.Candidates.Skip(1)] });
    }

    [Fact]
    public async Task Without_any_original_there_are_no_prompt_scores_and_prompt_is_the_chosen_caption()
    {
        var row = new CaptionSelector(SomeRows.Settings.Selection).Choose(SomeRows.Good(0, 0, withOriginal: false));

        await new ShardWriter(SomeRows.Settings).Write(0, [row], SomeRows.Image, FileBlobs.Open(_folder.Path), "", default);
        var facts = JsonNode.Parse(Sample.Facts(row, "a.jpg"))!;

        Assert.False(File.Exists(_folder.File("00000_prompt_clip_score.json")));
        Assert.Equal((row.Caption, row.CaptionLabel), ((string?)facts["prompt"], (string?)facts["prompt_label"]));
    }

    [Fact]
    public async Task Facts_of_a_sample_are_what_Sana_needs_and_letters_stay_letters()
    {
        var row = SomeRows.Of(1)[0] with { CaptionLabel = "InternVL2-26B" };

        var text = System.Text.Encoding.UTF8.GetString(Sample.Facts(row, row.Key + ".jpg"));

        Assert.StartsWith($$"""{"file_name":"{{row.Key}}.jpg","prompt":"photo 0","caption":"Ein Foto “0” – 写真""", text, StringComparison.Ordinal);
        Assert.Contains("\"width\":640,\"height\":480,\"prompt_label\":\"prompt\",\"caption_label\":\"InternVL2-26B\",", text, StringComparison.Ordinal);
        Assert.Equal(row.Candidates[1].Text, (string?)JsonNode.Parse(text)!["caption"]);
        await SomeRows.Write(_folder.Path, 3);
        Assert.Contains("Ein Foto “0” – 写真", File.ReadAllText(_folder.File("00000.jsonl")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Broken_text_does_not_stop_a_shard()
    {
        var row = SomeRows.Of(1)[0];
        row = row with { CaptionLabel = "prompt", Candidates = [row.Candidates[0] with { Text = "half a \uD83E fox" }, .. row.Candidates.Skip(1)] };

        await new ShardWriter(SomeRows.Settings).Write(0, [row], SomeRows.Image, FileBlobs.Open(_folder.Path), "", default);

        Assert.Equal("half a \uFFFD fox", (string?)JsonNode.Parse(File.ReadAllText(_folder.File("00000.jsonl")))!["candidates"]![0]!["text"]);
    }

    [Fact]
    public async Task Stats_count_by_status_and_reason_and_are_read_back()
    {
        var written = await SomeRows.Write(_folder.Path, 30);
        var read = ShardStats.Parse(File.ReadAllBytes(_folder.File("00000_stats.json")));

        Assert.Equal((30, 24, 6), (read.Count, read.Successes, read.Status["rejected"]));
        Assert.Equal((3, 3), (read.Reasons["decode_error"], read.Reasons["too_small"]));
        Assert.Equal(24, read.CaptionLabels.Values.Sum());
        Assert.Equal(written.Chain, read.Chain);
        Assert.Equal(written.Files, read.Files);
        Assert.All(read.Files, file => Assert.Equal(
            (file.Bytes, file.Sha256),
            (new FileInfo(_folder.File(file.Name)).Length, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(_folder.File(file.Name)))))));
    }

    [Fact]
    public void Stats_of_another_kind_are_refused()
    {
        Assert.Throws<CurationException>(() => ShardStats.Parse("{}"u8));
        Assert.Throws<CurationException>(() => ShardStats.Parse("not json"u8));
    }

    [Fact]
    public async Task A_shard_of_nothing_is_a_shard()
    {
        var stats = await new ShardWriter(SomeRows.Settings).Write(0, [SomeRows.Rejected(0, 0)], SomeRows.Image, FileBlobs.Open(_folder.Path), "", default);

        Assert.Equal((1, 0, 1024L), (stats.Count, stats.Successes, stats.Files[0].Bytes));
    }

    [Fact]
    public async Task Wids_meta_says_what_Sanas_tool_would()
    {
        var second = await SomeRows.Write(_folder.Path, 12, 1);
        var first = await SomeRows.Write(_folder.Path, 30, 0);

        var meta = JsonNode.Parse(WidsMeta.Bytes("some", [second, first]))!;

        Assert.Equal(("some", "SANA-WebDataset", 1), ((string?)meta["name"], (string?)meta["__kind__"], (int)meta["wids_version"]!));
        Assert.Equal(["00000.tar", "00001.tar"], meta["shardlist"]!.AsArray().Select(shard => (string?)shard!["url"]));
        Assert.Equal([24, 10], meta["shardlist"]!.AsArray().Select(shard => (int)shard!["nsamples"]!));
        Assert.Equal(new FileInfo(_folder.File("00001.tar")).Length, (long)meta["shardlist"]![1]!["filesize"]!);
    }

    [Theory]
    [InlineData("a.b", "no dots"), InlineData("prompt", "something else"), InlineData("Width", "something else"), InlineData("a_clip_score", "something else"), InlineData("", "1…64"), InlineData("é", "ASCII")]
    public void A_label_that_would_not_load_is_refused(string label, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<CurationException>(() => new ShardWriter(SomeRows.Settings with { Labels = [label] })).Message, StringComparison.Ordinal);

    [Fact]
    public void Other_settings_that_would_not_load_are_refused()
    {
        Assert.Throws<CurationException>(() => new ShardWriter(SomeRows.Settings with { Labels = ["a", "A"] }));
        Assert.Throws<CurationException>(() => new ShardWriter(SomeRows.Settings with { ImageExtension = "webp" }));
        Assert.Throws<CurationException>(() => new ShardWriter(SomeRows.Settings with { Scorer = "openai/clip" }));
    }

    private JsonNode Json(string name) => JsonNode.Parse(File.ReadAllText(_folder.File(name)), documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false })!;
}
