using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using DurableTask.Sqlite;
using Sana.Acceptance.Support;
using Sana.Curation;
using Sana.Tests.Ingest.Hostile;
using Sana.Tests.Sources;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Curate;

/// <summary>Sources of what strangers send, through the real program: a row with its reason for each, none stops the run, and memory stays bounded.</summary>
public sealed class HostileSourcesTests : IDisposable
{
    private const long MostMemory = 1L << 30;

    private readonly TempFolder _folder = new();
    private readonly string _source;
    private readonly Curated _curated;

    public HostileSourcesTests()
    {
        _source = Directory.CreateDirectory(_folder.File("source")).FullName;
        _curated = new Curated(_folder.File("out"), "hostile", "v1");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_hostile_folder_becomes_rows_with_reasons_and_a_report()
    {
        HostileImages.WriteTo(_source);
        HostileImages.WriteSparseJpeg(Path.Combine(_source, "gigabyte.jpg"), 1L << 30);
        var sidecars = Sidecars();
        using var pipe = Process.Start("mkfifo", [Path.Combine(_source, "pipe.jpg")]);
        await pipe.WaitForExitAsync();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(_source, "socket.jpg")));

        using var process = SanaProgram.Start(Arguments(_source));
        var peak = PeakMemory.Of(process);
        var run = await SanaProgram.Finish(process);

