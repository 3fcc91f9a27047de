using Sana.Workflows.Blobs;

namespace Sana.Functions.Rendering;

/// <summary>Fills a checkpoint's folder from blobs. Files that are there with their length are left alone, so a replica that restarts on the same disk loads at once.</summary>
internal static class Weights
{
    public static async Task Fetch(IBlobs from, string folder, CancellationToken cancellationToken)
    {
        await foreach (var blob in from.List("", cancellationToken))
        {
            var path = Path.Combine(folder, blob.Name.Replace('/', Path.DirectorySeparatorChar));
            if (new FileInfo(path) is { Exists: true } there && there.Length == blob.Length)
                continue;
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await using (var source = await from.Open(blob.Name, cancellationToken) ?? throw new FileNotFoundException($"{from.Place} lost {blob.Name} while it was read."))
            await using (var target = File.Create(path + ".part"))
                await source.CopyToAsync(target, 1 << 20, cancellationToken);
            File.Move(path + ".part", path, overwrite: true);
        }
    }
}
