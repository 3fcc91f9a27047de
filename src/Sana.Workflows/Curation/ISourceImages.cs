namespace Sana.Workflows.Curation;

/// <summary>Where the images of a dataset come from. Names are what their owners gave them: they go into records, never into names of ours.</summary>
internal interface ISourceImages
{
    /// <summary>Every file with its size in bytes, in ordinal order of the names.</summary>
    /// <exception cref="WorkflowException">The source cannot be listed.</exception>
    IAsyncEnumerable<(string Name, long Bytes)> List(CancellationToken cancellationToken);

    /// <summary>The file's bytes; null when it is gone.</summary>
    /// <exception cref="WorkflowException">The source cannot be read.</exception>
    Task<byte[]?> Read(string name, CancellationToken cancellationToken);
}
