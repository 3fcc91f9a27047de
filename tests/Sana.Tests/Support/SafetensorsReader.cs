using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Sana.Tests.Support;

/// <summary>Reads the fixtures' tensors, whole files at a time and trusting them: for tests only.</summary>
internal sealed class SafetensorsReader
{
    private readonly Dictionary<string, JsonElement> _entries;
    private readonly byte[] _file;
    private readonly int _data;

    private SafetensorsReader(byte[] file)
    {
        _file = file;
        _data = 8 + (int)BinaryPrimitives.ReadUInt64LittleEndian(file);
        _entries = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(file.AsSpan(8, _data - 8))!;
        _ = _entries.Remove("__metadata__");
    }

    public IEnumerable<string> Names => _entries.Keys;

    public static SafetensorsReader Open(params string[] path) => new(File.ReadAllBytes(Path.Combine([Fixtures.Sana, .. path])));

    public static SafetensorsReader OpenFile(string path) => new(File.ReadAllBytes(path));

    public bool Has(string name) => _entries.ContainsKey(name);

    public int[] Shape(string name) => [.. _entries[name].GetProperty("shape").EnumerateArray().Select(side => side.GetInt32())];

    /// <summary>The tensor's elements widened to float32, flat.</summary>
    public float[] Floats(string name)
    {
        var bytes = Bytes(name);
        var type = _entries[name].GetProperty("dtype").GetString();
        return type switch
        {
            "F32" => MemoryMarshal.Cast<byte, float>(bytes).ToArray(),
            "F16" => [.. MemoryMarshal.Cast<byte, Half>(bytes).ToArray().Select(value => (float)value)],
            "BF16" => [.. MemoryMarshal.Cast<byte, ushort>(bytes).ToArray().Select(value => BitConverter.Int32BitsToSingle(value << 16))],
            "I64" => [.. MemoryMarshal.Cast<byte, long>(bytes).ToArray().Select(value => (float)value)],
            "U8" => [.. bytes.ToArray().Select(value => (float)value)],
            _ => throw new NotSupportedException($"{name} is {type}."),
        };
    }

    /// <summary>The tensor's raw little-endian bytes.</summary>
    public ReadOnlySpan<byte> Bytes(string name)
    {
        var offsets = _entries[name].GetProperty("data_offsets");
        var (start, end) = (offsets[0].GetInt32(), offsets[1].GetInt32());
        return _file.AsSpan(_data + start, end - start);
    }
}
