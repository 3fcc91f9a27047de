using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Sana.Tests.Support;

/// <summary>Bytes of small .safetensors files, right ones and wrong ones.</summary>
internal static class SafetensorsBytes
{
    /// <summary>A file with this header, however wrong, and this many zero bytes of data.</summary>
    public static byte[] Of(string header, int data = 0) => Of(Encoding.UTF8.GetBytes(header), data);

    public static byte[] Of(byte[] header, int data)
    {
        var bytes = new byte[8 + header.Length + data];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, header.Length);
        header.CopyTo(bytes, 8);
        return bytes;
    }

    /// <summary>A right file of float32 zeros.</summary>
    public static byte[] Of(params (string Name, long[] Shape)[] tensors)
    {
        var header = new StringBuilder("{");
        var end = 0L;
        foreach (var (name, shape) in tensors)
        {
            var begin = end;
            end += shape.Aggregate(4L, (product, size) => product * size);
            header.Append(CultureInfo.InvariantCulture, $"{(begin == 0 ? "" : ",")}\"{name}\":{{\"dtype\":\"F32\",\"shape\":[{string.Join(',', shape)}],\"data_offsets\":[{begin},{end}]}}");
        }

        return Of(header.Append('}').ToString(), (int)end);
    }
}
