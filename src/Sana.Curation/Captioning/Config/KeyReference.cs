namespace Sana.Curation.Captioning.Config;

/// <summary>Where a key is found, so that the key itself stands in no configuration.</summary>
/// <param name="Variable">An environment variable; null when a file has it.</param>
/// <param name="File">A file whose first line is the key; null when a variable has it.</param>
public sealed record KeyReference(string? Variable, string? File)
{
    private const int Longest = 4096;

    /// <summary>Fetches the key.</summary>
    /// <param name="label">Of the captioner, for the message.</param>
    /// <param name="environment">Reads a variable.</param>
    /// <exception cref="CurationException">There is no such variable or file, or what it holds is no key. The message never has it.</exception>
    internal string Read(string label, Func<string, string?> environment)
    {
        var (key, place) = Variable is not null
            ? (environment(Variable), $"The environment variable {Variable}")
            : (FirstLine(), $"The file {File}");
        key = key?.Trim();
        if (string.IsNullOrEmpty(key))
            throw new CurationException($"{place}, which should hold the key of captioner {label}, is missing or empty; set it, or name none.");
        if (key.Length > Longest || key.Any(letter => letter is < '!' or > '~'))
            throw new CurationException($"{place} holds no key for captioner {label}: a key has 1 to {Longest} visible ASCII characters.");
        return key;
    }

    private string? FirstLine()
    {
        try
        {
            using var reader = new StreamReader(File!);
            var line = new char[Longest + 2];
            var read = reader.ReadBlock(line);
            return new string(line, 0, read).Split('\n')[0];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return null;
        }
    }
}
