namespace Sana.Curation.Sources;

/// <summary>Limits for images that a manifest names by URL.</summary>
public sealed record DownloadOptions
{
    /// <value>For everything from the name's look-up to the last byte: 1 ms…1 hour. Default 30 s.</value>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <value>Longest content, in bytes: 1…1 GiB. Default 64 MiB.</value>
    public int MaxBytes { get; init; } = 64 * 1024 * 1024;

    /// <value>Whether images are taken although their owner's <c>X-Robots-Tag</c> says noai, noimageai, noindex, noimageindex or none. Default false.</value>
    public bool IgnoreOptOut { get; init; }

    /// <exception cref="SanaException">A value is outside its range.</exception>
    internal void Check()
    {
        if (Deadline < TimeSpan.FromMilliseconds(1) || Deadline > TimeSpan.FromHours(1))
            throw new SanaException($"A deadline of {Deadline.TotalSeconds} s for a download is outside 0.001…3,600; use 30.");
        if (MaxBytes is < 1 or > 1 << 30)
            throw new SanaException($"A limit of {MaxBytes} bytes for a download is outside 1…{1 << 30}; use {64 << 20}.");
    }
}
