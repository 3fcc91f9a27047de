using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;

namespace Sana.Benchmarks;

/// <summary>
/// Writes random weights to .safetensors files: normal with standard deviation 1/√fan-in, norms near 1, biases near 0, so that activations stay finite and
/// images have contrast. The same seed gives the same bytes. It uses one buffer, whatever the size of a tensor.
/// </summary>
/// <param name="seed">Any value.</param>
/// <param name="hollow">Whether to write only headers and make the weights holes in sparse files, which read as zeros and take no disk space.</param>
internal sealed class SyntheticWeights(ulong seed, bool hollow = false)
{
    // The default of Hugging Face's tools.
    private const long ShardBytes = 5_000_000_000;
    private const int Levels = 4_096;
    private readonly byte[] _buffer = new byte[8 << 20];
    private readonly double[] _normal = StandardNormal();

    /// <summary>Bytes of all tensors written so far.</summary>
    public long Written { get; private set; }

    /// <summary>Writes <c>stem[.variant].safetensors</c>, or shards and their index when that is more than 5 GB.</summary>
    public void Write(string folder, string stem, string? variant, TensorType type, IEnumerable<ExpectedTensor> tensors)
    {
        var shards = Shards(tensors, type);
        var name = variant is null ? stem : $"{stem}.{variant}";
        var files = shards.Select((_, i) => shards.Count == 1 ? $"{name}.safetensors" : $"{name}-{i + 1:00000}-of-{shards.Count:00000}.safetensors").ToArray();
        for (var i = 0; i < shards.Count; i++)
            WriteFile(Path.Combine(folder, files[i]), type, shards[i]);
        if (shards.Count == 1)
            return;

        var index = variant is null ? $"{stem}.safetensors.index.json" : $"{stem}.safetensors.index.{variant}.json";
        var map = shards.Zip(files)
            .SelectMany(shard => shard.First.Select(tensor => KeyValuePair.Create(tensor.Name, shard.Second)))
            .ToDictionary();
        var total = shards.Sum(shard => shard.Sum(tensor => tensor.Elements * type.ByteSize()));
        File.WriteAllText(Path.Combine(folder, index), JsonSerializer.Serialize(new { metadata = new { total_size = total }, weight_map = map }));
    }

    private static List<List<ExpectedTensor>> Shards(IEnumerable<ExpectedTensor> tensors, TensorType type)
    {
        List<List<ExpectedTensor>> shards = [[]];
        var bytes = 0L;
        foreach (var tensor in tensors)
        {
            var size = tensor.Elements * type.ByteSize();
            if (bytes + size > ShardBytes && shards[^1].Count > 0)
            {
                shards.Add([]);
                bytes = 0;
            }

            shards[^1].Add(tensor);
            bytes += size;
        }

        return shards;
    }

    private void WriteFile(string path, TensorType type, List<ExpectedTensor> tensors)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var header = Header(type, tensors);
        Span<byte> prefix = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, header.Length);
        file.Write(prefix);
        file.Write(header);
        if (hollow)
        {
            var bytes = tensors.Sum(tensor => tensor.Elements * type.ByteSize());
            file.SetLength(file.Position + bytes);
            Written += bytes;
            return;
        }

        foreach (var tensor in tensors)
            WriteTensor(file, type, tensor);
    }

    private static byte[] Header(TensorType type, List<ExpectedTensor> tensors)
    {
        var end = 0L;
        var entries = new Dictionary<string, object> { ["__metadata__"] = new { format = "pt" } };
        foreach (var tensor in tensors)
        {
            var begin = end;
            end += tensor.Elements * type.ByteSize();
            entries[tensor.Name] = new { dtype = type.ToString(), shape = tensor.Shape, data_offsets = new[] { begin, end } };
        }

        var json = JsonSerializer.SerializeToUtf8Bytes(entries);
        var padded = new byte[(json.Length + 7) / 8 * 8]; // tensors are aligned, as in the reference's files
        padded.AsSpan().Fill((byte)' ');
        json.CopyTo(padded, 0);
        return padded;
    }

    private void WriteTensor(FileStream file, TensorType type, ExpectedTensor tensor)
    {
        switch (type)
        {
            case TensorType.F32:
                Write(file, tensor, value => (float)value);
                break;
            case TensorType.F16:
                Write(file, tensor, value => (Half)value);
                break;
            case TensorType.BF16: // the upper half of a float32, rounded
                Write(file, tensor, value => (ushort)((BitConverter.SingleToUInt32Bits((float)value) + 0x8000) >> 16));
                break;
            default:
                throw new UnreachableException($"SafetensorsWeights of type {type}.");
        }

        Written += tensor.Elements * type.ByteSize();
    }

    private void Write<T>(FileStream file, ExpectedTensor tensor, Converter<double, T> convert)
        where T : unmanaged
    {
        // The table holds finished elements, so four elements cost one hash and four loads.
        var (mean, deviation) = Scale(tensor);
        var table = Array.ConvertAll(_normal, value => convert(mean + (deviation * value)));
        var key = Mix(seed ^ (ulong)Written);
        var elements = MemoryMarshal.Cast<byte, T>(_buffer.AsSpan());
        ulong counter = 0;
        for (var left = tensor.Elements; left > 0; left -= elements.Length)
        {
            elements = elements[..(int)Math.Min(left, elements.Length)];
            Fill(elements, table, key, ref counter);
            file.Write(MemoryMarshal.AsBytes(elements));
        }
    }

    private static (double Mean, double Deviation) Scale(ExpectedTensor tensor) => tensor switch
    {
        { Shape.Length: 1 } when tensor.Name.EndsWith(".bias", StringComparison.Ordinal) => (0, 0.02),
        // Gemma multiplies by 1 + weight.
        { Shape.Length: 1 } when tensor.Name.StartsWith("layers.", StringComparison.Ordinal) || tensor.Name == "norm.weight" => (0, 0.02),
        { Shape.Length: 1 } => (1, 0.02),
        _ => (0, 1 / Math.Sqrt(tensor.Shape.Skip(1).Aggregate(1L, (product, size) => product * size))),
    };

    private static void Fill<T>(Span<T> elements, ReadOnlySpan<T> table, ulong key, ref ulong counter)
    {
        var i = 0;
        for (; i + 4 <= elements.Length; i += 4)
        {
            var random = Mix(key + counter++);
            elements[i] = table[(int)(random & (Levels - 1))];
            elements[i + 1] = table[(int)((random >> 16) & (Levels - 1))];
            elements[i + 2] = table[(int)((random >> 32) & (Levels - 1))];
            elements[i + 3] = table[(int)((random >> 48) & (Levels - 1))];
        }

        for (; i < elements.Length; i++)
            elements[i] = table[(int)(Mix(key + counter++) & (Levels - 1))];
    }

    /// <summary>SplitMix64 (Steele, Lea, Flood 2014): a counter in, 64 random bits out.</summary>
    private static ulong Mix(ulong counter)
    {
        var z = counter * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>Normally distributed numbers with mean 0 and standard deviation 1, one for each level, by the Box-Muller transform of an even grid.</summary>
    private static double[] StandardNormal()
    {
        var side = (int)Math.Sqrt(Levels);
        return [.. Enumerable.Range(0, Levels).Select(i =>
            Math.Sqrt(-2 * Math.Log(((i / side) + 0.5) / side)) * Math.Cos(2 * Math.PI * ((i % side) + 0.5) / side))];
    }
}
