using System.IO.Compression;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;
using Sana.Curation.Sources;
using Xunit;

namespace Sana.Tests.Sources;

/// <summary>The kinds of layouts in the forms in which tools and people vary them: each image with its captions, and no row that is none.</summary>
public sealed class LayoutVariantsTests : IDisposable
{
    private static readonly byte[] _jpeg = [0xFF, 0xD8, 0xFF, 0xE0, .. new byte[40]];

    private static readonly Dictionary<string, (Action<Folder> Write, string? Path, string[] Lines)> _cases = new()
    {
        ["ImageFolder with several text columns and a split"] = (
            folder => Images(folder, "train/x/a.jpg", "train/b.jpg").Put("train/metadata.jsonl", """{"file_name":"x/a.jpg","short_caption":"s a","text":"t a","width":7}""" + "\n" + """{"file_name":"b.jpg","text":"t b","caption_score":0.5}"""),
            null, ["train/b.jpg: t b", "train/x/a.jpg: t a|s a"]),
        ["ImageFolder whose list names only some"] = (
            folder => Images(folder, "a.jpg", "b.jpg", "c.jpg").Put("metadata.csv", "file_name,text\na.jpg,t a\n").Put("b.txt", "t b"), null, ["a.jpg: t a", "b.jpg: t b", "c.jpg: "]),
        ["ImageFolder in Parquet"] = (
            folder => Duck.Write(Images(folder, "a.jpg", "sub/b.jpg").File("metadata.parquet"), "select * from (values ('a.jpg', ['t a', 'u a'], 1), ('sub/b.jpg', ['t b'], 2)) t(file_name, captions, license)"),
            null, ["a.jpg: t a|u a", "sub/b.jpg: t b"]),
        ["open_clip's list with tabs"] = (folder => Images(folder, "i/a.jpg").Put("list.csv", "filepath\ttitle\ni/a.jpg\ta title, with a comma\n"), "list.csv", ["list.csv#1: a title, with a comma"]),
        ["a list of Flickr30k with bars"] = (
            folder => Images(folder, "1.jpg").Put("results.csv", "image_name| comment_number| comment\n1.jpg| 0| one of it\n1.jpg| 1| two of it\n"), null, ["1.jpg: one of it|two of it"]),
        ["a list of Flickr30k"] = (folder => Images(folder, "1.jpg").Put("f.csv", "raw,sentids,split,filename,img_id\n\"[\"\"one\"\", \"\"two\"\"]\",\"[0, 1]\",train,1.jpg,0\n"), null, ["1.jpg: one|two"]),
        ["paths with backslashes, dots and roots"] = (
            folder => Images(folder, "set/i/a.jpg", "set/i/b.jpg", "set/i/c.jpg").Put("set/l.jsonl", $$"""{"image":"i\\a.jpg","caption":"t a"}{{"\n"}}{"image":"./i/b.jpg","caption":"t b"}{{"\n"}}{"image":"file://{{folder.Path}}/set/i/c.jpg","caption":"t c"}"""),
            "set/l.jsonl", ["set/l.jsonl#1: t a", "set/l.jsonl#2: t b", "set/l.jsonl#3: t c"]),
        ["a packed list in a folder"] = (
            folder => Images(folder, "a.jpg").Put("l.jsonl.gz", GZip("""{"image":"a.jpg","caption":"t a"}""" + "\n\n  \n" + """{"image":"a.jpg","caption":"u a"}""")), null, ["a.jpg: t a|u a"]),
        ["COCO in annotations"] = (
            folder => Images(folder, "val2017/1.jpg", "val2017/2.jpg").Put("annotations/captions_val2017.json",
                """{"images":[{"id":1,"file_name":"1.jpg","license":3},{"id":2,"file_name":"2.jpg"}],"annotations":[{"image_id":2,"id":9,"caption":"t 2"},{"image_id":1,"id":8,"caption":"t 1"},{"image_id":1,"id":7,"caption":"u 1"}],"licenses":[]}""")
                .Put("annotations/instances_val2017.json", """{"images":[{"id":1,"file_name":"1.jpg"}],"annotations":[{"image_id":1,"bbox":[1,2,3,4]}]}"""),
            null, ["val2017/1.jpg: t 1|u 1", "val2017/2.jpg: t 2"]),
        ["COCO of Karpathy"] = (
            folder => Images(folder, "val/1.jpg").Put("dataset.json", """{"images":[{"filepath":"val","filename":"1.jpg","imgid":0,"sentences":[{"tokens":["t"],"raw":"t 1","imgid":0},{"tokens":["u"],"raw":"u 1"}]}],"dataset":"coco"}"""),
            null, ["val/1.jpg: t 1|u 1"]),
        ["LLaVA with a root of its own and a text alone"] = (
            folder => Images(folder, "images/train/1.jpg").Put("mix.json",
                """[{"id":"1","image":"coco/train/1.jpg","conversations":[{"from":"human","value":"<image>\nWhat?"},{"from":"gpt","value":"t 1"},{"from":"human","value":"Sure?"},{"from":"gpt","value":"yes"}]},{"id":"2","conversations":[{"from":"human","value":"hi"},{"from":"gpt","value":"ho"}]}]"""),
            null, ["images/train/1.jpg: t 1"]),
        ["messages"] = (
            folder => Images(folder, "1.jpg").Put("m.jsonl", """{"images":["1.jpg"],"messages":[{"role":"user","content":"<image>"},{"role":"assistant","content":"t 1"}]}"""), null, ["1.jpg: t 1"]),
        ["kohya without endings, with tags"] = (folder => Images(folder, "10_x/a.png", "10_x/b.jpg").Put("meta_lat.json", """{"a":{"tags":"one, two"},"b":{"caption":"t b","tags":"three"}}"""), null, ["10_x/a.png: one, two", "10_x/b.jpg: t b|three"]),
        ["kohya with paths of another machine"] = (
            folder => Images(folder, "x/a.png").Put("meta.json", """{"/home/someone/train/x/a.png":{"caption":"t a"},"C:\\train\\x\\gone.png":{"caption":"t"}}"""), null, ["x/a.png: t a", "meta.json#2 unsafe_member"]),
        ["a map from files to captions"] = (folder => Images(folder, "a.jpg", "b.jpg").Put("c.json", """{"a.jpg":["t a","u a"],"b.jpg":"t b"}"""), "c.json", ["a.jpg: t a|u a", "b.jpg: t b"]),
        ["a list in JSON beside other documents"] = (
            folder => Images(folder, "i/a.jpg").Put("d.json", """{"info":{"x":1},"data":[{"image_path":"i/a.jpg","caption_en":"t a"}]}""").Put("config.json", """{"model":"x"}""").Put("notes.json", "[1,2]"), null, ["i/a.jpg: t a"]),
        ["json beside images in several forms"] = (
            folder => Images(folder, "a.jpg", "b.jpg", "c.jpg", "d.jpg").Put("a.json", """{"captions":["t a","u a"]}""").Put("b.json", """{"caption":{"blip":"t b","llava":"u b"}}""").Put("c.json", """["t c","u c"]""").Put("d.json", """{"TEXT":"t d","URL":"https://example.com"}"""),
            null, ["a.jpg: t a|u a", "b.jpg: t b|u b", "c.jpg: t c|u c", "d.jpg: t d"]),
        ["the Hub's cache from its root"] = (
            folder => Images(folder, "blobs/0", "snapshots/r1/a.jpg", "snapshots/r2/a.jpg", "snapshots/r2/b.jpg").Put("refs/main", "r1").Put("snapshots/r1/a.txt", "t a"), null, ["snapshots/r1/a.jpg: t a"]),
        ["img2dataset's files"] = (
            folder => Images(folder, "00000/000000000.jpg").Put("00000/000000000.txt", "t").Put("00000/000000000.json", """{"caption":"t","url":"https://example.com","key":"000000000","status":"success","sha256":"x"}""").Put("00000_stats.json", "{}")
                .Put("00000.parquet", "x"), null, ["00000/000000000.jpg: t"]),
        ["a dataset of this program"] = (
            folder => folder.Put("shards/00000.tar", new TarBytes().Member("k1.jpg").Member("k1.txt", "of a model").Member("k1.json", """{"prompt":"the original","prompt_label":"prompt","caption_label":"InternVL2"}""").Bytes()).Put("shards/00000_InternVL2.json", """{"k1":{"InternVL2":"of a model"}}""")
                .Put("shards/00000_VILA.json", """{"k1":{"VILA":"of another"}}""").Put("shards/00000_VILA_clip_score.json", """{"k1":{"VILA":"27.1"}}""").Put("shards/00000.jsonl", """{"key":"k1","source_uri":"a.jpg"}""").Put("shards/wids-meta.json", "{}")
                .Put("removed/x/00000.jsonl", """{"key":"0-0"}""").Put("manifest.json", """{"caption":"x"}""").Put("config.json", "{}"),
            null, ["shards/00000.tar!k1.jpg: of a model=InternVL2|the original=prompt|of another=VILA"]),
        ["a zip with a list"] = (
            folder => folder.Put("z.zip", Zip(("p/a.jpg", _jpeg), ("p/metadata.jsonl", """{"file_name":"a.jpg","text":"t a"}"""u8.ToArray()), ("__MACOSX/p/._a.jpg", [1]), ("p/b.jpg", _jpeg), ("p/b.txt", "t b"u8.ToArray()), ("../c.jpg", _jpeg))),
            "z.zip", ["z.zip!../c.jpg unsafe_member", "z.zip!p/a.jpg: t a", "z.zip!p/b.jpg: t b"]),
        ["Parquet with pictures under any name"] = (
            folder => Duck.Write(folder.File("data-train.parquet"), "select {'bytes': '\\xFF\\xD8\\xFF\\xE0aaaaaaaaaaaaaaaaaa'::blob, 'path': i || '.jpg'} as picture, ['t ' || i, 'u ' || i] as sentences, 'long ' || i as long_caption, uuid() as id, i as license from range(3) t(i)", ", row_group_size 2048"),
            null, ["data-train.parquet#1: t 0|u 0|long 0", "data-train.parquet#2: t 1|u 1|long 1", "data-train.parquet#3: t 2|u 2|long 2"]),
        ["Parquet with plain bytes"] = (
            folder => Duck.Write(folder.File("p.parquet"), "select '\\xFF\\xD8\\xFF\\xE0aaaaaaaaaaaaaaaaaa'::blob as jpg, '\\x00\\x01'::blob as mask, 'a title' as title, null::int as alt from range(2) t(i)"),
            "p.parquet", ["p.parquet#1: a title", "p.parquet#2: a title"]),
        ["Parquet whose cells name files"] = (
            folder => Duck.Write(Images(folder, "i/a.jpg").File("p.parquet"), "select {'bytes': null::blob, 'path': 'i/a.jpg'} as image, 't a' as text"), "p.parquet", ["p.parquet#1: t a"]),
        ["Parquet of sentences in structures"] = (
            folder => Duck.Write(Images(folder, "a.jpg").File("p.parquet"), "select 'a.jpg' as image, [{'raw': 't a', 'tokens': 'x'}, {'raw': 'u a', 'tokens': 'y'}] as sentences"), "p.parquet", ["p.parquet#1: t a|u a"]),
        ["save_to_disk of a DatasetDict"] = (
            folder => folder.Put("train/data-00000-of-00001.arrow", Arrow(isFile: false)).Put("train/state.json", "{}").Put("train/dataset_info.json", "{}").Put("dataset_dict.json", """{"splits":["train"]}"""),
            null, ["train/data-00000-of-00001.arrow#1: t 0|u 0", "train/data-00000-of-00001.arrow#2: t 1", "train/data-00000-of-00001.arrow#3: t 0|u 0", "train/data-00000-of-00001.arrow#4: t 1"]),
        ["an Arrow file"] = (folder => folder.Put("x.arrow", Arrow(isFile: true)), "x.arrow", ["x.arrow#1: t 0|u 0", "x.arrow#2: t 1", "x.arrow#3: t 0|u 0", "x.arrow#4: t 1"]),
        ["other files beside"] = (
            folder => Images(folder, "a.jpg").Put("a.txt", "t a").Put("README.md", "x").Put("LICENSE.txt", "x").Put("a.npz", "x").Put("clip.mp4", "x").Put("x.toml", "x").Put("x.safetensors", "x").Put("index.json", "{}").Put(".DS_Store", "x").Put("Thumbs.db", "x"), null, ["a.jpg: t a"]),
    };

