using System.Text.Json;
using System.Text.Unicode;

namespace Sana.Inference.Text;

/// <summary>Text files of a checkpoint folder, which may be cut, hostile or not there: read within bounds, with every fault turned into one sentence.</summary>
internal static class CheckpointFile
{
    /// <summary>The largest published tokenizer.json is 33 MB; four times that still loads within half a gigabyte.</summary>
    public const int MaxVocabularyBytes = 128 * 1024 * 1024;

    /// <summary>Settings are a few kilobytes, with every added token spelled out about a megabyte.</summary>
    public const int MaxSettingsBytes = 16 * 1024 * 1024;

    /// <summary>The file's bytes without a byte order mark, known to be UTF-8; null when there is no such file.</summary>
    public static ReadOnlyMemory<byte>? ReadIfPresent(string path, int maxBytes)
    {
        if (!File.Exists(path)) return null;

        try
        {
            // A pipe or a device says 0 and would hang or never end: looked at before it is opened, behind links too.
            var target = Real(path);
            var length = new FileInfo(target).Length;
            if (length == 0) throw new InferenceException($"{path} is empty; download the checkpoint again.");
            if (length > maxBytes) throw new InferenceException($"{path} has {length:N0} bytes, the limit is {maxBytes:N0}; download the checkpoint again.");

            ReadOnlyMemory<byte> bytes = File.ReadAllBytes(target);
            if (bytes.Span.StartsWith("\uFEFF"u8)) bytes = bytes[3..];
            if (!Utf8.IsValid(bytes.Span)) throw new InferenceException($"{path} is not UTF-8 text; download the checkpoint again.");
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InferenceException($"{path} cannot be read ({e.Message.TrimEnd('.')}); check the file and its permissions.", e);
        }
    }

    // Each link is resolved from the folder that it really lies in: a link to a snapshot of the Hugging Face cache holds links of its own.
    private static string Real(string path, int links = 40)
    {
        var full = Path.GetFullPath(path);
        if (Path.GetDirectoryName(full) is not { } folder) return full;
        if (links == 0) throw new IOException("its links go in circles");

        folder = Real(folder, links);
        var file = Path.Combine(folder, Path.GetFileName(full));
        return new FileInfo(file).LinkTarget is { } target ? Real(Path.Combine(folder, target), links - 1) : file;
    }

    public static ReadOnlyMemory<byte> Read(string path, int maxBytes) =>
        ReadIfPresent(path, maxBytes) ?? throw new InferenceException($"{path} is missing; download the checkpoint again with all its files.");

    /// <summary>A small file of settings as one JSON value; null when there is no such file.</summary>
    public static JsonPart? ReadSettings(string path) =>
        ReadIfPresent(path, MaxSettingsBytes) is { } bytes ? Parsing(path, () => JsonPart.Parse(bytes, path, "")) : null;

    /// <summary>Runs a reader of the file, whose low-level faults (broken JSON, lone surrogates in an escape) become the boundary's exception.</summary>
    public static T Parsing<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InferenceException($"{path} is not valid JSON ({e.Message.TrimEnd('.')}); download the checkpoint again.", e);
        }
    }
}
