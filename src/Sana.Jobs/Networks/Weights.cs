using System.Text.Json;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Networks;

/// <summary>
/// Fills a checkpoint's folder from blobs. What was fetched is noted in the folder: a replica that restarts on the same disk loads at once, and a blob that was written again since, even
/// with the same length, is fetched again.
/// </summary>
internal static class Weights
{
    private const string Notes = "weights.fetched.json";

    public static async Task Fetch(IBlobs from, string folder, CancellationToken cancellationToken)
    {
        var notes = Path.Combine(folder, Notes);
        var fetched = await Read(notes, cancellationToken);
        await foreach (var blob in from.List("", cancellationToken))
        {
            var path = Path.Combine(folder, blob.Name.Replace('/', Path.DirectorySeparatorChar));
            if (new FileInfo(path) is { Exists: true } there && there.Length == blob.Length && fetched.GetValueOrDefault(blob.Name) == blob.Version)
                continue;
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await using (var source = await from.Open(blob.Name, cancellationToken) ?? throw new FileNotFoundException($"{from.Place} lost {blob.Name} while it was read."))
            await using (var target = File.Create(path + ".part"))
                await source.CopyToAsync(target, 1 << 20, cancellationToken);
            File.Move(path + ".part", path, overwrite: true);
            fetched[blob.Name] = blob.Version;
            await File.WriteAllBytesAsync(notes + ".part", JsonSerializer.SerializeToUtf8Bytes(fetched), cancellationToken);
            File.Move(notes + ".part", notes, overwrite: true);
        }
    }

    private static async Task<Dictionary<string, string>> Read(string notes, CancellationToken cancellationToken)
    {
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, string>>(await File.ReadAllBytesAsync(notes, cancellationToken)) ?? [];
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            // Nothing is known of the files that are there: they are fetched.
            return [];
        }
    }
}
