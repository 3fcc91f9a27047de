using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Sana.Curation.Shards;
using Sana.Curation.Shards.Validation;
using Sana.Storage.Sources;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Shards.Validation;

public sealed class SanaLoaderTests : IDisposable
{
    private const string Good = """{"file_name":"a.jpg","prompt":"a photo","width":64,"height":48}""";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_dataset_of_ours_loads_without_a_finding_of_an_error()
    {
        var stats = new[] { await SomeRows.Write(_folder.Path, 40, 0), await SomeRows.Write(_folder.Path, 40, 1) };
        File.WriteAllBytes(_folder.File("wids-meta.json"), WidsMeta.Bytes("some", stats));

        var report = await Check();

        Assert.True(report.Loads, string.Join("\n", report.Findings));
        Assert.Equal(["missing_caption"], report.Findings.Select(finding => finding.Code).Distinct()); // The refused captions.
        Assert.Equal((2, 64L), (report.Shards, report.Samples));
        Assert.Equal(["_InternVL2-26B", "_VILA1-5-13B"], report.CaptionSuffixes);
        Assert.Equal(["_InternVL2-26B_clip_score", "_VILA1-5-13B_clip_score", "_prompt_clip_score"], report.ScoreSuffixes);
        Assert.Equal(64, report.Labels["prompt"]);
    }

    [Fact]
    public async Task A_small_dataset_of_others_loads_without_a_finding()
    {
        Tar("00000.tar", ("a.jpg", "x"), ("a.json", Good), ("b.jpg", "x"), ("b.json", Good));
        Meta(2);

        Assert.Empty((await Check()).Findings);
    }

    [Theory]
    [InlineData("no_image", "a.json", Good)]
    [InlineData("no_image", "a.webp", "x", "a.json", Good)]
    [InlineData("no_image", "a.JPG", "x", "a.json", Good)]
    [InlineData("no_image", "a.b.jpg", "x", "a.json", Good)]
    [InlineData("missing_json", "a.jpg", "x")]
    [InlineData("unreadable_json", "a.jpg", "x", "a.json", "{")]
    [InlineData("unreadable_json", "a.jpg", "x", "a.json", "[1]")]
    [InlineData("unreadable_json", "a.jpg", "x", "a.json", "{\"\\ud800\":1}")]
    [InlineData("missing_size", "a.jpg", "x", "a.json", """{"prompt":"p","width":64}""")]
    [InlineData("missing_size", "a.jpg", "x", "a.json", """{"prompt":"p","width":64,"height":"48"}""")]
    [InlineData("missing_prompt", "a.jpg", "x", "a.json", """{"width":64,"height":48}""")]
    [InlineData("empty_prompt", "a.jpg", "x", "a.json", """{"prompt":null,"width":64,"height":48}""")]
    [InlineData("wrong_prompt", "a.jpg", "x", "a.json", """{"prompt":["p"],"width":64,"height":48}""")]
    [InlineData("ignored_member", "a.jpg", "x", "a.json", Good, "README", "x")]
    [InlineData("not_adjacent", "a.jpg", "x", "b.jpg", "x", "a.json", Good, "b.json", Good)]
    [InlineData("duplicate_member", "a.jpg", "x", "a.json", Good, "a.jpg", "y")]
    [InlineData("long_name", "a123456789b123456789c123456789d123456789e123456789f123456789g123456789h123456789i123456789j123456789.jpg", "x")]
    [InlineData("mixed_extensions", "a.jpg", "x", "a.json", Good, "b.png", "x", "b.json", Good)]
    public async Task A_fault_of_the_tar_has_its_code(string code, params string[] members)
    {
        Tar("00000.tar", [.. members.Chunk(2).Select(pair => (pair[0], pair[1]))]);
        Meta(1);

        Assert.Contains(code, (await Check()).Findings.Select(finding => finding.Code));
    }

