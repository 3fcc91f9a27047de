using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;

namespace Sana.GraphBuilder.Safetensors;

/// <summary>
/// The header of one .safetensors file: 8 bytes little-endian length n, n bytes of JSON (name → dtype, shape, data_offsets), then the tensors.
/// As in the reference implementation, the tensors must cover the rest of the file, in any order, without hole, overlap or trailing byte.
/// Only the header is read, so 10 GB open in milliseconds.
/// </summary>
internal static class SafetensorsHeader
{
    /// <summary>The reference implementation's limit, here for all shards of a checkpoint together.</summary>
    public const int MaxBytes = 100_000_000;
    public const int MaxTensors = 1_000_000;
    private const int MaxNameBytes = 4096;
    private const int MaxRank = 16;

    /// <summary>Reads the header and returns its tensors in the order of their bytes.</summary>
    /// <param name="path">Full path of the file.</param>
    /// <param name="budget">Header bytes that may still be read; the bytes of this header are subtracted.</param>
    public static (WeightFile File, TensorEntry[] Entries) Read(string path, ref long budget)
    {
        using var handle = RegularFile.Open(path);
        var length = RandomAccess.GetLength(handle);
        if (length < 8)
            throw new CheckpointException($"{path} has a length of {length}, too few bytes for a safetensors file; fetch the checkpoint again.");

        Span<byte> prefix = stackalloc byte[8];
        RegularFile.Fill(handle, prefix, 0, path);
        if (prefix.SequenceEqual("version "u8))
            throw new CheckpointException($"{path} is a pointer of Git LFS and not the weights; run git lfs pull in its repository.");
        var declared = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (declared > (ulong)(length - 8))
        {
            throw new CheckpointException(
                $"{path} has {length} bytes but declares a header of {declared}; it is cut short or not a safetensors file: fetch it again.");
        }

        if (declared > (ulong)budget)
            throw new CheckpointException($"{path} declares a header of {declared} bytes; at most {MaxBytes} are read for one checkpoint.");

        budget -= (long)declared;
        var json = new byte[declared];
        RegularFile.Fill(handle, json, 8, path);
        if (json.Length == 0 || json[0] != '{')
            throw new CheckpointException($"The header of {path} does not begin with '{{'; it is not a safetensors file.");
        if (!Utf8.IsValid(json))
            throw new CheckpointException($"The header of {path} is not valid UTF-8; fetch the file again.");

        var (entries, metadata) = Parse(json, path, length);
        return (new WeightFile(path, length, Sha256.Hex(json)) { Metadata = metadata }, entries);
    }

