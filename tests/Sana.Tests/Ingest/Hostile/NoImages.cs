using System.IO.Compression;
using System.Text;

namespace Sana.Tests.Ingest.Hostile;

/// <summary>What is no image under an image's name, and images that are not read.</summary>
internal static class NoImages
{
    private const string Svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"10\"><image href=\"file:///etc/passwd\"/></svg>";

    public static IEnumerable<HostileFile> All() =>
    [
        new("empty.jpg", [], "empty_file"),
        new("one-byte.jpg", [0xFF], "not_an_image"),
        new("zeros.png", new byte[4096], "not_an_image"),
        Text("pointer.jpg", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"),
        Text("error-page.jpg", "<!DOCTYPE html>\n<html><head><title>404</title></head><body><svg/>Not found</body></html>"),
        Text("error-page-without-doctype.jpg", "\n  <html><body>Forbidden</body></html>"),
        Text("feed.webp", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"),
        Text("api-answer.png", "{\"error\":\"rate limited\"}"),
        Text("words.gif", "Please enable JavaScript to view this image."),
        Text("numbers.jpg", "2 2\n1 2\n3 4\n"), // a matrix to libvips
        Text("table.csv.png", "a,b\n1,2\n"),
        new("libvips-own.v.png", [0x08, 0xF2, 0xA6, 0xB6, .. new byte[60]], "not_an_image"),
        new("zip-bomb.png", Zip(), "not_an_image"),
        new("gzip.webp", GZip("just words"), "not_an_image"),
        new("film.jpg", [0, 0, 0, 0x18, .. "ftypisom\0\0\x02\0isomiso2"u8, .. new byte[100]], "not_an_image"),

        Unsupported("plain.svg", Encoding.UTF8.GetBytes(Svg)),
        Unsupported("svg-named.png", Encoding.UTF8.GetBytes("<?xml version=\"1.0\"?>\n" + Svg)),
        Unsupported("svg-behind-900-bytes.jpg", Encoding.UTF8.GetBytes($"\uFEFF<!--{new string('x', 900)}-->{Svg}")),
        Unsupported("svg-packed.png", GZip(Svg)),
        Unsupported("photo.avif", [0, 0, 0, 0x1C, .. "ftypavif\0\0\0\0avifmif1miaf"u8, .. new byte[64]]),
        Unsupported("photo.heic", [0, 0, 0, 0x18, .. "ftypheic\0\0\0\0mif1heic"u8, .. new byte[64]]),
        Unsupported("heic-named.jpg", [0, 0, 0, 0x18, .. "ftypmif1\0\0\0\0mif1heic"u8, .. new byte[64]]),
        Unsupported("paint.bmp", [.. "BM"u8, 70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 24, 0, .. new byte[40]]),
        Unsupported("icon.ico", [0, 0, 1, 0, 1, 0, 16, 16, 0, 0, 1, 0, 32, 0, .. new byte[60]]),
        Unsupported("layers.psd", [.. "8BPS\0\x01"u8, .. new byte[64]]),
        Unsupported("new.jxl", [0xFF, 0x0A, .. new byte[64]]),
        Unsupported("boxed.jxl", [0, 0, 0, 12, .. "JXL \r\n\x87\n"u8, .. new byte[64]]),
        Unsupported("wavelet.jp2", [0, 0, 0, 12, .. "jP  \r\n\x87\n"u8, .. new byte[64]]),
        Unsupported("paper.pdf.jpg", [.. "%PDF-1.7\n"u8, .. new byte[64]]),
        Unsupported("grey.pgm", [.. "P5\n2 2\n255\n"u8, 1, 2, 3, 4]),
        Unsupported("light.exr", [0x76, 0x2F, 0x31, 0x01, .. new byte[64]]),
        Unsupported("camera.cr2", [.. "II*\0\x10\0\0\0CR\x02\0"u8, .. new byte[64]]),
        Unsupported("negative.tif", TiffBytes.File([.. TiffBytes.Grey(2, 2, 200, 4), TiffBytes.Entry(50706, 0x0401, type: 1, count: 4)], 0, new byte[200])),
        Unsupported("camera.nef", Pictures.Tiff),
        Unsupported("scan.dcm", [.. new byte[128], .. "DICM"u8, .. new byte[64]]),
    ];

    private static HostileFile Text(string name, string text) => new(name, Encoding.UTF8.GetBytes(text), "not_an_image");

    private static HostileFile Unsupported(string name, byte[] bytes) => new(name, bytes, "unsupported_format");

    private static byte[] GZip(string text)
    {
        using var packed = new MemoryStream();
        using (var pack = new GZipStream(packed, CompressionLevel.Optimal))
            pack.Write(Encoding.UTF8.GetBytes(text));
        return packed.ToArray();
    }

    private static byte[] Zip()
    {
        using var packed = new MemoryStream();
        using (var archive = new ZipArchive(packed, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var entry = archive.CreateEntry("zeros").Open();
            entry.Write(new byte[10_000_000]);
        }

        return packed.ToArray();
    }
}