    [Theory]
    [InlineData("negative_score", "_prompt_clip_score.json", """{"a":{"prompt":"-1.5"}}""")]
    [InlineData("caption_without_score", "_prompt_clip_score.json", """{"a":{"prompt":"-1.5"}}""")]
    [InlineData("prompt_in_sidecar", "_vlm.json", """{"a":{"prompt":"c"}}""")]
    [InlineData("missing_caption", "_vlm.json", "{}")]
    [InlineData("unknown_key", "_vlm.json", """{"a":{"vlm":"c"},"z":{"vlm":"c"}}""")]
    [InlineData("unreadable_sidecar", "_vlm.json", """{"a":{"vlm":"c"}""")]
    [InlineData("unreadable_sidecar", "_vlm.json", "\uFEFF{\"a\":{\"vlm\":\"c\"}}")]
    [InlineData("wrong_sidecar", "_vlm.json", """{"a":"c"}""")]
    [InlineData("wrong_caption", "_vlm.json", """{"a":{"vlm":["c"]}}""")]
    [InlineData("empty_caption", "_vlm.json", """{"a":{"vlm":null}}""")]
    [InlineData("label_hides_fact", "_vlm.json", """{"a":{"width":"c"}}""")]
    [InlineData("dotted_label", "_vlm.json", """{"a":{"VILA1.5":"c"}}""")]
    [InlineData("score_without_label", "_vlm_clip_score.json", """{"a":{"vlm":"27.1"}}""")]
    [InlineData("falls_back", "_vlm_clip_score.json", """{"a":{"vlm":"27.1"}}""")]
    [InlineData("bad_score", "_vlm_clip_score.json", """{"a":{"prompt":"high"}}""")]
    [InlineData("negative_score", "_vlm_clip_score.json", """{"a":{"prompt":-3}}""")]
    [InlineData("prompt_score_missing", "_prompt_clip_score.json", "{}")]
    [InlineData("prompt_score_missing", "_prompt_clip_score.json", """{"a":{"vlm":"27"}}""")]
    [InlineData("prompt_score_missing", "_prompt_clip_score.json", "not json")]
    public async Task A_fault_of_a_sidecar_has_its_code(string code, string suffix, string json)
    {
        Tar("00000.tar", ("a.jpg", "x"), ("a.json", Good));
        Meta(1);
        File.WriteAllText(_folder.File("00000" + suffix), json);

        Assert.Contains(code, (await Check()).Findings.Select(finding => finding.Code));
    }

    [Theory]
    [InlineData("missing_wids_meta", null)]
    [InlineData("unreadable_wids_meta", "{")]
    [InlineData("unreadable_wids_meta", """{"shardlist":[{"url":"00000.tar"}]}""")]
    [InlineData("wrong_nsamples", """{"shardlist":[{"url":"00000.tar","nsamples":2}]}""")]
    [InlineData("wrong_nsamples", """{"shardlist":[{"url":"00000.tar","nsamples":0}]}""")]
    [InlineData("wrong_filesize", """{"shardlist":[{"url":"00000.tar","nsamples":1,"filesize":7}]}""")]
    [InlineData("missing_shard", """{"shardlist":[{"url":"00001.tar","nsamples":1}]}""")]
    [InlineData("not_listed", """{"shardlist":[]}""")]
    [InlineData("listed_twice", """{"shardlist":[{"url":"00000.tar","nsamples":1},{"url":"00000.tar","nsamples":1}]}""")]
    public async Task A_fault_of_the_list_has_its_code(string code, string? meta)
    {
        Tar("00000.tar", ("a.jpg", "x"), ("a.json", Good));
        if (meta is not null)
            File.WriteAllText(_folder.File("wids-meta.json"), meta);

        Assert.Contains(code, (await Check()).Findings.Select(finding => finding.Code));
    }

    [Fact]
    public async Task A_key_in_two_shards_is_found()
    {
        Tar("00000.tar", ("a.jpg", "x"), ("a.json", Good));
        Tar("00001.tar", ("a.jpg", "x"), ("a.json", Good));
        Meta(1);

        Assert.Contains((await Check()).Findings, finding => finding is { Code: "duplicate_key", Shard: "00001.tar", Key: "a" });
    }

    [Fact]
    public async Task A_sidecar_that_one_shard_lacks_is_missed()
    {
        Tar("00000.tar", ("a.jpg", "x"), ("a.json", Good));
        Tar("00001.tar", ("b.jpg", "x"), ("b.json", Good));
        File.WriteAllText(_folder.File("00000_vlm.json"), """{"a":{"vlm":"c"}}""");
        Meta(1);

        Assert.Contains((await Check()).Findings, finding => finding is { Code: "missing_sidecar", Shard: "00001.tar" });
    }

