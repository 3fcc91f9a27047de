using System.Text;
using System.Text.Json.Nodes;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Http;

/// <summary>
/// The content of a file that a batch wrote. It is stored with the place of each image where its link or its bytes belong, and they are put in when it is read: a link is good for an hour from then on,
/// and no image is stored twice.
/// </summary>
internal static class BatchOutput
{
    private const string Blobs = "/v1/blobs/";

    /// <summary>What is stored for an image.</summary>
    public static string Place(string blob) => Blobs + blob;

    /// <summary>Writes a stored file with links and images in their places, a line at a time.</summary>
    /// <param name="stored">The file.</param>
    /// <param name="target">Where to.</param>
    /// <param name="blobs">The images.</param>
    /// <param name="link">The link to a blob.</param>
    /// <param name="cancellationToken">Stops between two lines.</param>
    public static async Task Write(Stream stored, Stream target, IBlobs blobs, Func<string, string> link, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(stored, Encoding.UTF8);
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            var row = line.Contains($"\"{Blobs}", StringComparison.Ordinal) ? await Filled(JsonNode.Parse(line)!.AsObject(), blobs, link, cancellationToken) : line;
            await target.WriteAsync(Encoding.UTF8.GetBytes(row + "\n"), cancellationToken);
        }
    }

    private static async Task<string> Filled(JsonObject row, IBlobs blobs, Func<string, string> link, CancellationToken cancellationToken)
    {
        foreach (var image in row["response"]?["body"]?["data"]?.AsArray() ?? [])
        {
            if (image?["url"]?.GetValue<string>() is { } url)
                image["url"] = link(url[Blobs.Length..]);
            if (image?["b64_json"]?.GetValue<string>() is not { } place)
                continue;
            if (await blobs.Read(place[Blobs.Length..], cancellationToken) is { } bytes)
            {
                image["b64_json"] = Convert.ToBase64String(bytes);
                continue;
            }

            row["response"] = null;
            row["error"] = new JsonObject { ["code"] = "image_not_found", ["message"] = $"The image {place[Blobs.Length..]} is not there any more." };
            break;
        }

        return row.ToJsonString(ApiJson.Options);
    }
}
