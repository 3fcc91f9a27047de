using System.Text;
using Xunit;

namespace Sana.Tests.Sources;

public sealed class HostileManifestTests : IDisposable
{
    private readonly Folder _folder = new();

    [Theory]
    [InlineData("{", "bad_row")]
    [InlineData("[]", "bad_row")]
    [InlineData("42", "bad_row")]
    [InlineData("null", "bad_row")]
    [InlineData("{\"file\":\"b.jpg\"} x", "bad_row")]
    [InlineData("{\"file\":\"b.jpg\",}", "bad_row")]
    [InlineData("{\"file\":\"\\ud800.jpg\"}", "bad_row")]
    [InlineData("{\"file\":NaN}", "bad_row")]
    [InlineData("{}", "missing_column")]
    [InlineData("{\"caption\":\"x\"}", "missing_column")]
    [InlineData("{\"file\":null}", "missing_image")]
    [InlineData("{\"file\":\" \"}", "missing_image")]
    [InlineData("{\"file\":42}", "wrong_type")]
    [InlineData("{\"file\":[\"b.jpg\"]}", null)]
    [InlineData("{\"file\":[\"b.jpg\",\"c.jpg\"]}", "wrong_type")]
    [InlineData("{\"url\":{\"href\":\"x\"}}", "wrong_type")]
    [InlineData("{\"file\":\"b.jpg\",\"caption\":42}", null)]
    [InlineData("{\"file\":\"b.jpg\",\"caption\":[\"x\"]}", null)]
    [InlineData("{\"file\":\"b.jpg\",\"sha256\":\"xyz\"}", null)]
    [InlineData("{\"file\":\"b.jpg\",\"sha256\":true}", null)]
    [InlineData("{\"file\":\"../b.jpg\"}", "unsafe_member")]
    [InlineData("{\"file\":\"/etc/passwd\"}", "unsafe_member")]
    [InlineData("{\"file\":\"a/../../b.jpg\"}", "unsafe_member")]
    [InlineData("{\"file\":\"b\\u0000.jpg\"}", "unsafe_member")]
    [InlineData("{\"file\":\"C:\\\\b.jpg\"}", "unsafe_member")]
    [InlineData("{\"file\":\"file:///etc/passwd\"}", "unsafe_member")]
    [InlineData("{\"file\":\"s3://bucket/b.jpg\"}", "unsafe_member")]
    [InlineData("{\"file\":\"b.jpg\",\"id\":\"first\"}", null)]
    [InlineData("{\"file\":\"b.jpg\",\"license\":0,\"id\":{}}", null)]
    [InlineData("{\"file\":\"./sub\\\\b.jpg\"}", null)]
    [InlineData("{\"file\":\"b.jpg\",\"hash\":-123456}", null)]
    [InlineData("{\"file\":\"b.jpg\",\"caption\":null}", null)]
    [InlineData("{\"file\":\"b.jpg\",\"width\":{}}", null)]
    [InlineData("{\"key\":\"b.jpg\"}", null)]
    public async Task A_bad_line_is_a_row_and_those_around_it_stand(string line, string? reason)
    {
        _folder.Put("m.jsonl", $"{{\"file\":\"a.jpg\",\"id\":\"first\"}}\n{line}\n{{\"file\":\"z.jpg\",\"id\":\"last\"}}");

        Assert.Equal(["m.jsonl#1", reason is null ? "m.jsonl#2" : $"m.jsonl#2 {reason}", "m.jsonl#3"], await _folder.Lines("m.jsonl"));
    }

    [Theory]
    [InlineData("b.jpg", "bad_row")]
    [InlineData("b.jpg,x,2,3", "bad_row")]
    [InlineData("b.jpg,\"x\"y,2", "bad_row")]
    [InlineData("b.jpg,5\" tall,2", "bad_row")]
    [InlineData(",x,2", "missing_image")]
    [InlineData("../b.jpg,x,2", "unsafe_member")]
    [InlineData("\"/etc/passwd\",x,2", "unsafe_member")]
    [InlineData("b\0.jpg,x,2", "unsafe_member")]
    [InlineData("b\u00FF.jpg,x,2", "wrong_type")]
    [InlineData("b.jpg,x,1", null)]
    [InlineData("b.jpg,\"two\nlines\",2", null)]
    [InlineData("b.jpg,,", null)]
    [InlineData("b.jpg,=cmd|' /C calc'!A0,2", null)]
    public async Task A_bad_record_is_a_row_and_those_around_it_stand(string record, string? reason)
    {
        _folder.Put("m.csv", Encoding.Latin1.GetBytes($"file,caption,id\r\na.jpg,first,1\r\n{record}\r\nz.jpg,last,9\r\n"));

        Assert.Equal(["m.csv#1", reason is null ? "m.csv#2" : $"m.csv#2 {reason}", "m.csv#3"], await _folder.Lines("m.csv"));
    }

