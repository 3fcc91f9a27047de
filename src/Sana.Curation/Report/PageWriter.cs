using System.Text;

namespace Sana.Curation.Report;

/// <summary>Writes markup and knows how much room is left.</summary>
internal sealed class PageWriter(Stream page, long limit)
{
    /// <summary>Kept for what comes after everything that may be left out.</summary>
    private const long Closing = 16_000;

    private long _written;

    /// <summary>Bytes that may still be written.</summary>
    public long Left => limit - Closing - _written;

    public async Task Write(Html markup, CancellationToken cancellationToken)
    {
        var bytes = Encoding.UTF8.GetBytes(markup.Text);
        _written += bytes.Length;
        await page.WriteAsync(bytes, cancellationToken);
    }
}
