using System.Security.Cryptography;
using System.Text.Json.Nodes;
using DuckDB.NET.Data;
using Sana.Curation;
using Sana.Curation.Shards;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Shards;

/// <summary>Shards in programs that are not ours.</summary>
public sealed class IndependentReadersTests : IAsyncLifetime
{
    private const int Rows = 40;

    private readonly TempFolder _folder = new();
    private readonly IndexRow[] _rows = SomeRows.Of(Rows);

    public async ValueTask InitializeAsync() => await SomeRows.Write(_folder.Path, Rows);

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Gnu_tar_lists_extracts_and_compares()
    {
        using var extracted = new TempFolder();
        var tar = _folder.File("00000.tar");

        var names = (await Commands.Run("tar", "--list", "--file", tar)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await Commands.Run("tar", "--extract", "--file", tar, "--directory", extracted.Path, "--no-same-owner");
        var difference = await Commands.Run(1, "tar", "--compare", "--file", tar, "--directory", extracted.Path);

        Assert.Equal(Samples().SelectMany(row => new[] { $"{row.Key}.jpg", $"{row.Key}.txt", $"{row.Key}.json" }), names);
        Assert.All(difference.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.Matches("(Uid|Gid) differs$", line)); // Only root extracts as another owner.
        foreach (var row in Samples())
        {
            Assert.Equal(await SomeRows.Image(row, default), File.ReadAllBytes(extracted.File($"{row.Key}.jpg")));
            Assert.Equal(row.Caption, File.ReadAllText(extracted.File($"{row.Key}.txt")));
        }
    }

    [Fact]
    public async Task Members_say_nothing_of_the_machine()
    {
        var listed = await Commands.Run("tar", "--list", "--verbose", "--verbose", "--numeric-owner", "--utc", "--file", _folder.File("00000.tar"));

        Assert.All(listed.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.Matches(@"^-r--r--r-- 0/0 +\d+ 2000-01-01 00:00", line));
    }

    [Fact]
    public async Task A_node_reader_groups_the_members_into_samples()
    {
        var lines = (await Commands.Run("node", NodePackages.File("..", "read-shard.mjs"), _folder.File("00000.tar"))).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var samples = lines.Select(line => JsonNode.Parse(line)!).ToArray();

        Assert.Equal(Samples().Select(row => row.Key), samples.Select(sample => (string?)sample["key"]));
        foreach (var (row, sample) in Samples().Zip(samples))
        {
            Assert.Equal("""["jpg","txt","json"]""", sample["suffixes"]!.ToJsonString());
            Assert.Equal("""["file","file","file"]""", sample["types"]!.ToJsonString());
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(await SomeRows.Image(row, default))), (string?)sample["sha256"]![0]);
            Assert.Equal((row.Caption, row.Key + ".jpg", 640, row.Height), ((string?)sample["txt"], (string?)sample["json"]!["file_name"], (int)sample["json"]!["width"]!, (int)sample["json"]!["height"]!));
        }
    }

    [Fact]
    public void DuckDb_counts_the_rows_by_status_and_reason()
    {
        Assert.Equal("32 success null, 4 rejected decode_error, 4 rejected too_small", Query(
            "SELECT string_agg(n || ' ' || status || ' ' || r, ', ' ORDER BY n DESC, r) FROM (SELECT count(*) n, status, coalesce(reason, 'null') r FROM $ GROUP BY ALL)"));
    }

    [Fact]
    public void DuckDb_reads_candidates_with_all_their_letters()
    {
        var row = _rows[1];
        var from = $"FROM (SELECT unnest(candidates, recursive := true) FROM $ WHERE key = '{row.Key}')";

        Assert.Equal("prompt,InternVL2-26B,VILA1-5-13B", Query($"SELECT string_agg(label, ',') {from}"));
        Assert.Equal(row.Candidates[1].Text, Query($"SELECT text {from} WHERE label = 'InternVL2-26B'"));
        Assert.Equal("[caption_truncated, mended]", Query($"SELECT flags::VARCHAR {from} WHERE label = 'VILA1-5-13B'"));
        Assert.Equal("[]", Query($"SELECT flags::VARCHAR {from} WHERE label = 'prompt'"));
        Assert.Equal("1.0", Query($"SELECT round(sum(prob), 9)::VARCHAR {from}"));
        Assert.Equal("openai-clip-vit-large-patch14", Query($"SELECT DISTINCT score_model {from}"));
    }

    [Fact]
    public void DuckDb_reads_every_value_that_the_lines_have()
    {
        const string Lines = "SELECT key, shard, row, source_uri, sha256, status, reason, width, bytes, frames, notes, original, caption, caption_label, caption_score, selection_prob, len(candidates) n";

        Assert.Equal("0", Query($"SELECT count(*)::VARCHAR FROM (({Lines} FROM $) EXCEPT ({Lines.Replace("notes", "notes::VARCHAR[]", StringComparison.Ordinal)} FROM read_json('{_folder.File("00000.jsonl")}')))"));
    }

    [Fact]
    public void DuckDb_finds_the_selection_and_the_score_under_the_scorers_name()
    {
        var row = _rows[0];

        Assert.Equal($"{row.CaptionLabel} power 0.1 25.0 7 some/v1", Query(
            $"SELECT concat_ws(' ', caption_label, selection_method, selection_tau, selection_threshold, selection_seed, run_id) FROM $ WHERE key = '{row.Key}'"));
        Assert.Equal("32", Query("SELECT count(\"clip_score__openai-clip-vit-large-patch14\")::VARCHAR FROM $ WHERE \"clip_score__openai-clip-vit-large-patch14\" = caption_score"));
        Assert.Equal("https://example.org/4.jpg null", Query("SELECT url || ' ' || coalesce(caption_label, 'null') FROM $ WHERE row = 4"));
        Assert.Equal("12.5", Query($"SELECT nsfw_score::VARCHAR FROM $ WHERE key = '{row.Key}'"));
    }

    [Fact]
    public void Lines_and_table_have_the_same_names_for_candidates()
    {
        var table = Query("SELECT string_agg(DISTINCT k, ',') FROM (SELECT unnest(json_keys(to_json(candidates[1]))) k FROM $)")!.Split(',');
        var lines = File.ReadLines(_folder.File("00000.jsonl")).SelectMany(line => JsonNode.Parse(line)!["candidates"]!.AsArray()).SelectMany(candidate => candidate!.AsObject().Select(member => member.Key));

        Assert.Subset(table.ToHashSet(), lines.ToHashSet());
    }

    [Fact]
    public async Task A_dataset_without_scores_has_the_same_columns_of_the_same_types()
    {
        const string Columns = "SELECT string_agg(column_name || ' ' || column_type, ', ') FROM (DESCRIBE FROM $)";
        var scored = Query(Columns);
        await SomeRows.Write(_folder.Path, 10, settings: SomeRows.Settings with { Scorer = null });

        Assert.Equal(scored, Query(Columns));
        Assert.Equal("0", Query($"SELECT count(\"clip_score__{ShardSettings.DefaultScorer}\")::VARCHAR FROM $"));
        Assert.Equal("10", Query("SELECT count(selection_seed)::VARCHAR FROM $ WHERE selection_seed = 7"));
    }

    private IEnumerable<IndexRow> Samples() => _rows.Where(row => row.Status == RowStatus.Success);

    private string? Query(string sql)
    {
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql.Replace("$", $"'{_folder.File("00000.parquet")}'", StringComparison.Ordinal);
        return command.ExecuteScalar()?.ToString();
    }
}
