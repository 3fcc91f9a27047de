namespace Sana.Tests.Support;

/// <summary>A copy of a model that ships with the project, in which graphs can be built.</summary>
internal sealed class ShippedModel : IDisposable
{
    private readonly TempFolder _folder = new();

    public ShippedModel(string name)
    {
        var source = Folder(name);
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith(".onnx", StringComparison.Ordinal)))
        {
            var copy = _folder.File(System.IO.Path.GetRelativePath(source, file));
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    /// <summary>Where the model stands in the repository; nothing may be written there.</summary>
    public static string Folder(string name) => System.IO.Path.Combine(Repository.Root, "models", name);

    public string Path => _folder.Path;

    public void Dispose() => _folder.Dispose();
}
