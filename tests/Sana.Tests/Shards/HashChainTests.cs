using System.Text.Json.Nodes;
using Sana.Curation;
using Sana.Curation.Shards;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Shards;

public sealed class HashChainTests
{
    private static readonly IndexRow[] _rows = SomeRows.Of(6);
    private static readonly ShardFile[] _files = [new("00000.tar", "ab", 1, 5)];

    [Fact]
    public void Equal_content_has_equal_links() => Assert.Equal(HashChain.Compute(_rows, _files), HashChain.Compute(SomeRows.Of(6), _files));

    [Fact]
    public void A_change_breaks_its_own_link_and_those_after_it()
    {
        var before = HashChain.Compute(_rows, _files);

        Assert.Equal("0000", Same(before, HashChain.Compute([_rows[0] with { Sha256 = "ff" }, .. _rows[1..]], _files)));
        Assert.Equal("1000", Same(before, HashChain.Compute([Candidate(candidate => candidate with { Text = "other" }), .. _rows[1..]], _files)));
        Assert.Equal("1100", Same(before, HashChain.Compute([Candidate(candidate => candidate with { Score = 1 }), .. _rows[1..]], _files)));
        Assert.Equal("1110", Same(before, HashChain.Compute(_rows, [_files[0] with { Sha256 = "cd" }])));
    }

    [Fact]
    public void Fields_do_not_run_together()
    {
        var rows = new[] { _rows[4] with { Key = "a", SourceUri = "bc" } };

        Assert.NotEqual(HashChain.Compute(rows, []).Inputs, HashChain.Compute([rows[0] with { Key = "ab", SourceUri = "c" }], []).Inputs);
    }

    [Fact]
    public void The_chain_of_a_dataset_depends_on_every_shard_and_their_order()
    {
        var (one, two) = (HashChain.Compute(_rows, _files), HashChain.Compute(_rows[1..], _files));

        Assert.NotEqual(HashChain.Combine([one, two]), HashChain.Combine([two, one]));
        Assert.NotEqual(HashChain.Combine([one, two]).Inputs, HashChain.Combine([one]).Inputs);
    }

    [Fact]
    public void Canonical_json_has_one_spelling()
    {
        var one = JsonNode.Parse("""{ "b": [1, 2.5, null], "a": {"z": true, "é": "„x“"} }""");
        var two = JsonNode.Parse("""{"a":{"é":"„x“","z":true},"b":[1,2.5,null]}""");

        Assert.Equal("""{"a":{"z":true,"é":"„x“"},"b":[1,2.5,null]}""", System.Text.Encoding.UTF8.GetString(CanonicalJson.Bytes(one)));
        Assert.Equal(CanonicalJson.Hash(one), CanonicalJson.Hash(two));
    }

    private static IndexRow Candidate(Func<Candidate, Candidate> change) => _rows[0] with { Candidates = [change(_rows[0].Candidates[0]), .. _rows[0].Candidates.Skip(1)] };

    private static string Same(HashChain one, HashChain other) =>
        string.Concat(new[] { one.Inputs == other.Inputs, one.Captions == other.Captions, one.Scores == other.Scores, one.Shards == other.Shards }.Select(same => same ? '1' : '0'));
}
