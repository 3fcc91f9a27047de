using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Sana.Jobs.Generation;

/// <summary>
/// The prompts of a job: a <c>.txt</c> file with one a line, a <c>.jsonl</c> file with one object a line, or any list that <see cref="PromptLists"/> makes such lines of. Read as a stream, as often as needed;
/// a bad row is a row with a reason and never an exception. Blank lines are not rows. Memory grows only with the ids of a file, by some 30 bytes each.
/// </summary>
public sealed class PromptFile
{
    private const int BufferBytes = 1024 * 1024;
    private const string StrictEnding = ".strict";
    private static readonly TimeSpan PipeWait = TimeSpan.FromSeconds(10);
    private const long MostPiped = 4L * 1024 * 1024 * 1024;

    private readonly Func<Stream> _open;
    private readonly Func<long, ReadOnlyMemory<byte>, PromptRow> _parse;

    /// <param name="open">Opens the bytes at their begin, as often as asked.</param>
    /// <param name="ending">.txt, .jsonl or .ndjson; with <c>.strict</c> before it, a row with an unknown field is left out.</param>
    internal PromptFile(Func<Stream> open, string ending)
    {
        _open = open;
        Ending = ending;
        var isStrict = ending.StartsWith(StrictEnding, StringComparison.Ordinal);
        _parse = ending.EndsWith(".txt", StringComparison.Ordinal) ? (number, line) => ReadText(number, line, isStrict) : (number, line) => PromptJson.Read(number, line, isStrict);
    }

    /// <summary>What of the list was not used and has no row to say so, as sentences.</summary>
    public IReadOnlyList<string> Notes { get; private init; } = [];

    /// <summary>How it is read: the ending of its name, in lower case.</summary>
    internal string Ending { get; }

