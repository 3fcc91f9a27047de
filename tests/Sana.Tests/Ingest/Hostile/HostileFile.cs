namespace Sana.Tests.Ingest.Hostile;

/// <summary>A file that strangers send, and what must become of it.</summary>
/// <param name="Name">Possible as a file's name on any file system.</param>
/// <param name="Bytes">Its content.</param>
/// <param name="Reason">Expected reason code; null when the image is kept.</param>
/// <param name="Notes">Expected notes, in any order.</param>
internal sealed record HostileFile(string Name, byte[] Bytes, string? Reason, params string[] Notes)
{
    public override string ToString() => Name;
}
