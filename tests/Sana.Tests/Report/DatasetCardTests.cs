using System.Text;
using System.Text.RegularExpressions;
using Sana.Curation;
using Sana.Curation.Report;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Report;

public sealed partial class DatasetCardTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_head_names_the_shards_and_the_index_and_nothing_else()
    {
        var card = await Card(SomeRows.Of(30), SomeRows.Of(12, 1));
        var files = Directory.EnumerateFiles(_folder.File("shards")).Select(file => "shards/" + Path.GetFileName(file)).Order(StringComparer.Ordinal).ToArray();

        var configs = Configs(card);

        Assert.Equal(["default", "index"], configs.Keys);
        Assert.Equal(["shards/00000.tar", "shards/00001.tar"], files.Where(file => configs["default"].Any(path => Glob(path).IsMatch(file))));
        Assert.Equal(["shards/00000.parquet", "shards/00001.parquet"], files.Where(file => configs["index"].Any(path => Glob(path).IsMatch(file))));
        Assert.Contains("\nlicense: cc0-1.0\n", card, StringComparison.Ordinal);
        Assert.Contains("\nsize_categories:\n- n<1K\n", card, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tar_without_a_sample_is_not_named_since_readers_fail_at_it()
    {
        var card = await Card([SomeRows.Rejected(0, 0)], SomeRows.Of(12, 1));

        Assert.Equal(["shards/00001.tar"], Configs(card)["default"]);
    }

    [Fact]
    public async Task It_counts_captioners_licences_and_scores()
    {
        var card = await Card(SomeRows.Of(30));

        Assert.Contains("| InternVL2\\-26B | OpenGVLab\\/InternVL2\\-26B | cc\\-by\\-nc\\-4\\.0 | 24 |", card, StringComparison.Ordinal);
        Assert.Contains("| CC0 | 24 |", card, StringComparison.Ordinal);
        Assert.Contains("| rejected | 6 |", card, StringComparison.Ordinal);
        Assert.Contains("power (tau 0.1, threshold 25, seed 7)", card, StringComparison.Ordinal);
        Assert.Contains("external_caption_suffixes: ['', _InternVL2-26B, _VILA1-5-13B]", card, StringComparison.Ordinal);
        Assert.Contains("external_clipscore_suffixes: [_InternVL2-26B_clip_score, _VILA1-5-13B_clip_score, _prompt_clip_score]", card,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Words_of_strangers_are_neither_markup_nor_yaml()
    {
        const string Attack = "---\nlicense: mit\n# <script>alert(1)</script> [x](javascript:1) | `a` ![i](http://e/x.png) \u202E";
        var rows = SomeRows.Of(10).Select(row => row with
        {
            Licence = row.Status == RowStatus.Success ? Attack : null,
            Candidates = [.. row.Candidates.Select(candidate => candidate with { Model = Attack, Licence = Attack })],
        }).ToArray();

        var card = await Card(rows);
        var (head, body) = (card[..card.IndexOf("\n---\n", 4, StringComparison.Ordinal)], card[(card.IndexOf("\n---\n", 4, StringComparison.Ordinal) + 5)..]);

        Assert.Equal(["license: other"], head.Split('\n').Where(line => line.StartsWith("license:", StringComparison.Ordinal)));
        Assert.Matches("\nlicense_name: \"[a-z0-9.-]+\"\n", head);
        Assert.DoesNotContain("<script", body, StringComparison.Ordinal);
        // No bracket, backtick or bar without its backslash but those of the card's own tables and code.
        Assert.DoesNotMatch(@"(?<!\\)\[x", body);
        Assert.DoesNotMatch(@"(?<!\\)!", body);
        Assert.DoesNotContain("\u202E", body, StringComparison.Ordinal);
        Assert.All(body.Split('\n').Where(line => line.StartsWith('|')), line => Assert.Contains(CellEnd().Count(line), new[] { 3, 4, 7 }));
    }

    [Fact]
    public async Task A_later_choice_has_a_subset_of_its_own()
    {
        var card = await Card([new CardSelection("soft", new SelectionOptions { Rule = SelectionRule.Softmax, Tau = 1 }, 24, "selections/soft/00000.parquet")],
            SomeRows.Of(30));

        Assert.Equal(["selections/soft/[0-9][0-9][0-9][0-9][0-9].parquet"], Configs(card)["selection-soft"]);
        Assert.Contains("| soft | softmax (tau 1, threshold 25, seed 0) | 24 |", card, StringComparison.Ordinal);
        Assert.Contains("_soft]", card, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "n<1K"), InlineData(1000, "1K<n<10K"), InlineData(99_999, "10K<n<100K"), InlineData(2_000_000, "1M<n<10M")]
    public void Sizes_are_the_Hubs(long images, string category) => Assert.Equal(category, HubMetadata.Size(images));

    [Fact]
    public async Task Facts_are_read_back()
    {
        await Card(SomeRows.Of(30));
        var totals = new Totals();
        foreach (var row in SomeRows.Of(30))
            totals.Add(row);
        var facts = DatasetFacts.Of(totals);

        var read = DatasetFacts.Parse(facts.Bytes());

        Assert.Equal(Encoding.UTF8.GetString(facts.Bytes()), Encoding.UTF8.GetString(read.Bytes()));
        Assert.Throws<CurationException>(() => DatasetFacts.Parse("{}"u8));
    }

    private Task<string> Card(params IndexRow[][] shards) => Card([], shards);

    private async Task<string> Card(IReadOnlyList<CardSelection> selections, params IndexRow[][] shards)
    {
        var (totals, stats) = (new Totals(), new List<ShardStats>());
        foreach (var (rows, shard) in shards.Select((rows, shard) => (rows, shard)))
        {
            stats.Add(await new ShardWriter(SomeRows.Settings).Write(shard, rows, SomeRows.Image, Sana.Storage.Blobs.FileBlobs.Open(_folder.File("shards")), "",
                default));
            foreach (var row in rows)
                totals.Add(row);
        }

        return Encoding.UTF8.GetString(new DatasetCard
        {
            Dataset = "some",
            Version = "v1",
            Tool = "sana 0.1.0",
            Facts = DatasetFacts.Of(totals),
            Shards = stats,
            ImageExtension = "jpg",
            Scorer = SomeRows.Settings.Scorer,
            Selection = SomeRows.Settings.Selection,
            Selections = selections,
        }.Bytes());
    }

    /// <summary>The subsets of a head and their paths, in the form that the card has them in.</summary>
    private static Dictionary<string, List<string>> Configs(string card)
    {
        Assert.StartsWith("---\n", card, StringComparison.Ordinal);
        var configs = new Dictionary<string, List<string>>();
        foreach (var line in card.Split('\n').Skip(1).TakeWhile(line => line != "---"))
        {
            if (line.StartsWith("- config_name: ", StringComparison.Ordinal))
                configs.Add(line["- config_name: ".Length..].Trim('"'), []);
            else if (line.StartsWith("    - ", StringComparison.Ordinal))
                configs.Last().Value.Add(line["    - ".Length..].Trim('"'));
        }

        return configs;
    }

    /// <summary>fsspec's wildcards: * is anything within a folder, [0-9] a digit.</summary>
    private static Regex Glob(string path) => new("^"
        + Regex.Escape(path).Replace(@"\*", "[^/]*", StringComparison.Ordinal).Replace(@"\[0-9]", "[0-9]", StringComparison.Ordinal) + "$");

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex CellEnd();
}
