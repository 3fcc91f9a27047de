using System.Runtime.CompilerServices;

namespace Sana.Curation.Sources.Manifests;

/// <summary>
/// Cuts a manifest into records: lines, or with a delimiter the records of CSV, in which a quoted field may hold line ends. A record over the limit is passed over
/// without being held, up to the next line end, so one quote that never closes costs the limit and not the file.
/// </summary>
/// <param name="stream">From its beginning.</param>
/// <param name="maxBytes">The longest record.</param>
/// <param name="delimiter">Between fields; null for lines.</param>
internal sealed class Records(Stream stream, int maxBytes, byte? delimiter)
{
    private bool _isFieldStart = true;
    private bool _isQuoted;
    private bool _isInside;

    /// <summary>Records without their line ends; null for one that is too long. The memory is valid until the next one is asked for. Empty records are left out.</summary>
    public async IAsyncEnumerable<ReadOnlyMemory<byte>?> Read([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (buffer, record, isTooLong) = (new byte[64 * 1024], new MemoryStream(), false);
        int read;
        // Whole buffers: where a record over the limit ends must not hang on how a network cuts its answers.
        while ((read = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken)) > 0)
        {
            for (var at = 0; at < read;)
            {
                var end = End(buffer.AsSpan(at, read - at), isTooLong);
                var piece = buffer.AsMemory(at, end < 0 ? read - at : end);
                if (!isTooLong && record.Length + piece.Length > maxBytes)
                {
                    (isTooLong, end) = (true, -1);
                    record.SetLength(0);
                    Reset();
                    // The piece is looked through again, for the line's end alone.
                    continue;
                }

                at += end < 0 ? piece.Length : end + 1;
                if (!isTooLong)
                    record.Write(piece.Span);
                if (end < 0)
                    continue;
                if (isTooLong)
                    yield return null;
                else if (Content(record) is { Length: > 0 } content)
                    yield return content;
                record.SetLength(0);
                isTooLong = false;
                Reset();
            }
        }

        if (isTooLong)
            yield return null;
        else if (Content(record) is { Length: > 0 } last)
            yield return last;
    }

    private static ReadOnlyMemory<byte> Content(MemoryStream record)
    {
        var content = record.GetBuffer().AsMemory(0, (int)record.Length);
        return content.Length > 0 && content.Span[^1] == '\r' ? content[..^1] : content;
    }

    private void Reset() => (_isFieldStart, _isQuoted, _isInside) = (true, false, false);

    /// <summary>Where the record ends; -1 when it goes on. Quotes mean something only where a field begins with one, as CsvHelper has it.</summary>
    private int End(ReadOnlySpan<byte> bytes, bool isLine)
    {
        if (delimiter is null || isLine)
            return bytes.IndexOf((byte)'\n');
        for (var at = 0; at < bytes.Length; at++)
        {
            var letter = bytes[at];
            if (letter == '"' && (_isFieldStart || _isQuoted))
                (_isQuoted, _isInside, _isFieldStart) = (true, !_isInside, false);
            else if (letter is (byte)'\n' or (byte)'\r' && !_isInside)
                return at;
            else if (letter == delimiter && !_isInside)
                (_isFieldStart, _isQuoted) = (true, false);
            else
                _isFieldStart = false;
        }

        return -1;
    }
}
