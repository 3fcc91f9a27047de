using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>A module whose parts stand under the dotted names that they have in a published checkpoint, however deep.</summary>
internal abstract class Network(string name) : Module(name)
{
    private readonly Dictionary<string, Module> _scopes = [];

    /// <summary>Registers a part under its path and returns it.</summary>
    internal T At<T>(string path, T part)
        where T : Module
    {
        var dot = path.LastIndexOf('.');
        Scope(dot < 0 ? "" : path[..dot]).register_module(path[(dot + 1)..], part);
        return part;
    }

    /// <summary>Registers a tensor of its own under its path and returns it.</summary>
    internal Parameter At(string path, Tensor start)
    {
        var dot = path.LastIndexOf('.');
        var parameter = new Parameter(start);
        Scope(dot < 0 ? "" : path[..dot]).register_parameter(path[(dot + 1)..], parameter);
        return parameter;
    }

    private Module Scope(string path)
    {
        if (path.Length == 0)
            return this;
        if (!_scopes.TryGetValue(path, out var scope))
            _scopes[path] = scope = At(path, new Level());
        return scope;
    }

    private sealed class Level() : Module("Level");
}
