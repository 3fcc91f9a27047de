using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Http;

/// <summary>From the result of a job to what OpenAI's clients read: whole, or an event for each image.</summary>
internal sealed class ImageAnswers(HttpRequest request, ApiParts parts, ImagesRequestReader asked, JobMessage message)
{
    /// <summary>The answer in one piece.</summary>
    public async Task<ImagesResponse> Whole(JobResult result, CancellationToken cancellationToken)
    {
        var (data, made) = (new List<ImageData>(), Made(result));
        foreach (var image in made)
        {
            data.Add(new ImageData(asked.AsLinks ? null : await Base64(image, cancellationToken), asked.AsLinks ? Link(image) : null, message.Input.Prompt!, image.Seed)
            {
                Flags = FlagsOf(image),
            });
        }

        return new ImagesResponse(result.CompletedAt.ToUnixTimeSeconds(), data, Usage(result, made), Parameters(made[0]))
        {
            Size = Size(made[0]),
            OutputFormat = message.Output.Format ?? "png",
        };
    }

    /// <summary>The events of a stream.</summary>
    public async IAsyncEnumerable<ImageEvent> OneByOne(JobResult result, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var made = Made(result);
        for (var i = 0; i < made.Length; i++)
        {
            var image = made[i];
            yield return new ImageEvent(
                "image_generation.completed", await Base64(image, cancellationToken), result.CompletedAt.ToUnixTimeSeconds(), Size(image), message.Output.Format ?? "png")
            {
                Index = i,
                Url = asked.AsLinks ? Link(image) : null,
                Seed = image.Seed,
                Flags = FlagsOf(image),
                Usage = Usage(result, [image]),
                Parameters = Parameters(image),
            };
        }
    }

    private static JobImage[] Made(JobResult result) => [.. result.Images.Where(image => image.Blob is not null)];

    private static string Size(JobImage image) => string.Create(CultureInfo.InvariantCulture, $"{image.Width}x{image.Height}");

    private static IReadOnlyList<string>? FlagsOf(JobImage image) => image.Flags is { Count: > 0 } flags ? flags : null;

    private static ImagesUsage Usage(JobResult result, JobImage[] images) => new(0, 0, 0, new ImagesInput(0, 0), images.Length, (result.Timings?.TotalMs ?? 0) / 1000.0);

    private async Task<string> Base64(JobImage image, CancellationToken cancellationToken) =>
        Convert.ToBase64String(await parts.Blobs.Read(image.Blob!, cancellationToken) ?? throw new ApiException(500, "failed", "An image is not there any more."));

    private string Link(JobImage image) => BlobsApi.Url(request, image.Blob!, parts.Links);

    private EffectiveParameters Parameters(JobImage first)
    {
        var input = message.Input;
        return new EffectiveParameters(
            parts.Model()?.ModelName, first.Width, first.Height, input.Steps, input.GuidanceScale, input.NegativePrompt, input.Seeds!, message.JobId, asked.Ignored);
    }
}
