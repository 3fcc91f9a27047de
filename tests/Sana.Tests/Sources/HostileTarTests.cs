using Sana.Curation;
using Xunit;

namespace Sana.Tests.Sources;

/// <summary>Tars over which libraries give up a whole file. The good members around the fault are in every one: <c>a.jpg</c> before, <c>z.jpg</c> behind.</summary>
public sealed class HostileTarTests : IDisposable
{
    private readonly Folder _folder = new();

    private static readonly Dictionary<string, (Func<TarBytes, TarBytes> Fault, string[] Lines)> _cases = new()
    {
        ["climbs"] = (tar => tar.Member("../b.jpg"), ["../b.jpg@1024 unsafe_member"]),
        ["climbs inside"] = (tar => tar.Member("x/../../b.jpg"), ["x/../../b.jpg@1024 unsafe_member"]),
        ["absolute"] = (tar => tar.Member("/etc/b.jpg"), ["/etc/b.jpg@1024 unsafe_member"]),
        ["drive"] = (tar => tar.Member("C:/b.jpg"), ["C:/b.jpg@1024 unsafe_member"]),
        ["backslash"] = (tar => tar.Member(@"..\b.jpg"), [@"..\b.jpg@1024 unsafe_member"]),
        ["control"] = (tar => tar.Member("b\u0007.jpg"), ["b?.jpg@1024 unsafe_member"]),
        ["no name"] = (tar => tar.Member(""), ["@1024 unsafe_member"]),
        ["hard link"] = (tar => tar.Member("b.jpg", "", '1'), ["b.jpg unsafe_member"]),
        ["link"] = (tar => tar.Member("b.jpg", "", '2'), ["b.jpg unsafe_member"]),
        ["link with a size"] = (tar => tar.Member("b.jpg", "", '2', size: "77777777777"), ["b.jpg unsafe_member"]),
        ["character device"] = (tar => tar.Member("b.jpg", "", '3'), ["b.jpg unsafe_member"]),
        ["block device"] = (tar => tar.Member("b.jpg", "", '4'), ["b.jpg unsafe_member"]),
        ["pipe"] = (tar => tar.Member("b.jpg", "", '6'), ["b.jpg unsafe_member"]),
        ["sparse"] = (tar => tar.Member("b.jpg", "x", 'S'), ["b.jpg unsafe_member"]),
        ["sparse of a terabyte"] = (tar => tar.Pax("b.jpg", "GNU.sparse.major=1", "GNU.sparse.realsize=1099511627776"), ["b.jpg unsafe_member"]),
        ["unknown type"] = (tar => tar.Member("b.jpg", "x", 'Q'), ["b.jpg unsafe_member"]),
        ["folder that climbs"] = (tar => tar.Member("../x/", "", '5'), ["../x/@1024 unsafe_member"]),
        ["size beyond the end"] = (tar => tar.Member("b.jpg", "x", size: "00077777777"), ["b.jpg truncated"]),
        ["size in base 256"] = (tar => tar.Member("b.jpg", "x", size: "\u0080\0\0\0\u007f\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff"), ["b.jpg truncated"]),
        ["negative size"] = (tar => tar.Member("b.jpg", "", size: "\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff"), ["b.jpg unsafe_member"]),
        ["size that is no number"] = (tar => tar.Member("b.jpg", "", size: "12x45"), ["b.jpg unsafe_member"]),
        ["pax size beyond the end"] = (tar => tar.Pax("b.jpg", "size=9223372036854775807"), ["b.jpg truncated"]),
        ["pax size that is no number"] = (tar => tar.Pax("b.jpg", "size=-5"), ["b.jpg unsafe_member"]),
        ["pax path climbs"] = (tar => tar.Pax("b.jpg", "path=../../c.jpg"), ["../../c.jpg@2048 unsafe_member"]),
        ["NUL in a pax path"] = (tar => tar.Pax("b.jpg", "path=c.jpg\0.png"), ["c.jpg?.png@2048 unsafe_member"]),
        ["pax record too long"] = (tar => tar.Member("x", "99 path=c.jpg\n", 'x').Member("b.jpg"), ["b.jpg unsafe_member"]),
        ["pax without a length"] = (tar => tar.Member("x", "path=c.jpg\n", 'x').Member("b.jpg"), ["b.jpg unsafe_member"]),
        ["pax of a megabyte"] = (tar => tar.Member("x", TarBytes.Record("comment=" + new string('x', 1_000_000)), 'x').Member("b.jpg"), ["b.jpg unsafe_member"]),
        ["3,000 pax headers"] = (Many, ["b.jpg unsafe_member"]),
        ["long name of 100,000 letters"] = (tar => tar.Member("././@LongLink", new string('x', 100_000) + ".jpg\0", 'L').Member("b.jpg"), ["b.jpg unsafe_member"]),
        ["wrong checksum"] = (tar => tar.Member("b.jpg", isSound: false), ["@1024 unreadable"]),
        ["rubbish between members"] = (tar => tar.Raw(new string('?', 5000)), ["@1024 unreadable"]),
        ["duplicate member"] = (tar => tar.Member("a.jpg"), ["a.jpg@1024 duplicate_member"]),
        ["duplicate in other case"] = (tar => tar.Member("a.JPG"), ["a.JPG@1024 duplicate_member"]),
        ["sample again"] = (tar => tar.Member("b.jpg").Member("a.jpg"), ["b.jpg", "a.jpg@2048 duplicate_member"]),
        ["sidecar apart from its image"] = (tar => tar.Member("b.jpg").Member("a.txt"), ["b.jpg"]),
        ["sample without an image"] = (tar => tar.Member("b.txt").Member("b.json"), ["b.txt missing_image", "b.json missing_image"]),
        ["member that is no image"] = (tar => tar.Member("readme"), []),
        ["metadata and hidden files"] = (tar => tar.Member("__meta__.json").Member("x/._a.jpg").Member(".b.jpg").Member("__x__"), []),
        ["one block of zeros"] = (tar => tar.Raw(new byte[512]), []),
        ["a name that is not UTF-8"] = (tar => tar.Member("", rawName: [0x66, 0xFC, 0x72, .. ".jpg"u8]), ["für.jpg"]),
        ["global header"] = (tar => tar.Member("x", TarBytes.Record("path=evil.jpg"), 'g').Member("b.jpg"), ["b.jpg"]),
        ["folders"] = (tar => tar.Member("./", "", '5').Member("x/", "", '5').Member("./x//b.jpg"), ["x/b.jpg"]),
    };

