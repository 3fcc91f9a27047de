using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>A module that registers its parts under the dotted names of a published checkpoint.</summary>
internal abstract class CheckpointModule(string name) : Module(name)
{
    private readonly Dictionary<string, Module> _levels = [];

    /// <summary>Registers a module under a path and returns it.</summary>
    internal T At<T>(string path, T part)
        where T : Module
    {
        var (parent, name) = Split(path);
        parent.register_module(name, part);
        return part;
    }

    /// <summary>Registers a parameter with initial values under a path and returns it.</summary>
    internal Parameter At(string path, Tensor start)
    {
        var (parent, name) = Split(path);
        var parameter = new Parameter(start);
        parent.register_parameter(name, parameter);
        return parameter;
    }

    private (Module Parent, string Name) Split(string path)
    {
        var dot = path.LastIndexOf('.');
        if (dot < 0)
            return (this, path);
        if (!_levels.TryGetValue(path[..dot], out var parent))
            _levels[path[..dot]] = parent = At(path[..dot], new Level());
        return (parent, path[(dot + 1)..]);
    }

    private sealed class Level() : Module("Level");
}
