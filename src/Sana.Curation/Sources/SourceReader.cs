using Sana.Curation.Sources.Manifests;
using Sana.Curation.Sources.Tars;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>Opens a source of any kind: a folder or prefix of images, WebDataset tars, or a manifest.</summary>
public static class SourceReader
{
    /// <summary>
    /// The items of a place. Without a path everything that lies there is listed: images with their sidecars, and the members of every <c>.tar</c>.
    /// A path names one file: a <c>.tar</c>, a manifest (<c>.jsonl</c>, <c>.ndjson</c>, <c>.csv</c>, <c>.tsv</c>, <c>.parquet</c>) whose file names are relative to its own folder, or one image.
    /// </summary>
    /// <param name="files">The place.</param>
    /// <param name="path">One file of it; null for all.</param>
    /// <param name="options">Limits.</param>
    /// <param name="download">The road to URLs of a manifest; null when none may be read, and then such items are <c>download_failed</c>.</param>
    /// <exception cref="CurationException">An option is outside its range.</exception>
    public static ISource Open(ISourceFiles files, string? path, SourceOptions options, IDownload? download)
    {
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        var tars = new TarItems(files);
        return new Source(List, new ItemReader(files, download, options));

        IAsyncEnumerable<SourceItem> List(CancellationToken cancellationToken) => path switch
        {
            null => new FolderItems(files, tars).List(cancellationToken),
            _ when ManifestItems.Reads(path) => new ManifestItems(files, options).List(path, cancellationToken),
            _ when FileNames.Kind(path) == FileKind.Tar => tars.List(path, cancellationToken),
            _ when FileNames.Kind(path) == FileKind.PackedTar => Only(TarItems.Packed(path)),
            _ => Only(new SourceItem { Name = path, File = path }),
        };
    }

    private static async IAsyncEnumerable<SourceItem> Only(SourceItem item)
    {
        await Task.CompletedTask;
        yield return item;
    }

    private sealed class Source(Func<CancellationToken, IAsyncEnumerable<SourceItem>> list, ItemReader reader) : ISource
    {
        public IAsyncEnumerable<SourceItem> List(CancellationToken cancellationToken) => list(cancellationToken);

        public Task<FetchedItem> Fetch(SourceItem item, CancellationToken cancellationToken) => reader.Read(item, cancellationToken);
    }
}
