using Sana.GraphBuilder;
using Sana.Inference.Diffusion;
using Sana.Storage.Hub;

namespace Sana.Jobs.Networks;

/// <summary>Where control networks are: a folder of this machine, or <c>owner/name[@revision]</c> of the Hugging Face Hub. Requests name them as they name adapters (<see cref="LoraPlace"/>).</summary>
public static class ControlPlace
{
    /// <summary>Why the text is no place; null when it is one. Nothing is asked.</summary>
    public static string? Fault(string place) => Path.Exists(place) || CheckpointPlace.IsRepository(place)
        ? null
        : $"There is no control network '{place}', and that is no repository of the Hugging Face Hub either; give the folder that holds its config.json, or owner/name[@revision].";

    /// <summary>The folder of a place; downloads what is missing of a repository.</summary>
    /// <exception cref="CheckpointException">The repository holds no control network.</exception>
    /// <exception cref="SanaException">The repository cannot be had.</exception>
    public static async Task<string> Folder(string place, IProgress<HubProgress>? progress, CancellationToken cancellationToken) => CheckpointPlace.Repository(place) is { } id
        ? await HubRepository.Fetch(id, (names, _) => ControlCheckpoint.Choose(id.ToString(), names), HubSettings.FromEnvironment(), progress, cancellationToken)
        : place;

    /// <summary>The network of a place with its graphs, which are built when they are missing.</summary>
    /// <exception cref="CheckpointException">It is damaged, none, or for another checkpoint.</exception>
    internal static async Task<ControlNetwork> Build(string name, string place, string checkpoint, BuildOptions options, IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        var folder = await Folder(place, progress, cancellationToken);
        var built = await Task.Run(() => ControlCheckpoint.Build(folder, checkpoint, options), cancellationToken);
        return new ControlNetwork(name, built.Metadata["fingerprint"], built.Folder);
    }

    /// <summary>The places of control networks by name: those that are named, and those in a place of blobs, each folder of it.</summary>
    /// <exception cref="SanaException">The blobs cannot be read, or hold a name that cannot be asked for.</exception>
    internal static async Task<IReadOnlyDictionary<string, string>> All(IReadOnlyDictionary<string, string> named, string? blobs, CancellationToken cancellationToken)
    {
        if (blobs is null)
            return named;
        var folders = Directory.EnumerateDirectories(await LoraPlace.Fetched("sana-controls", blobs, cancellationToken)).ToDictionary(path => Path.GetFileName(path), StringComparer.Ordinal);
        LoraPlace.CheckNames(folders.Keys, "a control network");
        return LoraPlace.Both(named, folders);
    }
}