        Assert.True(run.ExitCode == 3, run.Error + run.Output);
        AssertNoCrash(run);
        Assert.InRange(await peak, 1, MostMemory);
        HostileFile[] files = [.. HostileImages.All, new("gigabyte.jpg", [], "too_many_bytes"), .. sidecars];
        var rows = _curated.Rows();
        Assert.Equal(files.Select(file => file.Name).Order(StringComparer.Ordinal), rows.Select(row => row.SourceUri).Order(StringComparer.Ordinal));
        Assert.All(rows, row => AssertAsExpected(files.Single(file => file.Name == row.SourceUri), row));
        Assert.True(rows.Count(row => row.Status == "rejected") > 60);
        Assert.True(File.Exists(_curated.File("report.html")));
        Assert.True(File.Exists(_curated.File("manifest.json")));
    }

    [Fact]
    public async Task A_folder_of_hostile_tars_keeps_the_members_around_each_fault()
    {
        var faults = new (string Name, Func<TarBytes, TarBytes> Fault, string Row)[]
        {
            ("absolute", tar => tar.Member("/etc/b.jpg"), "/etc/b.jpg@ unsafe_member"),
            ("bytes", tar => tar.Member("b.jpg"), "b.jpg not_an_image"),
            ("climbs", tar => tar.Member("../b.jpg"), "../b.jpg@ unsafe_member"),
            ("device", tar => tar.Member("b.jpg", "", '3'), "b.jpg unsafe_member"),
            ("endless", tar => tar.Member("b.jpg", "x", size: "77777777777"), "b.jpg truncated"),
            ("link", tar => tar.Member("b.jpg", "", '2'), "b.jpg unsafe_member"),
            ("long", tar => tar.Member("././@LongLink", new string('x', 100_000) + ".jpg\0", 'L').Member("b.jpg"), "b.jpg unsafe_member"),
            ("negative", tar => tar.Member("b.jpg", "", size: new string('\u00FF', 12)), "b.jpg unsafe_member"),
            ("pax", tar => tar.Pax("b.jpg", "size=9223372036854775807"), "b.jpg truncated"),
            ("rubbish", tar => tar.Raw(new string('?', 5000)), "@ unreadable"),
            ("sparse", tar => tar.Pax("b.jpg", "GNU.sparse.major=1", "GNU.sparse.realsize=1099511627776"), "b.jpg unsafe_member"),
            ("twice", tar => tar.Member("a.jpg"), "a.jpg@ duplicate_member"),
        };
        foreach (var (name, fault, _) in faults)
            await File.WriteAllBytesAsync(Path.Combine(_source, name + ".tar"), Image(fault(Image(new TarBytes(), "a.jpg")), "z.jpg").Bytes());
        await File.WriteAllTextAsync(Path.Combine(_source, "text.tar"), new string('x', 100_000));
        await File.WriteAllBytesAsync(Path.Combine(_source, "packed.tar.gz"), [0x1F, 0x8B, 8, 0, 0]);

        var run = await SanaProgram.Run(Arguments(_source));

        // The good images have no captions and nobody captions them.
        Assert.True(run.ExitCode == 1, run.Error + run.Output);
        AssertNoCrash(run);
        string[] expected =
        [
            .. faults.SelectMany(fault => (string[])[$"{fault.Name}.tar!a.jpg", $"{fault.Name}.tar!{fault.Row}", $"{fault.Name}.tar!z.jpg"]),
            "packed.tar.gz unreadable",
            "text.tar!@ unreadable",
        ];
        Assert.Equal(expected.Order(StringComparer.Ordinal), _curated.Rows().Select(Line).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("m.jsonl", "{\"file\":\"a.jpg\"}\n[]\n{\"file\":\"../../etc/passwd\"}\n{\"url\":\"http://169.254.169.254/latest\"}\n{\"url\":\"file:///etc/passwd\"}\n{\"file\":", 1,
        "m.jsonl#1", "m.jsonl#2 bad_row", "m.jsonl#3 unsafe_member", "http://169.254.169.254/latest blocked_address", "file:///etc/passwd blocked_address", "m.jsonl#6 bad_row")]
    [InlineData("m.csv", "file,caption\na.jpg,a cat\n../b.jpg,x\n,x\na.jpg,x,y\ngone.jpg,x\n", 3, "m.csv#1", "m.csv#2 unsafe_member", "m.csv#3 missing_image", "m.csv#4 bad_row", "m.csv#5 not_found")]
    [InlineData("columns.csv", "a,b\n1,2\n", 1, "columns.csv missing_column")]
    [InlineData("zeros.csv", "\0\0\0\0\0\0\0\0", 1, "zeros.csv missing_column")]
    [InlineData("text.parquet", "file,caption\na.jpg,x\n", 1, "text.parquet unreadable")]
    [InlineData("ends.parquet", "PAR1\u007f\u007f\u007f\u007fPAR1", 1, "ends.parquet unreadable")]
    [InlineData("empty.parquet", "", 1, "empty.parquet empty_file")]
    [InlineData("empty.tar", "", 1, "empty.tar empty_file")]
    [InlineData("short.tar", "abc", 1, "short.tar!@ truncated")]
    [InlineData("empty.jpg", "", 1, "empty.jpg empty_file")]
    [InlineData("head.csv", "file,caption\n", 1)]
    public async Task A_hostile_file_as_the_source_ends_in_rows_and_one_sentence(string name, string content, int exitCode, params string[] lines)
    {
        await File.WriteAllBytesAsync(Path.Combine(_source, "a.jpg"), Pictures.Jpeg);
        await File.WriteAllTextAsync(Path.Combine(_source, name), content, new UTF8Encoding(false));

        var run = await SanaProgram.Run(Arguments(Path.Combine(_source, name)));

        Assert.True(run.ExitCode == exitCode, run.Error + run.Output);
        AssertNoCrash(run);
        Assert.Equal(lines.Order(StringComparer.Ordinal), _curated.Rows().Select(Line).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("/dev/zero", "no source folder or plain file '/dev/zero'")]
    [InlineData("/dev/null", "no source folder or plain file '/dev/null'")]
    [InlineData("pipe", "no source folder or plain file")]
    [InlineData("nowhere", "no source folder or plain file 'nowhere'")]
    [InlineData("empty", "nothing in the source")]
    [InlineData("", "The source is empty")]
    [InlineData("https://user:word@example.com/x", "none of: folder or file of this machine; azurite:container")]
    public async Task What_is_no_source_is_said_at_once(string source, string fragment)
    {
        using var pipe = Process.Start("mkfifo", [_folder.File("pipe")]);
        await pipe.WaitForExitAsync();
        Directory.CreateDirectory(_folder.File("empty"));

        var run = await SanaProgram.Run(Arguments(Path.Exists(_folder.File(source)) && source.Length > 0 ? _folder.File(source) : source));

        Assert.Contains(fragment, run.Error, StringComparison.Ordinal);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(1, await Attempts());
        AssertNoCrash(run);
    }

    [Theory]
    [InlineData(2, "'klingon' is no encoding", "--fallback-encoding", "klingon")]
    [InlineData(2, "tau NaN", "--tau", "nan")]
    [InlineData(2, "'x' is not a concept", "--concept", "x")]
    [InlineData(2, "no CLIP checkpoint folder (or one of SigLIP 2) 'nowhere'", "--clip", "nowhere")]
    [InlineData(1, "config.json does not exist", "--clip", "/proc/self")]
    [InlineData(1, "finish it first or leave --since out", "--since", "nope")]
    public async Task What_cannot_be_used_is_said_at_once(int exitCode, string fragment, params string[] arguments)
    {
        await File.WriteAllBytesAsync(Path.Combine(_source, "a.jpg"), Pictures.Jpeg);

        var run = await SanaProgram.Run([.. Arguments(_source), .. arguments]);

        Assert.Contains(fragment, run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("6 attempts", run.Error, StringComparison.Ordinal);
        Assert.Equal(exitCode, run.ExitCode);
        AssertNoCrash(run);
    }

    [Theory]
    [InlineData("/dev/zero", "empty or not a plain file")]
    [InlineData("/dev/null", "empty or not a plain file")]
    [InlineData("pipe", "empty or not a plain file")]
    [InlineData("nowhere", "cannot be read")]
    [InlineData("source", "cannot be read")]
    [InlineData("huge", "at most 1000000")]
    [InlineData("deep", "not JSON")]
    [InlineData("zeros", "not JSON")]
    [InlineData("list", "the file")]
    public async Task Hostile_captioners_are_wrong_use(string name, string fragment)
    {
        using var pipe = Process.Start("mkfifo", [_folder.File("pipe")]);
        await pipe.WaitForExitAsync();
        await File.WriteAllBytesAsync(_folder.File("huge"), new byte[1_000_001]);
        await File.WriteAllTextAsync(_folder.File("deep"), "{\"captioners\":" + new string('[', 900_000));
        await File.WriteAllBytesAsync(_folder.File("zeros"), new byte[100]);
        await File.WriteAllTextAsync(_folder.File("list"), "[]");

        var run = await SanaProgram.Run([.. Arguments(_source), "--captioners", _folder.File(name)]);

        Assert.Contains(fragment, run.Error, StringComparison.Ordinal);
        Assert.Equal(2, run.ExitCode);
        AssertNoCrash(run);
    }

    private string[] Arguments(string source) =>
        ["curate", source, "--dataset", "hostile", "--data", _folder.File("data"), "--out", _folder.File("out"), "--items", "50", "--similar", "-1", "--json"];

    private void AssertAsExpected(HostileFile file, IndexRow row)
    {
        if (file.Reason is null)
        {
            Assert.True(IsGood(row), $"{row.SourceUri}: {row.Status} {row.Reason} {row.ErrorMessage}");
            Assert.Equal((file.Name, string.Join(' ', file.Notes.Order())), (row.SourceUri, string.Join(' ', row.Notes.Order())));
            return;
        }

        Assert.Equal((file.Name, "rejected", file.Reason), (row.SourceUri, row.Status, row.Reason));
        Assert.False(string.IsNullOrWhiteSpace(row.ErrorMessage));
        if (file.Bytes.Length > 0)
            Assert.Equal(file.Bytes, File.ReadAllBytes(_curated.Quarantined(row)));
    }

    /// <summary>Good pictures of their own with bad words beside them, and words without a picture.</summary>
    private HostileFile[] Sidecars()
    {
        var folder = Directory.CreateDirectory(Path.Combine(_source, "words")).FullName;
        (string Name, byte[] Words, string[] Notes)[] words =
        [
            ("latin.txt", [.. "caf"u8, 0xE9], ["caption_encoding"]),
            ("long.txt", Encoding.ASCII.GetBytes(string.Join(' ', Enumerable.Repeat("word", 100_000))), ["caption_length"]),
            ("huge.txt", new byte[3_000_000], ["bad_sidecar"]),
            ("deep.json", Encoding.ASCII.GetBytes(new string('[', 900_000)), ["bad_sidecar"]),
            ("cut.json", "{\"caption\":"u8.ToArray(), ["bad_sidecar"]),
            ("type.json", "{\"caption\":[42]}"u8.ToArray(), []),
            ("marks.txt", "a\u0000 \u202Ecat"u8.ToArray(), []),
            ("empty.txt", [], []),
        ];
        foreach (var (name, bytes, _) in words)
        {
            File.WriteAllBytes(Path.Combine(folder, name), bytes);
            File.WriteAllBytes(Path.Combine(folder, Path.ChangeExtension(name, ".jpg")), Pictures.Jpeg);
        }

        File.WriteAllText(Path.Combine(folder, "nobody.txt"), "a cat");
        return
        [
            .. words.Select(file => new HostileFile("words/" + Path.ChangeExtension(file.Name, ".jpg"), Pictures.Jpeg, null, file.Notes)),
            new("words/nobody.txt", [], "missing_image"),
        ];
    }

    private static TarBytes Image(TarBytes tar, string name) =>
        tar.Member(name, "", size: Convert.ToString(Pictures.Jpeg.Length, 8).PadLeft(11, '0')).Raw(Pictures.Jpeg);

    /// <summary>Name, and the reason unless it is good; where in a tar a nameless or unsafe member begins is left out.</summary>
    private static string Line(IndexRow row)
    {
        var at = row.SourceUri.LastIndexOf('@');
        var name = at > 0 && row.SourceUri[(at + 1)..].All(char.IsAsciiDigit) ? row.SourceUri[..(at + 1)] : row.SourceUri;
        if (IsGood(row))
            return name;
        Assert.False(string.IsNullOrWhiteSpace(row.ErrorMessage));
        return $"{name} {row.Reason}";
    }

    // Most good ones are the same picture in other clothes, or have nobody who captions them.
    private static bool IsGood(IndexRow row) => (row.Status, row.Reason) is ("success", null) or ("duplicate", "duplicate_of") or ("filtered", "no_caption");

    private static void AssertNoCrash(Finished run)
    {
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("should not happen", run.Error, StringComparison.Ordinal);
        var sentence = Assert.Single(run.Error.TrimEnd().Split('\n'), line => !line.StartsWith("curate: ", StringComparison.Ordinal)); // and its progress
        Assert.StartsWith("sana: ", sentence, StringComparison.Ordinal);
    }

    /// <summary>How often an activity was called, by the journal.</summary>
    private async Task<int> Attempts()
    {
        using var journal = new JournalReader(_folder.File("data/journal.db"));
        var instance = (await journal.GetOrchestrationWithQueryAsync(new DurableTask.Core.Query.OrchestrationQuery(), default)).OrchestrationState.Single();
        return (await journal.GetOrchestrationHistoryAsync(instance.OrchestrationInstance.InstanceId, "")).Split("\"PlanShards\"").Length - 1;
    }
}