    private static (TensorEntry[] Entries, IReadOnlyDictionary<string, string> Metadata) Parse(ReadOnlySpan<byte> json, string path, long fileLength)
    {
        var entries = new List<TensorEntry>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 16 });
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueSpan.Length > MaxNameBytes)
                    throw new CheckpointException($"{path} has a tensor name of {reader.ValueSpan.Length} bytes; at most {MaxNameBytes} are accepted.");
                var name = reader.GetString()!;
                if (!names.Add(name))
                    throw new CheckpointException($"{path} names {Quoted.Text(name)} twice; write the file again.");
                reader.Read();
                if (name == "__metadata__")
                    ReadMetadata(ref reader, path, metadata);
                else if (entries.Count == MaxTensors)
                    throw new CheckpointException($"{path} has more than {MaxTensors} tensors, the limit.");
                else
                    entries.Add(ReadTensor(ref reader, name, path, 8 + json.Length));
            }

            reader.Read(); // only white space may follow: anything else throws here
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"The header of {path} is not the JSON of a safetensors file: {error.Message}", error);
        }

        return (Covering(entries, path, 8 + json.Length, fileLength), metadata);
    }

    // What tools write of the file, under the names that they give it.
    private static void ReadMetadata(ref Utf8JsonReader reader, string path, Dictionary<string, string> metadata)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new CheckpointException($"'__metadata__' of {path} is not an object of strings.");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw new CheckpointException($"'__metadata__' of {path} is not an object of strings.");
            metadata[key] = reader.GetString()!;
        }
    }

    private static TensorEntry ReadTensor(ref Utf8JsonReader reader, string name, string path, long dataStart)
    {
        CheckpointException Wrong(string what) => new($"Tensor {Quoted.Text(name)} in {path} {what}; fetch or write the file again.");

        if (reader.TokenType != JsonTokenType.StartObject)
            throw Wrong("is not described by an object");

        TensorType? type = null;
        long[]? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("dtype"u8) && type is null)
                type = ReadType(ref reader) ?? throw Wrong($"has a dtype that is none of {string.Join(", ", Enum.GetNames<TensorType>())}");
            else if (reader.ValueTextEquals("shape"u8) && shape is null)
                shape = ReadNumbers(ref reader) ?? throw Wrong($"has a shape that is not a list of at most {MaxRank} whole numbers from 0 to {long.MaxValue}");
            else if (reader.ValueTextEquals("data_offsets"u8) && offsets is null)
                offsets = ReadNumbers(ref reader) is { Length: 2 } pair ? pair : throw Wrong("has data_offsets that are not two whole numbers from 0");
            else if (reader.ValueTextEquals("dtype"u8) || reader.ValueTextEquals("shape"u8) || reader.ValueTextEquals("data_offsets"u8))
                throw Wrong($"has {reader.GetString()} twice");
            else
                reader.Skip();
        }

        if (type is null || shape is null || offsets is null)
            throw Wrong($"has no {(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}");

        var (begin, end) = (offsets[0], offsets[1]);
        if (end < begin || begin > long.MaxValue - dataStart)
            throw Wrong($"has data_offsets {Quoted.Shape(offsets)} that end before they begin or leave the file");
        if (ByteLength(type.Value, shape) is not { } length)
            throw Wrong($"has a shape {Quoted.Shape(shape)} beyond what a file can hold");
        if (length != end - begin)
            throw Wrong($"of {type} and shape {Quoted.Shape(shape)} needs {length} bytes, but its data_offsets {Quoted.Shape(offsets)} span {end - begin}");

        return new TensorEntry(name, type.Value, shape, path, dataStart + begin, length);
    }

    private static TensorType? ReadType(ref Utf8JsonReader reader)
    {
        reader.Read();
        // Enum.TryParse also takes numbers and lists; names alone begin with a capital and hold no comma.
        return reader.TokenType == JsonTokenType.String && reader.ValueSpan is [>= (byte)'A' and <= (byte)'Z', ..] && reader.ValueSpan.Length <= 16
            && !reader.ValueSpan.Contains((byte)',') && Enum.TryParse<TensorType>(reader.GetString(), out var type) ? type : null;
    }

    private static long[]? ReadNumbers(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
            return null;

        Span<long> numbers = stackalloc long[MaxRank];
        var count = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.Number)
        {
            if (count == MaxRank || !reader.TryGetInt64(out var number) || number < 0)
                return null;
            numbers[count++] = number;
        }

        return reader.TokenType == JsonTokenType.EndArray ? numbers[..count].ToArray() : null;
    }

    private static long? ByteLength(TensorType type, long[] shape)
    {
        Int128 bytes = type.ByteSize();
        foreach (var size in shape)
        {
            bytes *= size;
            if (bytes > long.MaxValue)
                return null;
        }

        return (long)bytes;
    }

    private static TensorEntry[] Covering(List<TensorEntry> entries, string path, long dataStart, long fileLength)
    {
        var ordered = entries.ToArray();
        Array.Sort(ordered, (a, b) => a.Offset != b.Offset ? a.Offset.CompareTo(b.Offset) : a.Length.CompareTo(b.Length));
        var reached = dataStart;
        foreach (var entry in ordered)
        {
            if (entry.Offset != reached)
            {
                throw new CheckpointException(
                    $"{entry.Place} begins at byte {entry.Offset}, but the bytes before it end at {reached}; tensors must follow each other without hole or overlap.");
            }

            reached += entry.Length;
            if (reached > fileLength)
                throw new CheckpointException($"{entry.Place} ends at byte {reached}, but the file has {fileLength}; it is cut short: fetch it again.");
        }

        return reached == fileLength
            ? ordered
            : throw new CheckpointException($"{path} has bytes after its last tensor, {fileLength - reached} in all; it is damaged: fetch it again.");
    }
}
