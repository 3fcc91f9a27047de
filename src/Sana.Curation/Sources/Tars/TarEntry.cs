namespace Sana.Curation.Sources.Tars;

/// <summary>A member of a tar, or a fault where one should be.</summary>
/// <param name="Name">Its path, <c>./</c> taken off; for a fault between members <c>@offset</c>.</param>
/// <param name="Header">Where its header begins.</param>
/// <param name="Offset">Where its bytes begin.</param>
/// <param name="Length">How many there are.</param>
/// <param name="Reason">Why it cannot be used; null when it can.</param>
/// <param name="Message">One sentence to that.</param>
internal readonly record struct TarEntry(string Name, long Header, long Offset, long Length, string? Reason = null, string? Message = null);
