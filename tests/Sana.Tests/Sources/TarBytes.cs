using System.Globalization;
using System.Text;

namespace Sana.Tests.Sources;

/// <summary>Writes tars that no tool writes.</summary>
internal sealed class TarBytes
{
    private readonly List<byte> _tar = [];

    public TarBytes Member(string name, string content = "bytes", char type = '0', string? size = null, bool isSound = true, byte[]? rawName = null)
    {
        var bytes = Encoding.UTF8.GetBytes(content);
        var header = new byte[512];
        (rawName ?? Encoding.UTF8.GetBytes(name)).AsSpan().CopyTo(header);
        Encoding.ASCII.GetBytes("0000644\0").CopyTo(header, 100);
        Encoding.Latin1.GetBytes(size ?? Convert.ToString(bytes.Length, 8).PadLeft(11, '0')).CopyTo(header, 124);
        Encoding.ASCII.GetBytes("00000000000").CopyTo(header, 136);
        header[156] = (byte)type;
        Encoding.ASCII.GetBytes("ustar\0" + "00").CopyTo(header, 257);
        header.AsSpan(148, 8).Fill((byte)' ');
        var sum = header.Sum(each => each) + (isSound ? 0 : 1);
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(header, 148);
        _tar.AddRange(header);
        return Raw(bytes);
    }

    public TarBytes Pax(string member, params string[] records) =>
        Member("PaxHeaders/x", string.Concat(records.Select(Record)), 'x').Member(member);

    public TarBytes Raw(byte[] bytes)
    {
        _tar.AddRange(bytes);
        _tar.AddRange(new byte[(512 - (_tar.Count % 512)) % 512]);
        return this;
    }

    public TarBytes Raw(string text) => Raw(Encoding.Latin1.GetBytes(text));

    public byte[] Bytes(int cut = 0, bool isEnded = true)
    {
        if (isEnded)
            Raw(new byte[1024]);
        return _tar.ToArray()[..^cut];
    }

    public static string Record(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text) + 2;
        while (length != Encoding.UTF8.GetByteCount(text) + 2 + length.ToString(CultureInfo.InvariantCulture).Length)
            length = Encoding.UTF8.GetByteCount(text) + 2 + length.ToString(CultureInfo.InvariantCulture).Length;
        return $"{length} {text}\n";
    }
}
