namespace Sana.Tests.Support;

/// <summary>A copy of a model that ships with the project, in which graphs can be built.</summary>
internal sealed class ShippedModel : IDisposable
{
    private readonly TempFolder _folder = new();

    public ShippedModel(string name)
    {
        foreach (var file in Directory.EnumerateFiles(System.IO.Path.Combine(Repository.Root, "models", name)).Where(file => !file.EndsWith(".onnx", StringComparison.Ordinal)))
            File.Copy(file, _folder.File(System.IO.Path.GetFileName(file)));
    }

    public string Path => _folder.Path;

    public void Dispose() => _folder.Dispose();
}
