using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Google.Protobuf;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Onnx;

/// <summary>
/// An ONNX graph under construction. Weights are initializers whose external data is the checkpoint's own file, so the model is small and nothing is copied.
/// Names of nodes are module paths. Shapes are checked when nodes are added.
/// </summary>
internal sealed partial class Graph
{
    private const long OpsetVersion = 23; // the first with RMSNormalization
    private const long IrVersion = 11;
    private const string Microsoft = "com.microsoft";

    private readonly GraphProto _proto = new();
    private readonly SafetensorsWeights _weights;
    private readonly Func<string, bool> _expose;
    private readonly Dictionary<string, Value> _initializers = [];
    private readonly Dictionary<string, Value> _widened = [];
    private readonly Dictionary<string, (Value Input, int Axis)> _symbols = [];
    private readonly Dictionary<string, Value> _sizes = [];
    private readonly Dictionary<string, Value> _targets = [];
    private readonly Dictionary<string, int> _names = [];
    private readonly Dictionary<string, Value> _constants = [];
    private readonly Dictionary<string, string> _metadata = [];
    private int _values;
    private readonly Dictionary<string, string> _locations = [];

    /// <param name="name">Of the network.</param>
    /// <param name="weights">The checkpoint's tensors.</param>
    /// <param name="arithmetic">What it computes in; null for float32.</param>
    /// <param name="expose">Which module outputs become outputs of the graph too, by module path; null for none.</param>
    public Graph(string name, SafetensorsWeights weights, Arithmetic? arithmetic = null, Func<string, bool>? expose = null)
    {
        _proto.Name = name;
        _weights = weights;
        _expose = expose ?? (_ => false);
        Arithmetic = arithmetic ?? Arithmetic.Float32;
    }

    public Arithmetic Arithmetic { get; }

    /// <summary>Type of the values between the operators.</summary>
    public ElementType Compute => Arithmetic.Compute;

    /// <summary>What the build must write beside the graph.</summary>
    public EightBitWeights EightBits { get; } = new();

    /// <summary>The module whose nodes are being added.</summary>
    public string Path { get; set; } = "";

    public Value Input(string name, ElementType type, params Dim[] shape)
    {
        var value = new Value(name, type, shape);
        _proto.Input.Add(Describe(value));
        for (var axis = 0; axis < shape.Length; axis++)
        {
            if (!shape[axis].IsFixed && !shape[axis].Symbol.Contains('*', StringComparison.Ordinal))
                _symbols.TryAdd(shape[axis].Symbol, (value, axis));
        }

        return value;
    }

    /// <summary>Makes a value an output of the graph, as float32 whatever it was computed in.</summary>
    public void Output(string name, Value value)
    {
        var output = new Value(name, ElementType.Float, value.Shape);
        Add(value.Type == ElementType.Float ? "Identity" : "Cast", name, [value], [output], value.Type == ElementType.Float ? [] : [("to", (long)ElementType.Float)]);
        _proto.Output.Add(Describe(output));
    }

    /// <summary>Marks the output of a module. It becomes an output of the graph if the caller exposes that path.</summary>
    public Value Module(string path, Value value)
    {
        if (_expose(path))
            Output(path, value);

        return value;
    }

    /// <summary>Says something of the graph, unless it was said before.</summary>
    public void Metadata(string key, string value) => _metadata.TryAdd(key, value);

    /// <summary>A tensor of the checkpoint in the type it is stored in.</summary>
    public Value Stored(string name) => Stored(name, _weights[name]);

    private Value Stored(string name, TensorEntry entry)
    {
        if (_initializers.TryGetValue(name, out var known))
            return known;

        var tensor = new TensorProto
        {
            Name = name,
            DataType = (int)TypeOf(entry),
            DataLocation = TensorProto.Types.DataLocation.External,
        };
        tensor.Dims.AddRange(entry.Shape);
        tensor.ExternalData.Add(Entry("location", Location(entry.File)));
        tensor.ExternalData.Add(Entry("offset", entry.Offset.ToString(CultureInfo.InvariantCulture)));
        tensor.ExternalData.Add(Entry("length", entry.Length.ToString(CultureInfo.InvariantCulture)));
        _proto.Initializer.Add(tensor);
        return _initializers[name] = new Value(name, TypeOf(entry), [.. entry.Shape.Select(d => (Dim)d)]);
    }

