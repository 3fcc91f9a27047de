using System.Security.Cryptography;
using System.Text;
using Sana.Curation;
using Sana.Curation.Sources;
using Xunit;

namespace Sana.Tests.Sources;

public sealed class ManifestTests : IDisposable
{
    private readonly Folder _folder = new();

    [Fact]
    public async Task Rows_of_every_kind_of_manifest_become_the_same_items()
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData("pixels"u8));
        _folder.Put("set/img/a b.jpg", "pixels");
        _folder.Put("set/m.jsonl", "\uFEFF" + $$"""{"file_name":"img/a b.jpg","text":"a, \"quoted\" caption","sha256":"{{hash.ToUpperInvariant()}}","id":7,"license":"CC0"}""" + "\r\n\n"
            + """{"image_url":"https://example.com/b.jpg","top_caption":"second","id":8}""" + "\n");
        _folder.Put("set/m.csv", "\uFEFFPATH,URL,Caption,SHA256,uid,Licence\r\n" + $"img/a b.jpg,,\"a, \"\"quoted\"\" caption\",{hash},7,CC0\r\n,https://example.com/b.jpg,second,,8,\r\n");
        _folder.Put("set/m.tsv", $"path\turl\tcaption\tsha256\tuid\tlicence\nimg/a b.jpg\t\t\"a, \"\"quoted\"\" caption\"\t{hash}\t7\tCC0\n\thttps://example.com/b.jpg\tsecond\t\t8\t\n");
        _folder.Put("set/semi.csv", $"path;url;caption;sha256;uid;licence\nimg/a b.jpg;;\"a, \"\"quoted\"\" caption\";{hash};7;CC0\n;https://example.com/b.jpg;second;;8;\n");
        Duck.Write(_folder.File("set/m.parquet"), $"""
            select 'img/a b.jpg' as file, null as url, 'a, "quoted" caption' as prompt, '{hash}' as sha256, 7 as id, 'CC0' as license
            union all select null, 'https://example.com/b.jpg', 'second', null, 8, null order by id
            """);

        foreach (var manifest in new[] { "m.jsonl", "m.csv", "m.tsv", "semi.csv", "m.parquet" })
        {
            var items = await _folder.Items($"set/{manifest}");
            Assert.Equal(
                [($"set/{manifest}#1", "set/img/a b.jpg", null, "a, \"quoted\" caption", hash, "CC0"),
                    ($"set/{manifest}#2", null, "https://example.com/b.jpg", "second", null, null)],
                items.Select(item => (item.Name, item.File, item.Url, item.Caption, item.Sha256, item.Licence)));
            var fetched = await _folder.Source($"set/{manifest}").Fetch(items[0], default);
            Assert.Equal(("pixels", "a, \"quoted\" caption", "CC0"), (Encoding.UTF8.GetString(fetched.Bytes!), fetched.Caption, fetched.Licence));
        }
    }

    [Fact]
    public async Task A_promise_is_kept_or_the_image_is_refused()
    {
        _folder.Put("a.jpg", "pixels").Put("m.csv", $"file,sha256,md5\na.jpg,{new string('0', 64)},\na.jpg,,{new string('0', 32)}\na.jpg,,{Md5("pixels")}\ngone.jpg,,\n");
        var source = _folder.Source("m.csv");
        var reasons = new List<string?>();
        await foreach (var item in source.List(default))
            reasons.Add((await source.Fetch(item, default)).Reason);

        Assert.Equal([Reasons.HashMismatch, Reasons.HashMismatch, null, Reasons.NotFound], reasons);
    }

    [Fact]
    public async Task A_caption_in_another_encoding_spoils_no_row()
    {
        byte[] rows = [.. "file,caption\na.jpg,"u8, 0x43, 0x61, 0x66, 0xE9, .. "\nb.jpg,plain\n"u8];
        _folder.Put("m.csv", rows);

        var (without, with) = (await _folder.Items("m.csv"), await _folder.Items("m.csv", new SourceOptions { FallbackEncoding = "windows-1252" }));

        Assert.Equal((null, null), (without[0].Caption, without[0].Reason));
        Assert.Equal([Reasons.CaptionEncoding], without[0].Notes);
        Assert.Equal(("Café", "windows-1252", "plain"), (with[0].Caption, with[0].Captions![0].Encoding, with[1].Caption));
    }

    [Fact]
    public async Task A_quote_that_never_closes_costs_a_row_and_not_the_file()
    {
        var rows = new StringBuilder("file,caption\na.jpg,\"open\n");
        for (var at = 0; at < 3000; at++)
            rows.Append(at).Append(".jpg,plain\n");
        _folder.Put("m.csv", rows.ToString());

        var lines = await _folder.Lines("m.csv", new SourceOptions { MaxRowBytes = 1024 });

        Assert.Equal("m.csv#1 bad_row", lines[0]);
        Assert.Equal(3001, lines.Length);
        Assert.All(lines[1..], line => Assert.DoesNotContain(' ', line));
    }

    [Fact]
    public async Task A_url_without_a_road_to_it_is_a_failed_download()
    {
        _folder.Put("m.csv", "url\nhttps://example.com/a.jpg\n");

        Assert.Equal(Reasons.DownloadFailed, (await _folder.Fetch("m.csv#1", "m.csv")).Reason);
    }

    public void Dispose() => _folder.Dispose();

#pragma warning disable CA5351 // Some manifests promise it.
    private static string Md5(string text) => Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(text)));
#pragma warning restore CA5351
}
