namespace Sana.Curation.Shards;

/// <summary>Where the files of shards go: a folder or a container.</summary>
public interface IShardOutput
{
    /// <summary>Writes a file, over one of that name. It is there whole or not at all, also when the writer is killed.</summary>
    /// <param name="name">Such as <c>00000.tar</c>.</param>
    /// <param name="write">Writes the content; the stream takes bytes in order and cannot seek.</param>
    /// <param name="cancellationToken">Stops before the file appears.</param>
    Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken);
}