    /// <summary>Opens a list of prompts: a file, a folder, a pipe, or <c>-</c> for the standard input.</summary>
    /// <exception cref="SanaException">It is not there, empty, neither a plain file nor a pipe, or of no form that is read.</exception>
    public static PromptFile Open(string path, PromptListOptions? options = null)
    {
        options ??= new PromptListOptions();
        var lists = new PromptLists(options);
        try
        {
            if (path == "-")
                return Piped(Console.OpenStandardInput(), "the standard input", lists, options);
            if (Directory.Exists(path))
                return Of(lists.Folder(path), ".jsonl", lists, options);
            var ending = Path.GetExtension(path).ToLowerInvariant();
            var file = new FileInfo(path);
            if (IsPipe(file))
                return Piped(OpenPipe(path), path, lists, options);
            // Devices say 0 too, and reading one may never end; a link has a length of its own.
            if (((FileInfo?)file.ResolveLinkTarget(returnFinalTarget: true) ?? file).Length == 0)
                throw new SanaException($"The prompts file '{path}' is empty or not a plain file.");
            using (var bytes = OpenRead(path))
            {
                if (!IsPlain(bytes, ending) || (options.Field is not null && ending != ".txt"))
                {
                    var (lines, form) = lists.Read(bytes, path, ending);
                    return Of(lines, form, lists, options);
                }
            }

            return new PromptFile(() => OpenRead(path), options.IsStrict ? StrictEnding + ending : ending);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SanaException($"There is no prompts file '{path}'; check the path.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or AggregateException)
        {
            throw new SanaException($"Cannot read the prompts file '{path}': {error.Message.TrimEnd('.')}; check the path and its rights.", error);
        }
    }

    private static PromptFile Of(Spool lines, string ending, PromptLists lists, PromptListOptions options) =>
        new(lines.Open, options.IsStrict ? StrictEnding + ending : ending) { Notes = lists.Notes };

    // A pipe can be read once, and prompts are read several times.
    private static PromptFile Piped(Stream pipe, string name, PromptLists lists, PromptListOptions options)
    {
        using var all = new Spool();
        using (pipe)
            all.Fill(pipe, MostPiped, name);
        if (all.Length == 0)
            throw new SanaException(name.StartsWith("the ", StringComparison.Ordinal) ? $"There are no prompts: {name} is empty." : $"The prompts file '{name}' is empty or not a plain file.");
        using var bytes = all.Open();
        var (lines, ending) = lists.Read(bytes, name, "");
        return Of(lines, ending, lists, options);
    }

    // <(…), /dev/stdin, and pipes with a name: all that has no length and is no device.
    private static bool IsPipe(FileInfo file)
    {
        var target = file.FullName;
        for (var links = 0; links < 8 && new FileInfo(target).LinkTarget is { } next; links++)
        {
            if (next.StartsWith("pipe:", StringComparison.Ordinal) || next.StartsWith("socket:", StringComparison.Ordinal))
                return true;
            target = Path.GetFullPath(next, Path.GetDirectoryName(target)!);
        }

        return new FileInfo(target) is { Exists: true, Length: 0 } && !target.StartsWith("/dev/", StringComparison.Ordinal) && !target.StartsWith("/proc/", StringComparison.Ordinal);
    }

    // Opening a pipe waits for whoever writes to it.
    private static FileStream OpenPipe(string path)
    {
        var opening = Task.Run(() => File.OpenRead(path));
        return opening.Wait(PipeWait) ? opening.Result : throw new SanaException($"Nobody wrote to the pipe '{path}' for {PipeWait.TotalSeconds:0} seconds.");
    }

    // Lines of text or JSON in UTF-8 are read where they lie; all else is rewritten first.
    private static bool IsPlain(Stream bytes, string ending)
    {
        Span<byte> mark = stackalloc byte[4096];
        var length = bytes.ReadAtLeast(mark, mark.Length, throwOnEndOfStream: false);
        bytes.Position = 0;
        var head = mark[..length];
        return ending is ".txt" or ".jsonl" or ".ndjson" && head is not ([0xFF, 0xFE, ..] or [0xFE, 0xFF, ..] or [0x1F, 0x8B, ..]) && !(ending != ".txt" && head.IndexOf("\"source_uri\""u8) >= 0);
    }

    /// <summary>Prompts that are not in a file; they follow the same rules.</summary>
    public static PromptFile Of(IReadOnlyList<string> prompts)
    {
        var lines = new MemoryStream();
        foreach (var prompt in prompts)
        {
            using (var line = new Utf8JsonWriter(lines))
            {
                line.WriteStartObject();
                line.WriteString("prompt", prompt);
                line.WriteEndObject();
            }

            lines.WriteByte((byte)'\n');
        }

        return new PromptFile(() => new MemoryStream(lines.ToArray(), writable: false), ".jsonl");
    }

    /// <summary>SHA-256 of the file's bytes, in hex; of another value where a strict reading gives other rows.</summary>
    public string Sha256()
    {
        using var stream = _open();
        var hash = SHA256.HashData(stream);
        return Convert.ToHexStringLower(Ending.StartsWith(StrictEnding, StringComparison.Ordinal) ? SHA256.HashData([.. hash, .. "strict"u8]) : hash);
    }

    /// <summary>Whether its lines are texts and not JSON.</summary>
    internal bool IsText => Ending.EndsWith(".txt", StringComparison.Ordinal);

    /// <summary>The same list with other lines.</summary>
    internal PromptFile Rewritten(Spool lines) => new(lines.Open, Ending) { Notes = Notes };

    /// <summary>The bytes, from their begin.</summary>
    internal Stream OpenBytes() => _open();

    /// <summary>The rows in the file's order.</summary>
    public IEnumerable<PromptRow> Rows()
    {
        var ids = new HashSet<UInt128>();
        using var stream = _open();
        foreach (var (number, line, tooLong) in PromptLines.Read(stream))
        {
            if (tooLong)
            {
                yield return new PromptRow(number, null, new Rejection(RejectReason.BadRow, $"The line has more than {PromptLines.MaxBytes} bytes."));
            }
            else if (line.Span.ContainsAnyExcept(" \t"u8))
            {
                yield return Distinct(Parse(number, line), ids);
            }
        }
    }

    private PromptRow Parse(long number, ReadOnlyMemory<byte> line) => Utf8.IsValid(line.Span)
        ? _parse(number, line)
        : new PromptRow(number, null, new Rejection(RejectReason.BadEncoding, "The line is not UTF-8; save the file as UTF-8."));

    private static PromptRow ReadText(long number, ReadOnlyMemory<byte> line, bool isStrict)
    {
        var text = Encoding.UTF8.GetString(line.Span);
        if (PromptFields.OptionLine(text) is { } options)
            return PromptJson.Read(number, options, isStrict);
        if (PromptFields.ForeignEnding(text) is { } ending)
        {
            return isStrict
                ? new PromptRow(number, null, new Rejection(RejectReason.BadRow, $"The line has {ending}, which means nothing here; take it out, or write --prompt before the text."))
                : PromptText.Check(text) is { } fault ? new PromptRow(number, null, fault) : new PromptRow(number, new PromptSpec(text), null) { Unknown = [ending] };
        }

        return PromptText.Check(text) is { } rejection ? new PromptRow(number, null, rejection) : new PromptRow(number, new PromptSpec(text), null);
    }

    // Half of a SHA-256 stands for the id, so a file of millions fits.
    private static PromptRow Distinct(PromptRow row, HashSet<UInt128> ids)
    {
        if (row.Prompt?.Id is not { } id || ids.Add(BitConverter.ToUInt128(SHA256.HashData(Encoding.UTF8.GetBytes(id)))))
        {
            return row;
        }

        return new PromptRow(row.Row, null, new Rejection(RejectReason.DuplicateId, "An earlier line has the same id."));
    }

    private static FileStream OpenRead(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, FileOptions.SequentialScan);
}

/// <summary>How lists of prompts are read.</summary>
/// <param name="Field">The field or column of prompts. Default: prompt, caption, text … whichever is there.</param>
/// <param name="IsStrict">Whether a row with a field that is not known is left out. Default false: it is counted.</param>
public sealed record PromptListOptions(string? Field = null, bool IsStrict = false);

/// <summary>One line of a prompt file: what to draw, or why it cannot be used.</summary>
/// <param name="Row">The line's number in the file, from 1.</param>
/// <param name="Prompt">What to draw; null when <paramref name="Rejection"/> says why not.</param>
/// <param name="Rejection">Why the line is left out.</param>
public sealed record PromptRow(long Row, PromptSpec? Prompt, Rejection? Rejection)
{
    /// <value>Fields of the line that are not known, and endings that look like options of other programs: they had no effect.</value>
    public IReadOnlyList<string> Unknown { get; init; } = [];

    /// <summary>The flag of what a row says and nobody reads.</summary>
    public const string UnknownField = "unknown_field";
}

/// <summary>A prompt and what its line overrides; what is null comes from the command.</summary>
public sealed record PromptSpec(string Text)
{
    /// <value>The user's own name of the row, unique in the file; null for none. It goes into records, never into blob names.</value>
    public string? Id { get; init; }

    /// <value>What the image should not show.</value>
    public string? NegativePrompt { get; init; }

    /// <value>Distinct seeds; each gets <see cref="Images"/> images.</value>
    public IReadOnlyList<ulong>? Seeds { get; init; }

    /// <value>Images per seed, 1…10,000.</value>
    public int? Images { get; init; }

    /// <value>Pixels.</value>
    public int? Width { get; init; }

    /// <value>Pixels.</value>
    public int? Height { get; init; }

    /// <value>Model evaluations per image.</value>
    public int? Steps { get; init; }

    /// <value>Guidance scale.</value>
    public float? GuidanceScale { get; init; }

    /// <value>The picture that its images begin from, instead of the job's.</value>
    public Inference.Diffusion.StartImage? StartImage { get; init; }

    /// <value>The files of that picture, before <see cref="RowPictures.Take"/> has read them.</value>
    public RowPicture? Picture { get; init; }

    /// <value>How much of the picture is made anew, above 0…1.</value>
    public double? Strength { get; init; }

    /// <value>Adapters, instead of those of the job; an empty list for none.</value>
    public IReadOnlyList<Inference.Diffusion.AdapterUse>? Lora { get; init; }
}

/// <summary>Why a row is left out.</summary>
/// <param name="Reason">One of <see cref="RejectReason"/>.</param>
/// <param name="Message">One sentence for people.</param>
public sealed record Rejection(string Reason, string Message);

/// <summary>The reason codes of rejected rows.</summary>
public static class RejectReason
{
    /// <summary>Not a JSON object with a prompt, or longer than a line may be.</summary>
    public const string BadRow = "bad_row";

    /// <summary>Not UTF-8.</summary>
    public const string BadEncoding = "bad_encoding";

    /// <summary>A field has another JSON type than it should.</summary>
    public const string WrongType = "wrong_type";

    /// <summary>The prompt or negative prompt is empty, too long, or has control characters or half a surrogate pair.</summary>
    public const string BadPrompt = "bad_prompt";

    /// <summary>An earlier row has the same id.</summary>
    public const string DuplicateId = "duplicate_id";

    /// <summary>A size, count, seed or scale is out of range.</summary>
    public const string BadRequest = "bad_request";
}
