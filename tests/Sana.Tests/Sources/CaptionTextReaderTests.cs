using System.Text;
using Sana.Curation;
using Sana.Curation.Sources;
using Sana.Storage.Sources;
using Xunit;

namespace Sana.Tests.Sources;

public sealed class CaptionTextReaderTests
{
    [Theory]
    [InlineData("ein Café", "utf-8", null, "ein Café", null)]
    [InlineData("ein Café", "utf-8 with mark", null, "ein Café", null)]
    [InlineData("ein Café", "utf-16", null, "ein Café", "utf-16")]
    [InlineData("ein Café", "utf-16BE", null, "ein Café", "utf-16BE")]
    [InlineData("ein Café", "utf-32", null, "ein Café", "utf-32")]
    [InlineData("ein Café", "windows-1252", null, null, null)]
    [InlineData("ein Café – „so“", "windows-1252", "windows-1252", "ein Café – „so“", "windows-1252")]
    [InlineData("猫が座っている", "shift_jis", "shift_jis", "猫が座っている", "shift_jis")]
    [InlineData("猫が座っている", "shift_jis", null, null, null)]
    [InlineData("猫が座っている", "euc-jp", "shift_jis", null, null)]
    [InlineData("ein Café", "utf-8", "windows-1252", "ein Café", null)]
    public void Encodings_are_told_apart_and_never_mended(string text, string encoding, string? fallback, string? expected, string? found)
    {
        var writer = encoding switch
        {
            "utf-8 with mark" => new UTF8Encoding(true),
            _ => CodePagesEncodingProvider.Instance.GetEncoding(encoding) ?? Encoding.GetEncoding(encoding),
        };
        byte[] bytes = [.. encoding == "utf-8" ? [] : writer.GetPreamble(), .. writer.GetBytes(text)];
        var captions = new CaptionTextReader(new SourceOptions { FallbackEncoding = fallback }.Fallback(), 1000);

        var caption = captions.Read(bytes);

        Assert.Equal((expected, found), (caption.Text, caption.Encoding));
        Assert.Equal(expected is null ? Reasons.CaptionEncoding : null, caption.Note);
    }

    [Theory]
    [InlineData("Cafe\u0301", "Caf\u00e9")]
    [InlineData("a\0b\u0007c", "abc")]
    [InlineData("safe\u202Egnp.exe\u202C", "safegnp.exe")]
    [InlineData("\u200Fright\u2067to\u2069left\u061C", "righttoleft")]
    [InlineData("\uFEFF a \r\n\t b\u3000c \u00a0", "a b c")]
    [InlineData("a\U000E0041\U000E0042b", "ab")]
    [InlineData("a\uFFFEb\uFDD0c\U0001FFFF", "abc")]
    [InlineData("👩‍👩‍👧 family", "👩‍👩‍👧 family")]
    [InlineData(" \n ", null)]
    [InlineData("", null)]
    public void Text_is_folded_and_what_nobody_sees_is_taken_out(string text, string? expected) =>
        Assert.Equal(new Caption(expected, null, null), new CaptionTextReader(null, 1000).Clean(text));

    [Theory]
    [InlineData("\u200B\u200D \u00AD")]
    [InlineData("\u3164\u2800\uFE0F")]
    [InlineData("\u202E\uFEFF\n")]
    public void A_caption_of_invisible_characters_is_none(string text) => Assert.Null(new CaptionTextReader(null, 100).Clean(text).Text);

    [Fact]
    public void A_caption_over_the_limit_is_cut_and_says_so()
    {
        var captions = new CaptionTextReader(null, 10);

        Assert.Equal(Reasons.CaptionLength, captions.Clean(new string('x', 11)).Note);
        Assert.InRange(captions.Clean(new string('x', 50_000_000)).Text!.Length, 9, 10);
        Assert.Null(captions.Clean(new string('x', 9) + " ").Note);
    }

    [Theory]
    [InlineData("klingon-8")]
    [InlineData("")]
    [InlineData("utf-7")]
    public void An_encoding_nobody_knows_is_refused_once(string name)
    {
        var error = Assert.Throws<CurationException>(() => SourceReader.Open(new NoFiles(), null, new SourceOptions { FallbackEncoding = name }, null));

        Assert.Contains($"'{name}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Limits_outside_their_range_are_refused_once() => Assert.All(
        new[] { new SourceOptions { MaxFileBytes = 0 }, new SourceOptions { MaxSidecarBytes = -1 }, new SourceOptions { MaxRowBytes = 10 }, new SourceOptions { MaxCaptionLength = 2_000_000 } },
        options => Assert.Throws<CurationException>(() => SourceReader.Open(new NoFiles(), null, options, null)));

    private sealed class NoFiles : ISourceFiles
    {
        public IAsyncEnumerable<SourceFile> List(CancellationToken cancellationToken) => AsyncEnumerable.Empty<SourceFile>();

        public Task<Stream?> Open(string name, CancellationToken cancellationToken) => Task.FromResult<Stream?>(null);
    }
}
