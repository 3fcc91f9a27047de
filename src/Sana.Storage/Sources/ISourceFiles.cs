namespace Sana.Storage.Sources;

/// <summary>
/// Where a source's files lie: a folder or a container. Names are what their owners gave them: they go into records, never into names of ours.
/// </summary>
public interface ISourceFiles
{
    /// <value>The absolute path of the folder; null for a place that is no folder of this machine.</value>
    string? Folder => null;

    /// <summary>
    /// Every file with its size in bytes, in ordinal order of the names. What is not read (hidden files, links that may not be followed, pipes, folders
    /// without rights) is listed with
    /// <see cref="SourceFile.LeftOut"/>.
    /// </summary>
    /// <exception cref="SanaException">The place cannot be listed.</exception>
    IAsyncEnumerable<SourceFile> List(CancellationToken cancellationToken);

    /// <summary>The file as a seekable stream; null when it is gone.</summary>
    /// <exception cref="SanaException">The place cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">This one file may not be read.</exception>
    /// <exception cref="IOException">This one file cannot be read; reading the stream may throw it too.</exception>
    Task<Stream?> Open(string name, CancellationToken cancellationToken);
}

/// <summary>One file of a listing.</summary>
/// <param name="Name">Path with slashes, relative to the source.</param>
/// <param name="Length">Bytes.</param>
/// <param name="LeftOut">What it is when it is not read, in a word or two for people: <c>hidden</c>, <c>link</c>, <c>unreadable folder</c>; null for a file
/// to read.</param>
/// <param name="Changed">When its content was last changed; null when the place does not say.</param>
public readonly record struct SourceFile(string Name, long Length, string? LeftOut = null, DateTimeOffset? Changed = null)
{
    /// <summary>A name that cannot be opened since it is not UTF-8.</summary>
    public const string NotUtf8 = "name that is not UTF-8";

    /// <summary>A folder that may not be listed.</summary>
    public const string UnreadableFolder = "unreadable folder";

    /// <summary>A hidden file or folder.</summary>
    public const string Hidden = "hidden";

    /// <summary>A link that is not followed.</summary>
    public const string Link = "link";

    /// <summary>A link in a zip.</summary>
    public const string UnsafeLink = "link in a zip";

    /// <summary>A member of a zip whose name leads out of it.</summary>
    public const string UnsafeName = "unsafe name";

    /// <summary>A member of a zip that stands in it a second time.</summary>
    public const string Twice = "second member of a name";
}

/// <summary>Which links of a source's folder are followed to plain files and folders. Those of tars and zips never are.</summary>
public enum LinkRule
{
    /// <summary>Those that stay inside the folder, and those of the Hub's cache from a snapshot into its <c>blobs</c>.</summary>
    Inside,

    /// <summary>All, as far as whoever runs the program may read: for the command line.</summary>
    All,
}
