using System.Text;
using CsCheck;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Safetensors;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Safetensors;

public sealed class FuzzTests : IDisposable
{
    private static readonly byte[] s_whole = SafetensorsBytes.Of(("model.layers.0.weight", [2, 3]), ("model.norm.weight", [4]), ("empty", [0, 9]));

    private static readonly Gen<string> s_value = Gen.OneOf(
        Gen.OneOf(
            "0", "-1", "1e9", "1.5", "9223372036854775807", "99999999999999999999",
            "null", "true", "\"\"", "[]", "{}", "\"F32\"", "\"F4\"", "[2]", "[0,8]", "[8,0]", "[1,2,3]", "\"\\udfff\"", "\"a"),
        Gen.Int[0, 64].Array[0, 4].Select(numbers => $"[{string.Join(',', numbers)}]"));

    private static readonly Gen<string> s_tensor = Gen.Select(
        Gen.OneOf("a", "b", "__metadata__", "\\u0061", ""),
        Gen.Select(Gen.OneOf("dtype", "shape", "data_offsets", "other"), s_value, (key, value) => $"\"{key}\":{value}").Array[0, 5],
        (name, fields) => $"\"{name}\":{{{string.Join(',', fields)}}}");

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Damaged_bytes_give_weights_or_a_checkpoint_exception() =>
        Gen.Select(Gen.Int[0, s_whole.Length], Gen.Select(Gen.Int[0, s_whole.Length - 1], Gen.Byte).Array[0, 4]).Sample((kept, changes) =>
        {
            var bytes = s_whole.ToArray();
            foreach (var (place, value) in changes)
                bytes[place] = value;

            Opens(bytes[..kept]);
        }, iter: 2_000, threads: 1);

    [Fact]
    public void Random_headers_give_weights_or_a_checkpoint_exception() =>
        Gen.Select(s_tensor.Array[0, 4], Gen.Int[0, 32]).Sample((tensors, data) =>
            Opens(SafetensorsBytes.Of($"{{{string.Join(',', tensors)}}}", data)), iter: 2_000, threads: 1);

    [Fact]
    public void Random_indexes_give_weights_or_a_checkpoint_exception()
    {
        const string index = """{"metadata":{"total_size":8},"weight_map":{"model.norm.weight":"model.safetensors","empty":"model.safetensors"}}""";
        File.WriteAllBytes(_folder.File("model.safetensors"), s_whole);

        Gen.Select(Gen.Int[0, index.Length], Gen.Select(Gen.Int[0, index.Length - 1], Gen.Byte).Array[0, 3]).Sample((kept, changes) =>
        {
            var bytes = Encoding.UTF8.GetBytes(index);
            foreach (var (place, value) in changes)
                bytes[place] = value;
            File.WriteAllBytes(_folder.File("m.safetensors.index.json"), bytes[..kept]);

            try
            {
                SafetensorsWeights.OpenFile(_folder.File("m.safetensors.index.json"));
            }
            catch (CheckpointException)
            {
                // The one answer to damage.
            }
        }, iter: 1_000, threads: 1);
    }

    private void Opens(byte[] bytes)
    {
        var path = _folder.File("fuzz.safetensors");
        File.WriteAllBytes(path, bytes);
        try
        {
            var weights = SafetensorsWeights.OpenFile(path);

            Assert.All(weights.Entries, entry => Assert.InRange(entry.Offset + entry.Length, 10, bytes.Length));
            Assert.Equal(bytes.Length, weights.Entries.Select(entry => entry.Offset + entry.Length).DefaultIfEmpty(bytes.Length).Max());
        }
        catch (CheckpointException)
        {
            // The one answer to damage.
        }
    }
}
