namespace Sana.Local.Engine;

/// <summary>What may name an instance.</summary>
internal static class InstanceName
{
    public const int MaxLength = 256;

    public static string Check(string id) =>
        id.Length is 0 or > MaxLength ? throw new ArgumentException($"An instance id has 1…{MaxLength} characters, not {id.Length}.", nameof(id))
        : id.Any(char.IsControl) ? throw new ArgumentException("An instance id must not contain control characters.", nameof(id))
        : id;
}
