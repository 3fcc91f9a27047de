using System.Text;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>Limits for reading a source. What passes one is a row with a reason, not a failure of the run.</summary>
public sealed record SourceOptions
{
    /// <value>Largest image file, in bytes: 1…1 GiB. Default 64 MiB. A larger one is <c>too_many_bytes</c> and is not read.</value>
    public int MaxFileBytes { get; init; } = 64 * 1024 * 1024;

    /// <value>Largest sidecar, in bytes: 1…64 MiB. Default 1 MiB. A larger one is <c>bad_sidecar</c>; the image stays.</value>
    public int MaxSidecarBytes { get; init; } = 1024 * 1024;

    /// <value>Longest row of a manifest, in bytes: 1,024…64 MiB. Default 1 MiB. A longer one is <c>bad_row</c> and is never held in memory.</value>
    public int MaxRowBytes { get; init; } = 1024 * 1024;

    /// <value>
    /// Longest caption taken from a source, in UTF-16 units: 1…1,000,000. Default 10,000. What is beyond is cut off and noted as <c>caption_length</c>.
    /// </value>
    public int MaxCaptionLength { get; init; } = 10_000;

    /// <value>
    /// Encoding of captions that are not UTF-8, such as <c>windows-1252</c> or <c>shift_jis</c>. Default none: such a caption is left out and noted.
    /// </value>
    public string? FallbackEncoding { get; init; }

    /// <value>
    /// Fields, columns and members that hold captions, by name in any case, at most 64; only these are taken then. Default null: those whose name says that
    /// they hold captions.
    /// </value>
    public IReadOnlyList<string>? CaptionFields { get; init; }

    /// <value>Which links of a folder are followed. Default <see cref="LinkRule.Inside"/>.</value>
    public LinkRule Links { get; init; }

    /// <summary>Refuses what cannot be used.</summary>
    /// <exception cref="CurationException">A value is outside its range, or nobody knows the encoding.</exception>
    public void Check()
    {
        InRange(nameof(MaxFileBytes), MaxFileBytes, 1, 1 << 30);
        InRange(nameof(MaxSidecarBytes), MaxSidecarBytes, 1, 64 << 20);
        InRange(nameof(MaxRowBytes), MaxRowBytes, 1024, 64 << 20);
        InRange(nameof(MaxCaptionLength), MaxCaptionLength, 1, 1_000_000);
        if (CaptionFields is { Count: > 64 } || CaptionFields?.Any(string.IsNullOrWhiteSpace) == true)
            throw new CurationException($"{nameof(CaptionFields)} has {CaptionFields.Count} names; it takes 1…64 names that are not empty.");
        _ = Fallback();
    }

    /// <summary>The fields that hold captions.</summary>
    internal CaptionFields Fields() => new(CaptionFields);

    /// <summary>The fallback as a decoder that refuses what it cannot read.</summary>
    /// <exception cref="CurationException">Nobody knows it.</exception>
    internal Encoding? Fallback()
    {
        if (FallbackEncoding is null)
            return null;
        try
        {
            return CodePagesEncodingProvider.Instance.GetEncoding(FallbackEncoding, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback)
                ?? Encoding.GetEncoding(FallbackEncoding, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            throw new CurationException($"'{FallbackEncoding}' is no encoding that is known here; use a name of the IANA list such as windows-1252 or shift_jis.");
        }
    }

    private static void InRange(string name, int value, int least, int most)
    {
        if (value < least || value > most)
            throw new CurationException($"{name} is {value}; it takes {least}…{most}.");
    }
}
