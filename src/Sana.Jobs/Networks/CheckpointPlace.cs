using Sana.GraphBuilder;
using Sana.Storage.Hub;

namespace Sana.Jobs.Networks;

/// <summary>
/// A checkpoint as people name it: a folder of this machine, or <c>[hf:]owner/name[@revision]</c> of the Hugging Face Hub, which is found in the shared cache
/// or downloaded into it. Without <c>hf:</c> a folder that is there always wins, and a path whose first folder is there is a path that is mistyped.
/// </summary>
public static class CheckpointPlace
{
    /// <summary>Whether the text is no folder and has the form of a repository's id. Nothing is asked.</summary>
    public static bool IsRepository(string? text) => Repository(text) is not null;

    /// <summary>The full path of a folder; the id of a repository as it is.</summary>
    public static string FullName(string text) => IsRepository(text) ? text : Path.GetFullPath(text);

    /// <summary>Why the text is neither; null when it is one of them. Nothing is asked.</summary>
    /// <param name="text">As it was given.</param>
    /// <param name="kind">What such a folder is called, as in <c>checkpoint folder</c>.</param>
    /// <param name="holds">The file that such a folder holds.</param>
    public static string? Fault(string? text, string kind = "checkpoint folder", string holds = "model_index.json") => Directory.Exists(text) || IsRepository(text)
        ? null
        : $"There is no {kind} '{text}', and that is no repository of the Hugging Face Hub either; give the folder that holds {holds}, or {(HubId.TryParse(text, out _) ? $"{HubId.Prefix}{text} if it is one" : "owner/name[@revision]")}.";

    /// <summary>The folder; downloads what is missing of a repository.</summary>
    /// <param name="text">As it was given.</param>
    /// <param name="variant">Which weights, as in <c>fp16</c>. Null takes the plain set, or else the one that there is.</param>
    /// <param name="progress">Hears how far a download is. Null for nobody.</param>
    /// <param name="cancellationToken">Stops; the next call goes on.</param>
    /// <exception cref="CheckpointException">The repository is no checkpoint.</exception>
    /// <exception cref="SanaException">It is neither a folder nor a repository, or the repository cannot be had.</exception>
    public static async Task<string> Folder(string text, string? variant, IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(text);
        // What is there and no folder, or has another form, is told by whoever opens it.
        if (Repository(text) is not { } id)
            return text;
        return await HubRepository.Fetch(
            id, (names, isHere) => CheckpointFiles.Choose(id.ToString(), names, variant, isHere), HubSettings.FromEnvironment(), progress, cancellationToken);
    }

    /// <summary>The repository that a text names; null where it names a folder or nothing. Nothing is asked.</summary>
    internal static HubId? Repository(string? text) => HubId.TryParse(text, out var id)
        && (HubId.IsPrefixed(text) || (!Path.Exists(text) && !Directory.Exists(text!.Split('/')[0]))) ? id : null;
}
