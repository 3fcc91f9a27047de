namespace Sana.Curation.Ingest;

/// <summary>Pointers that Git LFS leaves in the place of a file whose content was not fetched.</summary>
internal static class GitLfs
{
    public const string Message = "The file is a pointer of Git LFS and not the content; run git lfs pull in its repository.";

    private const int Most = 1024;

    /// <summary>Whether bytes are a pointer.</summary>
    public static bool IsPointer(ReadOnlySpan<byte> bytes) => bytes.Length < Most && bytes.StartsWith("version https://git-lfs.github.com/spec/v1"u8);
}