    /// <summary>A tensor of the checkpoint in the type of the computation; the cast is folded when the graph is loaded.</summary>
    public Value Weight(string name) => Weight(name, Compute);

    public Value Weight(string name, ElementType type)
    {
        var key = $"{name}:{type}";
        return _widened.TryGetValue(key, out var known) ? known : _widened[key] = Cast(Stored(name), type);
    }

    /// <summary>The same of consecutive rows only; they are a part of the file.</summary>
    public Value WeightRows(string name, long first, long rows)
    {
        var entry = _weights[name];
        if (rows == entry.Shape[0])
            return Weight(name);
        var key = string.Create(CultureInfo.InvariantCulture, $"{name}.{first}");
        var row = entry.Length / entry.Shape[0];
        return _widened.TryGetValue($"{key}:{Compute}", out var known)
            ? known
            : _widened[$"{key}:{Compute}"] = Cast(Stored(key, entry with { Shape = [rows, .. entry.Shape[1..]], Offset = entry.Offset + (first * row), Length = rows * row }), Compute);
    }

    /// <summary>Rows of a matrix of the checkpoint in eight bits: integers [in, out], and the scale of each output channel.</summary>
    public (Value Integers, Value Scales) EightBitWeight(string name, long first, long rows) => EightBitWeight(EightBits.Add(_weights[name], first, rows));

    /// <summary>The same of a whole matrix that is stored as [in, out].</summary>
    public (Value Integers, Value Scales) EightBitWeight(string name) => EightBitWeight(EightBits.AddTransposed(_weights[name]));

    private (Value Integers, Value Scales) EightBitWeight((TensorProto Integers, TensorProto Scales) weight)
    {
        var (integers, scales) = weight;
        _proto.Initializer.Add(integers);
        _proto.Initializer.Add(scales);
        return (new Value(integers.Name, ElementType.Int8, [.. integers.Dims.Select(d => (Dim)d)]), new Value(scales.Name, ElementType.Float, [integers.Dims[1]]));
    }

    public Value Constant(ReadOnlySpan<float> values, params Dim[] shape) =>
        Constant(MemoryMarshal.AsBytes(values), ElementType.Float, shape.Length == 0 && values.Length != 1 ? [values.Length] : shape);

    public Value Constant(ReadOnlySpan<double> values, params Dim[] shape) =>
        Constant(MemoryMarshal.AsBytes(values), ElementType.Double, shape);

    public Value Constant(params ReadOnlySpan<long> values) =>
        Constant(MemoryMarshal.AsBytes(values), ElementType.Int64, [values.Length]);

    public Value Scalar(float value, ElementType type) => Cast(Constant([value]), type);

