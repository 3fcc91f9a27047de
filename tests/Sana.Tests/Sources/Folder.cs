using System.Text;
using Sana.Curation.Sources;
using Sana.Tests.Support;
using FolderSource = Sana.Storage.Sources.FolderSource;

namespace Sana.Tests.Sources;

/// <summary>A source's folder on disk, read as the program reads it.</summary>
internal sealed class Folder : IDisposable
{
    private readonly TempFolder _folder = new();

    public string Path => _folder.Path;

    public string File(string name) => _folder.File(name);

    public Folder Put(string name, byte[] bytes)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(File(name))!);
        System.IO.File.WriteAllBytes(File(name), bytes);
        return this;
    }

    public Folder Put(string name, string text) => Put(name, Encoding.UTF8.GetBytes(text));

    public SourceReader Source(string? path = null, SourceOptions? options = null, GuardedDownload? download = null) =>
        SourceReader.Open(FolderSource.Open(Path), path, options ?? new SourceOptions(), download);

    public async Task<IReadOnlyList<SourceItem>> Items(string? path = null, SourceOptions? options = null) =>
        await Source(path, options).List(default).ToListAsync();

    /// <summary>Items as lines: name, and the reason where there is one.</summary>
    public async Task<string[]> Lines(string? path = null, SourceOptions? options = null) =>
        [.. (await Items(path, options)).Select(item => item.Reason is null ? item.Name : $"{item.Name} {item.Reason}")];

    public async Task<FetchedItem> Fetch(string item, string? path = null, SourceOptions? options = null, GuardedDownload? download = null)
    {
        var source = Source(path, options, download);
        return await source.Fetch(await source.List(default).SingleAsync(each => each.Name == item), default);
    }

    public void Dispose() => _folder.Dispose();
}
