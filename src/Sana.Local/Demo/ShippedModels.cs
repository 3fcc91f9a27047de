
namespace Sana.Local.Demo;

/// <summary>The small models that ship with the program, in its folder <c>models</c>.</summary>
/// <param name="Folder">Where they are.</param>
internal sealed record ShippedModels(string Folder)
{
    public string Sana => Path.Combine(Folder, "tiny-sana");

    public string Clip => Path.Combine(Folder, "tiny-clip");

    /// <summary>The captioners by the label that their captions get.</summary>
    public IReadOnlyList<(string Label, string Checkpoint)> Captioners =>
    [
        ("rich", Path.Combine(Folder, "tiny-captioner-rich")),
        ("terse", Path.Combine(Folder, "tiny-captioner-terse")),
    ];

    /// <param name="folder">Null for the folder beside the program.</param>
    /// <exception cref="SanaException">One of them is missing.</exception>
    public static ShippedModels Find(string? folder)
    {
        var models = new ShippedModels(Path.GetFullPath(folder ?? Path.Combine(AppContext.BaseDirectory, "models")));
        string[] all = [models.Sana, models.Clip, .. models.Captioners.Select(one => one.Checkpoint)];
        return all.FirstOrDefault(one => !Directory.Exists(one)) is { } missing
            ? throw new SanaException($"There is no folder '{missing}'; give --models the folder that holds tiny-sana, tiny-clip and the two captioners.")
            : models;
    }
}
