namespace Sana.Storage.Sources;

/// <summary>
/// Where a source's files lie: a folder or a container. Names are what their owners gave them: they go into records, never into names of ours.
/// </summary>
public interface ISourceFiles
{
    /// <summary>Every file with its size in bytes, in ordinal order of the names. What is no regular file (links, pipes, devices) is left out.</summary>
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
public readonly record struct SourceFile(string Name, long Length);