    private readonly Folder _folder = new();

    public static TheoryData<string> Cases => [.. _cases.Keys];

    [Theory, MemberData(nameof(Cases))]
    public async Task A_variant_is_read(string name)
    {
        var (write, path, expected) = _cases[name];
        write(_folder);
        using var source = _folder.Source(path);
        var lines = new List<string>();
        await foreach (var item in source.List(default))
        {
            var fetched = await source.Fetch(item, default);
            lines.Add(fetched.Reason is null ? $"{item.Name}: {string.Join('|', fetched.Captions.Select(caption => caption.IsLabel ? $"{caption.Text}={caption.Field}" : caption.Text))}" : $"{item.Name} {fetched.Reason}");
        }

        Assert.Equal(expected, lines);
    }

    [Fact]
    public async Task Fields_that_are_named_are_the_captions()
    {
        _folder.Put("l.jsonl", """{"image":"a.jpg","caption":"no","remark":"yes"}""").Put("t.tar", new TarBytes().Member("a.jpg").Member("a.blip", "yes").Member("a.cls", "7").Bytes());
        var options = new SourceOptions { CaptionFields = ["Remark", "blip"] };
        var tally = new SourceTally();

        Assert.Equal("yes", (await _folder.Items("l.jsonl", options)).Single().Caption);
        Assert.Equal("yes", (await _folder.Fetch("t.tar!a.jpg", "t.tar", options)).Caption);
        await _folder.Source("t.tar").List(tally, default).CountAsync();
        Assert.Equal("WebDataset: 0 images, 0 captions; left out: 1 tar member .blip, 1 tar member .cls; not taken as captions: tar member .blip, tar member .cls (--caption-field takes them)", tally.Facts.Line);
    }

