namespace Sana.Curation.Captioning.Config;

/// <summary>
/// The captioners and the judges of a run, read from <c>captioners.json</c>: an object with the lists <c>captioners</c> and <c>judges</c>, of which one may be missing. Comments and trailing commas are
/// allowed.
/// </summary>
public sealed class CaptionerFile
{
    private const int MostBytes = 1_000_000;
    private const int MostCaptioners = 32;

    private const int MostJudges = 16;

    private CaptionerFile(IReadOnlyList<CaptionerConfig> captioners, IReadOnlyList<JudgeConfig> judges) => (Captioners, Judges) = (captioners, judges);

    /// <value>In the order of the file.</value>
    public IReadOnlyList<CaptionerConfig> Captioners { get; }

    /// <value>Who judges images, in the order of the file.</value>
    public IReadOnlyList<JudgeConfig> Judges { get; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="CurationException">It cannot be read, or something in it is out of range: the sentence names the place in the file, the value, the limit.</exception>
    public static CaptionerFile Load(string path) => Parse(Read(path));

    /// <summary>The text of a file that was found to be good.</summary>
    /// <exception cref="CurationException">As for <see cref="Load"/>.</exception>
    public static string Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            // Pipes and devices say 0 too, and reading one may never end; a link has a length of its own.
            var file = new FileInfo(path);
            var length = ((FileInfo?)file.ResolveLinkTarget(returnFinalTarget: true) ?? file).Length;
            if (length is 0 or > MostBytes)
                throw new CurationException(length == 0 ? "The file is empty or not a plain file." : $"The file has {length} bytes; a file of captioners has at most {MostBytes}.");
            var text = File.ReadAllText(path);
            Parse(text);
            return text;
        }
        catch (CurationException error)
        {
            throw new CurationException($"{path}: {error.Message}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CurationException($"{path} cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Reads the text of such a file.</summary>
    /// <exception cref="CurationException">As for <see cref="Load"/>.</exception>
    public static CaptionerFile Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        if (json.Length > MostBytes)
            throw new CurationException($"The file has {json.Length} characters; a file of captioners has at most {MostBytes}.");
        var file = ConfigPart.Root(json);
        var parts = file.Objects("captioners", MostCaptioners);
        var judges = file.Objects("judges", MostJudges).ConvertAll(JudgeConfig.Read);
        file.Close();
        if (parts.Count == 0 && judges.Count == 0)
            throw new CurationException("captioners is missing or empty; name at least one captioner, or one of judges.");
        if (judges.CountBy(one => one.Label, StringComparer.Ordinal).FirstOrDefault(label => label.Value > 1) is { Key: { } both })
            throw new CurationException($"judges has the label \"{both}\" twice; labels become names of columns, so give one of them another.");
        var captioners = parts.ConvertAll(CaptionerReader.Read);
        if (captioners.CountBy(one => one.Label, StringComparer.OrdinalIgnoreCase).FirstOrDefault(label => label.Value > 1) is { Key: { } twice })
            throw new CurationException($"captioners has the label \"{twice}\" twice; labels become names of files and differ by more than capitals.");
        var currencies = captioners.Select(one => one.Price.Currency).Distinct().ToArray();
        if (currencies.Length > 1)
            throw new CurationException($"captioners has prices in {string.Join(" and ", currencies)}; a run adds them up, so give all in one currency.");
        return new CaptionerFile(captioners, judges);
    }
}