    [Fact]
    public async Task Originals_that_are_never_drawn_are_found()
    {
        var stats = await SomeRows.Write(_folder.Path, 6);
        File.WriteAllBytes(_folder.File("wids-meta.json"), WidsMeta.Bytes("some", [stats]));
        File.Delete(_folder.File("00000_prompt_clip_score.json"));

        Assert.Contains((await Check()).Findings, finding => finding is { Code: "prompt_never_drawn", Shard: "00000.tar" });
    }

    [Fact]
    public async Task A_tar_in_the_path_hides_the_sidecars()
    {
        Tar("00000.tar", ("a.jpg", "x"), ("a.json", Good));

        Assert.Contains("tar_in_path", (await Check(new LoaderOptions { Place = "/data/my.tars/shards" })).Findings.Select(finding => finding.Code));
    }

    [Fact]
    public async Task Packed_empty_and_damaged_tars_are_findings()
    {
        await using (var packed = new GZipStream(File.Create(_folder.File("00000.tar")), CompressionLevel.Fastest))
            packed.Write(new byte[4096]);
        File.WriteAllBytes(_folder.File("00001.tar"), []);
        var noise = new byte[4096];
        new Random(1).NextBytes(noise);
        File.WriteAllBytes(_folder.File("00002.tar"), noise);
        File.WriteAllText(_folder.File("00003.tar.gz"), "x");

        var codes = (await Check()).Findings.Select(finding => (finding.Shard, finding.Code)).ToArray();

        Assert.Contains(("00000.tar", "packed_tar"), codes);
        Assert.Contains(("00001.tar", "no_tar"), codes);
        Assert.Contains(("00002.tar", "bad_member"), codes);
        Assert.Contains(("00003.tar.gz", "packed_tar"), codes);
    }

    [Fact]
    public async Task A_shard_of_ours_with_any_bit_flipped_never_stops_the_check()
    {
        var stats = await SomeRows.Write(_folder.Path, 6);
        File.WriteAllBytes(_folder.File("wids-meta.json"), WidsMeta.Bytes("some", [stats]));
        var random = new Random(5);
        foreach (var file in Directory.GetFiles(_folder.Path).Order(StringComparer.Ordinal))
        {
            var bytes = File.ReadAllBytes(file);
            for (var round = 0; round < 20; round++)
            {
                var damaged = bytes.ToArray();
                for (var flips = 0; flips < 5; flips++)
                    damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
                File.WriteAllBytes(file, damaged.AsSpan(0, round % 4 == 0 ? random.Next(damaged.Length) : damaged.Length).ToArray());

                Assert.NotNull(await Check());
            }

            File.WriteAllBytes(file, bytes);
        }
    }

    [Fact]
    public async Task Many_of_one_kind_are_one_finding_with_their_number()
    {
        Tar("00000.tar", [.. Enumerable.Range(0, 30).Select(i => ($"k{i:00}.jpg", "x"))]);

        var finding = Assert.Single((await Check()).Findings, finding => finding.Code == "missing_json");

        Assert.Equal(("k00", 30, LoaderSeverity.Error), (finding.Key, finding.Count, finding.Severity));
    }

    private Task<LoaderReport> Check(LoaderOptions? options = null) => SanaLoader.Check(FolderSource.Open(_folder.Path), options ?? new LoaderOptions(), default);

    private void Tar(string name, params (string Name, string Text)[] members)
    {
        using var tar = new TarWriter(File.Create(_folder.File(name)));
        foreach (var (member, text) in members)
        {
            TarEntry entry = member.Length > 100 ? new PaxTarEntry(TarEntryType.RegularFile, member) : new UstarTarEntry(TarEntryType.RegularFile, member);
            entry.DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text));
            tar.WriteEntry(entry);
        }
    }

    private void Meta(int samples) => File.WriteAllText(_folder.File("wids-meta.json"), $$"""{"__kind__":"SANA-WebDataset","wids_version":1,"name":"x","shardlist":[{"url":"00000.tar","nsamples":{{samples}}}]}""");
}
