namespace Sana.Jobs.Generation;

/// <summary>Lines of a stream of bytes, with or without a byte order mark, ended by LF or CRLF. Memory is bounded whatever the stream holds.</summary>
internal static class PromptLines
{
    /// <summary>
    /// Room for a prompt and a negative prompt at their limits with every letter as a JSON escape of six bytes.
    /// </summary>
    public const int MaxBytes = 2 * 1024 * 1024;

    private const int FirstBuffer = 64 * 1024;

    /// <summary>The lines in order. The bytes of one are valid until the next is asked for; they are empty where <c>TooLong</c> is set.</summary>
    public static IEnumerable<(long Number, ReadOnlyMemory<byte> Bytes, bool TooLong)> Read(Stream stream)
    {
        var buffer = new byte[FirstBuffer];
        var (start, end, number) = (0, 0, 0L);
        var (skipping, ended) = (false, false);
        while (!ended || start < end)
        {
            var length = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (length >= 0 || (ended && end > start))
            {
                var next = length >= 0 ? start + length + 1 : end;
                var line = buffer.AsMemory(start, length >= 0 ? length : end - start);
                number++;
                yield return skipping || line.Length > MaxBytes ? (number, default, true) : (number, Trim(line, first: number == 1), false);
                (start, skipping) = (next, false);
                continue;
            }

            if (end - start > MaxBytes)
            {
                (skipping, start, end) = (true, 0, 0);
            }

            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            if (end == buffer.Length)
            {
                Array.Resize(ref buffer, buffer.Length * 2);
            }

            var read = stream.Read(buffer, end, buffer.Length - end);
            end += read;
            ended = read == 0;
            if (ended && end == 0 && skipping)
            {
                yield return (number + 1, default, true);
            }
        }
    }

    private static ReadOnlyMemory<byte> Trim(ReadOnlyMemory<byte> line, bool first)
    {
        if (first && line.Span.StartsWith("\uFEFF"u8))
        {
            line = line[3..];
        }

        return line.Span.EndsWith("\r"u8) ? line[..^1] : line;
    }
}