    public Value Scalar(long value) => Constant(MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in value)), ElementType.Int64, []);

    /// <summary>The model with everything that the checkpoint does not hold in it. It can be loaded from memory.</summary>
    public ModelProto ToModel()
    {
        EightBits.Embed();
        return Model();
    }

    /// <summary>The model whose weights in eight bits are in a file of their own.</summary>
    public ModelProto ToModel(string eightBitsAt)
    {
        EightBits.PointTo(eightBitsAt);
        return Model();
    }

    private ModelProto Model()
    {
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "Sana.GraphBuilder", Graph = _proto };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = OpsetVersion });
        if (EightBits.Any)
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = Microsoft, Version = 1 });
        model.MetadataProps.AddRange(_metadata.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => Entry(m.Key, m.Value)));
        return model;
    }

    /// <summary>Adds a node with one output.</summary>
    public Value Node(string op, Value[] inputs, ElementType type, Dim[] shape, params (string Name, object Value)[] attributes) =>
        Node(op, Path, inputs, type, shape, attributes);

    /// <summary>Adds a node with several outputs.</summary>
    public Value[] Nodes(string op, Value[] inputs, Dim[][] shapes, params (string Name, object Value)[] attributes)
    {
        var outputs = shapes.Select(shape => new Value(NextName(), inputs[0].Type, shape)).ToArray();
        Add(op, Path, inputs, outputs, attributes);
        return outputs;
    }

    /// <summary>The size that a symbol has in this run, as int64 [1].</summary>
    public Value Size(Dim dim)
    {
        if (dim.IsFixed)
            return Constant(dim.Factor);

        if (_sizes.TryGetValue(dim.ToString(), out var known))
            return known;

        var size = dim.Symbol.Split('*').Select(SizeOfSymbol).Aggregate(Mul);
        return _sizes[dim.ToString()] = dim.Factor == 1 ? size : Mul(size, Constant(dim.Factor));
    }

    private Value SizeOfSymbol(string symbol)
    {
        // A sum, as 577+sequence; a product cannot be a part of it.
        if (symbol.Contains('+', StringComparison.Ordinal))
        {
            return symbol.Split('+').Select(part =>
                long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? Constant(number) : SizeOfSymbol(part)).Aggregate(Add);
        }

        if (!_symbols.TryGetValue(symbol, out var source))
            throw new ShapeException($"{Path}: no input of the graph has the axis {symbol}");

        if (!_sizes.TryGetValue($"1*{symbol}", out var size))
        {
            size = Node("Shape", [source.Input], ElementType.Int64, [1], ("start", (long)source.Axis), ("end", source.Axis + 1L));
            var factor = source.Input[source.Axis].Factor;
            _sizes[$"1*{symbol}"] = size = factor == 1 ? size : Div(size, Constant(factor));
        }

        return size;
    }

    private Value Constant(ReadOnlySpan<byte> data, ElementType type, Dim[] shape)
    {
        // Equal constants share one initializer: a network has thousands of equal ones.
        var content = $"{type}[{string.Join(',', shape)}]{Convert.ToHexString(data.Length <= 32 ? data : SHA256.HashData(data))}";
        if (_constants.TryGetValue(content, out var known))
            return known;

        var name = NextName();
        var tensor = new TensorProto { Name = name, DataType = (int)type, RawData = ByteString.CopyFrom(data) };
        tensor.Dims.AddRange(shape.Select(d => d.Factor));
        _proto.Initializer.Add(tensor);
        return _constants[content] = new Value(name, type, shape);
    }

    private Value Node(string op, string path, Value[] inputs, ElementType type, Dim[] shape, (string Name, object Value)[] attributes)
    {
        var output = new Value(NextName(), type, shape);
        Add(op, path, inputs, [output], attributes);
        return output;
    }

    private void Add(string op, string path, Value[] inputs, Value[] outputs, (string Name, object Value)[] attributes)
    {
        var (domain, name) = op.Split('.') is [.., var last] && op.Contains('.', StringComparison.Ordinal) ? (op[..^(last.Length + 1)], last) : ("", op);
        var node = new NodeProto { OpType = name, Domain = domain, Name = Unique($"{path}/{name}") };
        node.Input.AddRange(inputs.Select(i => i.Name));
        node.Output.AddRange(outputs.Select(o => o.Name));
        node.Attribute.AddRange(attributes.Select(a => Attribute(a.Name, a.Value)));
        _proto.Node.Add(node);
    }

    // Values have numbers: paths as their names would triple the size of a model.
    private string NextName() => (_values++).ToString(CultureInfo.InvariantCulture);

    private string Unique(string name)
    {
        var count = _names[name] = _names.GetValueOrDefault(name) + 1;
        return count == 1 ? name : $"{name}.{count}";
    }

    private string Location(string file) => _locations.TryGetValue(file, out var known) ? known : _locations[file] = LinkedFile.Location(file);

    private static ElementType TypeOf(TensorEntry entry) => entry.Type switch
    {
        TensorType.F32 => ElementType.Float,
        TensorType.F16 => ElementType.Float16,
        TensorType.BF16 => ElementType.BFloat16,
        _ => throw new CheckpointException(
            $"{entry.File}: tensor {entry.Name} is stored as {entry.Type}; a network takes F32, F16 or BF16. Convert the checkpoint."),
    };
}