    [Fact]
    public async Task A_row_whose_file_is_absent_takes_its_address()
    {
        _folder.Put("l.csv", "file,url,caption\ngone.jpg,https://example.com/a.jpg,t\n");

        var item = (await _folder.Items("l.csv")).Single();

        Assert.Equal(("gone.jpg", "https://example.com/a.jpg"), (item.File, item.Url));
        Assert.Equal(Sana.Curation.Reasons.DownloadFailed, (await _folder.Fetch("l.csv#1", "l.csv")).Reason);
    }

    [Fact]
    public async Task Layouts_that_are_not_read_name_the_way_out()
    {
        _folder.Put("index.json", """{"version":2,"shards":[]}""").Put("shard.00000.mds", "x").Put("x.tfrecord", "x");
        var tally = new SourceTally();

        Assert.Empty(await _folder.Source().List(tally, default).ToListAsync());
        Assert.Contains("1 .mds of MosaicML Streaming (write the samples as WebDataset tars or Parquet)", tally.Facts.Rest, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_packed_keeps_to_the_limits()
    {
        _folder.Put("bomb.tar.gz", GZip(new string('\0', 4 << 20))).Put("bomb.zip", Zip(("a.jpg", new byte[80 << 20]), ("b.jpg", _jpeg)));

        Assert.Equal(["bomb.zip!a.jpg", "bomb.zip!b.jpg"], await _folder.Lines("bomb.zip"));
        Assert.Equal(Sana.Curation.Reasons.TooManyBytes, (await _folder.Fetch("bomb.zip!a.jpg", "bomb.zip")).Reason);
        Assert.Empty(await _folder.Lines("bomb.tar.gz"));
        _folder.Put("none.zip", "x");
        Assert.Equal(["none.zip unreadable"], await _folder.Lines("none.zip"));
    }

    public void Dispose() => _folder.Dispose();

    private static Folder Images(Folder folder, params string[] names)
    {
        foreach (var name in names)
            folder.Put(name, _jpeg);
        return folder;
    }

    private static byte[] GZip(string text)
    {
        using var packed = new MemoryStream();
        using (var pack = new GZipStream(packed, CompressionLevel.Fastest))
            pack.Write(Encoding.UTF8.GetBytes(text));
        return packed.ToArray();
    }

    private static byte[] Zip(params (string Name, byte[] Bytes)[] members)
    {
        using var packed = new MemoryStream();
        using (var archive = new ZipArchive(packed, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in members)
            {
                using var entry = archive.CreateEntry(name).Open();
                entry.Write(bytes);
            }
        }

        return packed.ToArray();
    }

    /// <summary>Two batches of two rows: an image as bytes and path, a list of captions, an empty column.</summary>
    private static byte[] Arrow(bool isFile)
    {
        var image = new StructType([new Field("bytes", BinaryType.Default, true), new Field("path", StringType.Default, true)]);
        var schema = new Schema([new Field("photo", image, true), new Field("caption", new ListType(new Field("item", StringType.Default, true)), true), new Field("nothing", NullType.Default, true)], null);
        var bytes = new BinaryArray.Builder().Append(_jpeg.AsSpan()).Append(_jpeg.AsSpan()).Build();
        var paths = new StringArray.Builder().Append("0.jpg").AppendNull().Build();
        var captions = new ListArray.Builder(StringType.Default);
        var texts = (StringArray.Builder)captions.ValueBuilder;
        captions.Append();
        texts.Append("t 0").Append("u 0");
        captions.Append();
        texts.Append("t 1");
        using var batch = new RecordBatch(schema, [new StructArray(image, 2, [bytes, paths], ArrowBuffer.Empty), captions.Build(), new NullArray(2)], 2);
        using var stream = new MemoryStream();
        using (var writer = isFile ? new ArrowFileWriter(stream, schema, leaveOpen: true) : new ArrowStreamWriter(stream, schema, leaveOpen: true))
        {
            writer.WriteRecordBatch(batch);
            writer.WriteRecordBatch(batch);
            writer.WriteEnd();
        }

        return stream.ToArray();
    }
}
