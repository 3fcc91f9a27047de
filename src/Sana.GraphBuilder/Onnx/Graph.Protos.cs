using Google.Protobuf;

namespace Sana.GraphBuilder.Onnx;

/// <content>How attributes, shapes and metadata stand in an ONNX file.</content>
internal sealed partial class Graph
{
    private static AttributeProto Attribute(string name, object value)
    {
        var attribute = new AttributeProto { Name = name };
        switch (value)
        {
            case long i:
                attribute.I = i;
                attribute.Type = AttributeProto.Types.AttributeType.Int;
                break;
            case float f:
                attribute.F = f;
                attribute.Type = AttributeProto.Types.AttributeType.Float;
                break;
            case string s:
                attribute.S = ByteString.CopyFromUtf8(s);
                attribute.Type = AttributeProto.Types.AttributeType.String;
                break;
            case long[] ints:
                attribute.Ints.AddRange(ints);
                attribute.Type = AttributeProto.Types.AttributeType.Ints;
                break;
            default:
                throw new ArgumentException($"Attribute {name} has the type {value.GetType()}.", nameof(value));
        }

        return attribute;
    }

    private static ValueInfoProto Describe(Value value)
    {
        var shape = new TensorShapeProto();
        shape.Dim.AddRange(value.Shape.Select(d => d.IsFixed
            ? new TensorShapeProto.Types.Dimension { DimValue = d.Factor }
            : new TensorShapeProto.Types.Dimension { DimParam = d.ToString() }));
        var type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)value.Type, Shape = shape } };
        return new ValueInfoProto { Name = value.Name, Type = type };
    }

    internal static StringStringEntryProto Entry(string key, string value) => new() { Key = key, Value = value };
}
