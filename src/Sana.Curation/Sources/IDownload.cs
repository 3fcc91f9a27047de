namespace Sana.Curation.Sources;

/// <summary>The guarded road to a URL that a manifest names.</summary>
public interface IDownload
{
    /// <summary>Reads what stands at a URL; what goes wrong is a reason in the answer, never an exception.</summary>
    /// <param name="url">As the manifest gives it.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    Task<Downloaded> Get(string url, CancellationToken cancellationToken);
}

/// <summary>What a download came to: bytes, or a reason of <see cref="Reasons"/> with a sentence.</summary>
/// <param name="Bytes">The content; null when there is a reason.</param>
/// <param name="Reason">blocked_address, download_timeout, download_failed, not_found, too_many_bytes or opt_out.</param>
/// <param name="Message">For people; never what a name resolved to.</param>
public sealed record Downloaded(byte[]? Bytes, string? Reason = null, string? Message = null);