    public static TheoryData<string> Cases => [.. _cases.Keys];

    [Theory, MemberData(nameof(Cases))]
    public async Task A_fault_is_a_row_and_the_members_around_it_stand(string name)
    {
        var (fault, lines) = _cases[name];
        _folder.Put("t.tar", fault(new TarBytes().Member("a.jpg", "first")).Member("z.jpg", "last").Bytes());

        string[] expected = ["a.jpg", .. lines, "z.jpg"];
        Assert.Equal(Array.ConvertAll(expected, line => "t.tar!" + line), await _folder.Lines("t.tar"));
        Assert.Equal("first"u8.ToArray(), (await _folder.Fetch("t.tar!a.jpg", "t.tar")).Bytes);
        Assert.Equal("last"u8.ToArray(), (await _folder.Fetch("t.tar!z.jpg", "t.tar")).Bytes);
    }

    [Theory]
    [InlineData(100, "z.jpg truncated")]
    [InlineData(600, "@1024 truncated")]
    public async Task A_tar_that_is_cut_keeps_what_was_whole(int cut, string line)
    {
        _folder.Put("t.tar", new TarBytes().Member("a.jpg").Member("z.jpg", new string('x', 512)).Bytes(cut, isEnded: false));

        Assert.Equal(["t.tar!a.jpg", "t.tar!" + line], await _folder.Lines("t.tar"));
    }

    [Fact]
    public async Task What_is_no_tar_is_one_row()
    {
        _folder.Put("empty.tar", "").Put("text.tar", new string('x', 100_000)).Put("short.tar", "abc").Put("zeros.tar", new byte[10_240]);

        Assert.Equal(["empty.tar empty_file"], await _folder.Lines("empty.tar"));
        Assert.Equal(["text.tar!@0 unreadable"], await _folder.Lines("text.tar"));
        Assert.Equal(["short.tar!@0 truncated"], await _folder.Lines("short.tar"));
        Assert.Empty(await _folder.Lines("zeros.tar"));
        Assert.Equal(["gone.tar not_found"], await _folder.Lines("gone.tar"));
    }

    [Fact]
    public async Task A_tar_that_was_cut_after_the_listing_gives_a_reason()
    {
        _folder.Put("t.tar", new TarBytes().Member("a.jpg", new string('x', 5000)).Bytes());
        var source = _folder.Source("t.tar");
        var item = await source.List(default).SingleAsync();
        _folder.Put("t.tar", new TarBytes().Member("a.jpg", "x").Bytes());

        Assert.Equal(Reasons.Truncated, (await source.Fetch(item, default)).Reason);
    }

    public void Dispose() => _folder.Dispose();

    private static TarBytes Many(TarBytes tar)
    {
        for (var at = 0; at < 3000; at++)
            tar.Member("x", TarBytes.Record("comment=x"), 'x');
        return tar.Member("b.jpg");
    }
}
