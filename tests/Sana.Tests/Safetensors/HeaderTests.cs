using System.Security.Cryptography;
using System.Text;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Safetensors;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Safetensors;

public sealed class HeaderTests : IDisposable
{
    private const string One = """{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Offsets_count_from_the_start_of_the_file_and_order_is_that_of_the_bytes()
    {
        const string header = """
            {"__metadata__":{"format":"pt"},
             "late":{"dtype":"F16","shape":[3,1],"data_offsets":[4,10]},
             "early":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}
            """ + "   ";

        var weights = Open(SafetensorsBytes.Of(header, 10));

        Assert.Equal(["early", "late"], weights.Entries.Select(entry => entry.Name));
        Assert.Equal((TensorType.F16, 8L + header.Length + 4, 6L), (weights["late"].Type, weights["late"].Offset, weights["late"].Length));
        Assert.Equal([3, 1], weights["late"].Shape);
        Assert.Empty(weights["early"].Shape);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(header))), Assert.Single(weights.Files).HeaderSha256);
        Assert.Equal(8 + header.Length + 10, weights.Files[0].Length);
    }

    [Theory]
    [InlineData("BOOL", 1), InlineData("U8", 1), InlineData("I8", 1), InlineData("F8_E4M3", 1), InlineData("F8_E5M2", 1)]
    [InlineData("U16", 2), InlineData("I16", 2), InlineData("F16", 2), InlineData("BF16", 2)]
    [InlineData("U32", 4), InlineData("I32", 4), InlineData("F32", 4), InlineData("U64", 8), InlineData("I64", 8), InlineData("F64", 8)]
    public void Every_type_has_its_size(string type, int size)
    {
        var weights = Open(SafetensorsBytes.Of($$$"""{"x":{"dtype":"{{{type}}}","shape":[3],"data_offsets":[0,{{{3 * size}}}]}}""", 3 * size));

        Assert.Equal(type, weights["x"].Type.ToString());
    }

    [Theory]
    [InlineData("{}", 0)]
    [InlineData("""{"x":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},"y":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""", 0)]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"note":{"any":[1,"thing"]}}}""", 8)]
    [InlineData("""{ "__metadata__" : {} , "\u0078" : {"shape":[2],"data_offsets":[0,8],"dtype":"F32"} }""", 8)]
    public void Unusual_but_right_headers_are_read(string header, int data) => Open(SafetensorsBytes.Of(header, data));

    [Theory]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7, "cut short")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, "bytes after its last tensor, 1 in all")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "without hole or overlap")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "without hole or overlap")]
    [InlineData("""{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "needs 12 bytes")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "end before they begin")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[9223372036854775800,9223372036854775807]}}""", 8, "leave the file")]
    [InlineData("""{"x":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,8]}}""", 8, "beyond what a file can hold")]
    [InlineData("""{"x":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", 8, "shape")]
    [InlineData("""{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "shape")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", 8, "shape")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}""", 8, "shape")]
    [InlineData("""{"x":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", 8, "shape")]
    [InlineData("""{"x":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", 8, "shape")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}""", 8, "at most 16")]
    [InlineData("""{"x":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}""", 8, "not the JSON")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "data_offsets")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", 8, "data_offsets")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 8, "data_offsets")]
    [InlineData("""{"x":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}""", 8, "BF16")]
    [InlineData("""{"x":{"dtype":"11","shape":[2],"data_offsets":[0,8]}}""", 8, "BF16")]
    [InlineData("""{"x":{"dtype":"F32,F32","shape":[2],"data_offsets":[0,8]}}""", 8, "BF16")]
    [InlineData("""{"x":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}}""", 8, "BF16")]
    [InlineData("""{"x":{"dtype":4,"shape":[2],"data_offsets":[0,8]}}""", 8, "BF16")]
    [InlineData("""{"x":{"shape":[2],"data_offsets":[0,8]}}""", 8, "no dtype")]
    [InlineData("""{"x":{"dtype":"F32","data_offsets":[0,8]}}""", 8, "no shape")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2]}}""", 8, "no data_offsets")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}""", 8, "shape twice")]
    [InlineData($$"""{"x":{{One}},"x":{{One}}}""", 8, "'x' twice")]
    [InlineData($$"""{"x":{{One}},"\u0078":{{One}}}""", 8, "'x' twice")]
    [InlineData("""{"x":[]}""", 0, "not described by an object")]
    [InlineData("""{"x":null}""", 0, "not described by an object")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "__metadata__")]
    [InlineData("""{"__metadata__":"a"}""", 0, "__metadata__")]
    [InlineData("""{"x":{"y":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}}""", 0, "not the JSON")]
    [InlineData("""{"\ud800":{}}""", 0, "not the JSON")]
    [InlineData("""{"x":{} // comment""", 0, "no dtype")]
    [InlineData("""{},""", 0, "not the JSON")]
    [InlineData("""{}{}""", 0, "not the JSON")]
    [InlineData("""{""", 0, "not the JSON")]
    [InlineData(""" {}""", 0, "does not begin with")]
    [InlineData("""[]""", 0, "does not begin with")]
    [InlineData("", 0, "does not begin with")]
    public void A_malformed_header_is_refused_with_its_fault(string header, int data, string fault)
    {
        var error = Assert.Throws<CheckpointException>(() => Open(SafetensorsBytes.Of(header, data)));

        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
        Assert.Contains(_folder.File("model.safetensors"), error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[0], "empty")]
    [InlineData(new byte[] { 2, 0, 0, 0, 0, 0, 0 }, "too few")]
    [InlineData(new byte[] { 3, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}' }, "declares a header of 3")]
    [InlineData(new byte[] { 255, 255, 255, 255, 255, 255, 255, 255, (byte)'{', (byte)'}' }, "declares a header of 18446744073709551615")]
    [InlineData(new byte[] { 6, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'"', 0xC3, 0x28, (byte)'"', (byte)'}' }, "not valid UTF-8")]
    public void A_file_that_is_no_safetensors_file_is_refused(byte[] bytes, string fault)
    {
        var error = Assert.Throws<CheckpointException>(() => Open(bytes));

        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Header_of_a_hundred_million_bytes_is_the_largest()
    {
        var path = _folder.File("model.safetensors");
        using (var file = File.Create(path))
        {
            file.Write(BitConverter.GetBytes(100_000_001L));
            file.SetLength(200_000_000); // sparse: no disk is used
        }

        var error = Assert.Throws<CheckpointException>(() => SafetensorsWeights.OpenFile(path));

        Assert.Contains("at most 100000000", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_hostile_name_reaches_the_message_short_and_without_control_characters()
    {
        var error = Assert.Throws<CheckpointException>(() => Open(SafetensorsBytes.Of("{\"\\u001b[2J\\n" + new string('a', 3000) + "\":{}}")));

        Assert.DoesNotContain('\u001b', error.Message);
        Assert.DoesNotContain('\n', error.Message);
        Assert.True(error.Message.Length < 500 + _folder.Path.Length);
    }

    private SafetensorsWeights Open(byte[] bytes)
    {
        File.WriteAllBytes(_folder.File("model.safetensors"), bytes);
        return SafetensorsWeights.Open(_folder.Path, "model");
    }
}