    [Fact]
    public async Task A_manifest_that_is_none_is_one_row()
    {
        _folder.Put("empty.csv", "").Put("empty.jsonl", "").Put("empty.parquet", "").Put("columns.csv", "a,b\n1,2\n").Put("wide.csv", Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes("file\na.jpg\n")).ToArray())
            .Put("wide.jsonl", Encoding.Unicode.GetBytes("{\"file\":\"a.jpg\"}\n")).Put("packed.jsonl", [0x1F, 0x8B, 8, 0, 0]).Put("text.parquet", "file,caption\na.jpg,x\n").Put("ends.parquet", "PAR1\u007f\u007f\u007f\u007fPAR1")
            .Put("head.csv", "file,caption\n").Put("deep.jsonl", new string('[', 900_000)).Put("blank.jsonl", "\n\r\n\n").Put("bytes.jsonl", [0xC3, 0x28, (byte)'\n']);

        Assert.Equal(["empty.csv empty_file"], await _folder.Lines("empty.csv"));
        Assert.Equal(["empty.jsonl empty_file"], await _folder.Lines("empty.jsonl"));
        Assert.Equal(["empty.parquet empty_file"], await _folder.Lines("empty.parquet"));
        Assert.Equal(["columns.csv missing_column"], await _folder.Lines("columns.csv"));
        Assert.Equal(["wide.csv unreadable"], await _folder.Lines("wide.csv"));
        Assert.Equal(["wide.jsonl unreadable"], await _folder.Lines("wide.jsonl"));
        Assert.Equal(["packed.jsonl unsupported_format"], await _folder.Lines("packed.jsonl"));
        Assert.Equal(["text.parquet unreadable"], await _folder.Lines("text.parquet"));
        Assert.Equal(["ends.parquet unreadable"], await _folder.Lines("ends.parquet"));
        Assert.Empty(await _folder.Lines("head.csv"));
        Assert.Equal(["deep.jsonl#1 bad_row"], await _folder.Lines("deep.jsonl"));
        Assert.Empty(await _folder.Lines("blank.jsonl"));
        Assert.Equal(["bytes.jsonl#1 bad_row"], await _folder.Lines("bytes.jsonl"));
        Assert.Equal(["gone.csv not_found"], await _folder.Lines("gone.csv"));
    }

    [Theory]
    [InlineData("select 'x' as caption", "m.parquet missing_column")]
    [InlineData("select ['a.jpg'] as file", "m.parquet wrong_type")]
    [InlineData("select {'bytes': 'x', 'path': 'a.jpg'} as image", "m.parquet#1")]
    [InlineData("select {'bytes': 'x'::blob, 'path': null::varchar} as picture", "m.parquet#1")]
    [InlineData("select 'a.jpg' as file, 4.2 as caption", "m.parquet#1")]
    [InlineData("select 'a.jpg' as file, {'en': 'x'} as caption, 'good' as text, null::int as license, uuid() as id", "m.parquet#1")]
    [InlineData("select 1.5 as url", "m.parquet wrong_type")]
    [InlineData("select null::varchar as file", "m.parquet#1 missing_image")]
    [InlineData("select '../a.jpg' as file", "m.parquet#1 unsafe_member")]
    [InlineData("select 'a.jpg' as file, repeat('x', 2000000) as caption", "m.parquet#1")]
    [InlineData("select 'a.jpg'::blob as file, 12345::bigint as hash", "m.parquet#1")]
    [InlineData("select 7 as key, 'https://example.com/a' as url, now() as at", "m.parquet#1")]
    public async Task Columns_of_parquet_are_judged(string select, string line)
    {
        Duck.Write(_folder.File("m.parquet"), select);

        Assert.Equal([line], await _folder.Lines("m.parquet"));
    }

    [Fact]
    public async Task Bytes_of_a_text_that_are_not_utf_8_are_left_out_and_noted()
    {
        Duck.Write(_folder.File("m.parquet"), "select 'a.jpg' as file, 'caf\\xE9'::blob as caption");

        var item = (await _folder.Items("m.parquet")).Single();

        Assert.Equal((null, null, "caption_encoding"), (item.Reason, item.Caption, item.Notes!.Single()));
    }

    [Fact]
    public async Task An_empty_row_group_has_no_rows()
    {
        var file = new Parquet.Schema.DataField<string>("file");
        await using (var stream = File.Create(_folder.File("m.parquet")))
        await using (var writer = await Parquet.ParquetWriter.CreateAsync(new Parquet.Schema.ParquetSchema(file), stream))
        {
            foreach (var rows in new string[][] { ["a.jpg"], [], ["b.jpg"] })
            {
                using var group = writer.CreateRowGroup();
                await group.WriteAsync(file, rows);
            }
        }

        Assert.Equal(["m.parquet#1", "m.parquet#2"], await _folder.Lines("m.parquet"));
    }

    [Fact]
    public async Task Nulls_keep_their_rows_over_row_groups()
    {
        Duck.Write(_folder.File("m.parquet"), "select i || '.jpg' as file, case when i % 3 = 0 then null else 'c' || i end as caption, i as id from range(5000) t(i)", ", row_group_size 2048");

        var items = await _folder.Items("m.parquet");

        Assert.Equal(5000, items.Count);
        Assert.All(items.Index(), pair => Assert.Equal(
            ($"m.parquet#{pair.Index + 1}", $"{pair.Index}.jpg", pair.Index % 3 == 0 ? null : $"c{pair.Index}"), (pair.Item.Name, pair.Item.File, pair.Item.Caption)));
    }

    public void Dispose() => _folder.Dispose();
}
