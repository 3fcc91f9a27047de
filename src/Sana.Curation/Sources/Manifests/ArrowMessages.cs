using System.Buffers.Binary;

namespace Sana.Curation.Sources.Manifests;

/// <summary>
/// The messages of an Arrow IPC stream, or of the file format around one, found by their lengths and checked against what the file has before a library
/// makes room for them.
/// </summary>
internal static class ArrowMessages
{
    /// <summary>Bytes of one record batch: 512 MiB.</summary>
    public const long MaxBody = 512L * 1024 * 1024;

    private const int MaxHead = 16 * 1024 * 1024;
    private const int MaxMessages = 1_000_000;
    private const byte Schema = 1;
    private const byte Dictionary = 2;
    private const byte Batch = 3;

    /// <summary>Where the schema, the dictionaries and the record batches lie, or what is wrong.</summary>
    public static async Task<(ArrowLayout? Layout, string? Fault)> Find(Stream stream, CancellationToken cancellationToken)
    {
        var head = await At(stream, 0, (int)Math.Min(8, stream.Length), cancellationToken);
        var at = head.AsSpan().StartsWith("ARROW1"u8) ? 8L : 0L;
        var (before, batches) = (new List<(long, long)>(), new List<(long, long)>());
        for (var count = 0; at + 8 <= stream.Length; count++)
        {
            if (count > MaxMessages)
                return (null, $"it has more than {MaxMessages} messages");
            var mark = await At(stream, at, 8, cancellationToken);
            var length = BinaryPrimitives.ReadInt32LittleEndian(mark.AsSpan(4));
            if (BinaryPrimitives.ReadUInt32LittleEndian(mark) != uint.MaxValue)
                return batches.Count + before.Count > 0 ? (null, "it is damaged between its messages") : (null, "it does not begin like one");
            if (length == 0)
                break;
            if (length < 0 || length > MaxHead || length > stream.Length - at - 8)
                return (null, "it ends within a message, or has one of an impossible size");
            if (Message(await At(stream, at + 8, length, cancellationToken)) is not { } message)
                return (null, "one of its messages is damaged");
            var whole = 8 + length + message.Body;
            if (message.Body < 0 || message.Body > stream.Length - at - 8 - length)
                return (null, "it ends within a record batch");
            if (message.Kind == Batch && (message.Body > MaxBody || message.Rows is < 0 or > ParquetGuard.MaxRows))
                return (null, $"a record batch has {message.Body} bytes and {message.Rows} rows; at most {MaxBody} and {ParquetGuard.MaxRows} are read at once: save it with smaller batches");
            if (message.IsPacked)
                return (null, "its record batches are compressed: save it without compression");
            if ((message.Kind == Schema) != (before.Count == 0))
                return (null, "it does not begin with its schema");
            if (message.Kind == Dictionary && message.Body > MaxBody)
                return (null, "a dictionary in it is too large");
            (message.Kind == Batch ? batches : before).Add((at, whole));
            at += whole;
        }

        return before.Count == 0 ? (null, "it has no schema") : (new ArrowLayout(before, batches), null);
    }

    // Of the FlatBuffers table 'Message': version, header_type, header, bodyLength; of 'RecordBatch': length, nodes, buffers, compression.
    private static (byte Kind, long Body, long Rows, bool IsPacked)? Message(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 8 || Table(bytes, BinaryPrimitives.ReadUInt32LittleEndian(bytes)) is not { } table)
            return null;
        var kind = Field(bytes, table, 1, 1) is >= 0 and var kindAt ? bytes[kindAt] : (byte)0;
        var body = Field(bytes, table, 3, 8) is >= 0 and var bodyAt ? BinaryPrimitives.ReadInt64LittleEndian(bytes[bodyAt..]) : 0;
        var (rows, isPacked) = (0L, false);
        if (kind is Batch or Dictionary)
        {
            if (Field(bytes, table, 2, 4) is not (>= 0 and var headerAt)
                || Table(bytes, headerAt + (long)BinaryPrimitives.ReadUInt32LittleEndian(bytes[headerAt..])) is not { } header)
                return null;
            if (kind == Batch)
            {
                rows = Field(bytes, header, 0, 8) is >= 0 and var rowsAt ? BinaryPrimitives.ReadInt64LittleEndian(bytes[rowsAt..]) : 0;
                isPacked = Field(bytes, header, 3, 4) >= 0;
            }
        }

        return kind is Schema or Dictionary or Batch && body % 8 == 0 ? (kind, body, rows, isPacked) : null;
    }

    private static (int At, int Fields)? Table(ReadOnlySpan<byte> bytes, long at)
    {
        if (at < 0 || at > bytes.Length - 4)
            return null;
        var fields = at - BinaryPrimitives.ReadInt32LittleEndian(bytes[(int)at..]);
        return fields < 0 || fields > bytes.Length - 4 || fields + BinaryPrimitives.ReadUInt16LittleEndian(bytes[(int)fields..]) > bytes.Length ? null
            : ((int)at, (int)fields);
    }

    /// <summary>Where a field lies; -1 when it is not there or not within the bytes.</summary>
    private static int Field(ReadOnlySpan<byte> bytes, (int At, int Fields) table, int number, int size)
    {
        var slot = 4 + (2 * number);
        if (slot + 2 > BinaryPrimitives.ReadUInt16LittleEndian(bytes[table.Fields..]))
            return -1;
        var offset = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(table.Fields + slot)..]);
        return offset == 0 || table.At + offset > bytes.Length - size ? -1 : table.At + offset;
    }

    private static async Task<byte[]> At(Stream stream, long at, int length, CancellationToken cancellationToken)
    {
        var bytes = new byte[length];
        stream.Position = at;
        await stream.ReadExactlyAsync(bytes, cancellationToken);
        return bytes;
    }
}

/// <summary>Where the messages of an Arrow stream lie: offset and length of each.</summary>
/// <param name="Before">The schema, then dictionaries.</param>
/// <param name="Batches">The record batches.</param>
internal sealed record ArrowLayout(IReadOnlyList<(long At, long Length)> Before, IReadOnlyList<(long At, long Length)> Batches)
{
    /// <summary>A stream of its own with the schema, the dictionaries and one record batch; null for the schema alone.</summary>
    public async Task<MemoryStream> Stream(Stream file, int? batch, CancellationToken cancellationToken)
    {
        var parts = batch is { } number ? [.. Before, Batches[number]] : Before.Take(1).ToList();
        var bytes = new byte[parts.Sum(part => part.Length)];
        var filled = 0;
        foreach (var (at, length) in parts)
        {
            file.Position = at;
            await file.ReadExactlyAsync(bytes.AsMemory(filled, (int)length), cancellationToken);
            filled += (int)length;
        }

        return new MemoryStream(bytes);
    }
}
