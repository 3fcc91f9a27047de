using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Sana.Inference.Imaging;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Http;

/// <summary>From the result of a job to what OpenAI's clients read: whole, or an event for each image.</summary>
internal sealed class ImageAnswers(HttpRequest request, ApiParts parts, ImagesRequestReader asked, JobMessage message)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);

    /// <summary>The answer in one piece.</summary>
    public async Task<ImagesResponse> Whole(JobResult result, CancellationToken cancellationToken)
    {
        var data = new List<ImageData>();
        foreach (var image in Made(result))
            data.Add(Data(message, image, asked.AsLinks ? null : await Base64(image, cancellationToken), asked.AsLinks ? Link(image) : null));
        return Response(result, message, asked, parts.Model()?.ModelName, data);
    }

    /// <summary>The answer with <paramref name="place"/> of each image where its link or its bytes belong.</summary>
    public static ImagesResponse WithPlaces(JobResult result, JobMessage message, ImagesRequestReader asked, Func<JobImage, string> place) => Response(
        result, message, asked, message.Model?.Id, [.. Made(result).Select(image => Data(message, image, asked.AsLinks ? null : place(image), asked.AsLinks ? place(image) : null))]);

    /// <summary>The previews of a stream, as they come, until <paramref name="end"/>. Each image's are in order; one that comes after its image is left out.</summary>
    public async IAsyncEnumerable<ImageEvent> Partial(Task end, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var input = message.Input;
        var shown = new int[input.Seeds!.Count];
        var format = Enum.Parse<ImageFormat>(message.Output.Format ?? "png", ignoreCase: true);
        for (var isOver = input.Previews is not > 0; !isOver;)
        {
            await Task.WhenAny(end, Task.Delay(Look, parts.Clock, cancellationToken));
            if (cancellationToken.IsCancellationRequested)
                break;
            // Once more after the end: what was written with the image still comes before it.
            isOver = end.IsCompleted;
            for (var i = 0; i < shown.Length; i++)
            {
                while (shown[i] < input.Previews && await parts.Blobs.Read(Previews.Name(message.JobId, i, shown[i], format), cancellationToken) is { } bytes)
                {
                    yield return new ImageEvent(
                        $"{asked.EventName}.partial_image", Convert.ToBase64String(bytes), parts.Clock.GetUtcNow().ToUnixTimeSeconds(), input.Width is null ? "auto" : $"{input.Width}x{input.Height}", message.Output.Format ?? "png")
                    {
                        Index = i,
                        PartialImageIndex = shown[i]++,
                        Seed = input.Seeds[i],
                    };
                }
            }
        }
    }

    /// <summary>The images of a stream.</summary>
    public async IAsyncEnumerable<ImageEvent> OneByOne(JobResult result, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var made = Made(result);
        for (var i = 0; i < made.Length; i++)
        {
            var image = made[i];
            yield return new ImageEvent(
                $"{asked.EventName}.completed", await Base64(image, cancellationToken), result.CompletedAt.ToUnixTimeSeconds(), Size(image), message.Output.Format ?? "png")
            {
                Index = i,
                Url = asked.AsLinks ? Link(image) : null,
                Seed = image.Seed,
                Flags = FlagsOf(image),
                Usage = Usage(result, [image]),
                Parameters = Parameters(result, image, message, asked, parts.Model()?.ModelName),
            };
        }
    }

    private static JobImage[] Made(JobResult result) => [.. result.Images.Where(image => image.Blob is not null)];

    // Candidates for which others were chosen were not asked for.
    private static List<MissingImage> Lost(JobResult result) =>
        [.. result.Images.Where(image => image.Blob is null && image.Reason != OutcomeStatus.NotKept).Select(image => new MissingImage(image.Seed, image.Reason))];

    private static string Size(JobImage image) => string.Create(CultureInfo.InvariantCulture, $"{image.Width}x{image.Height}");

    private static IReadOnlyList<string>? FlagsOf(JobImage image) => image.Flags is { Count: > 0 } flags ? flags : null;

    private static ImagesUsage Usage(JobResult result, JobImage[] images) => new(0, 0, 0, new ImagesInput(0, 0), images.Length, (result.Timings?.TotalMs ?? 0) / 1000.0);

    private async Task<string> Base64(JobImage image, CancellationToken cancellationToken) =>
        Convert.ToBase64String(await parts.Blobs.Read(image.Blob!, cancellationToken) ?? throw new ApiException(500, "failed", "An image is not there any more."));

    private string Link(JobImage image) => BlobsApi.Url(request, image.Blob!, parts.Links);

    private static ImageData Data(JobMessage message, JobImage image, string? base64, string? link) => new(base64, link, image.RevisedPrompt ?? message.Input.Prompt!, image.Seed) { Flags = FlagsOf(image) };

    private static ImagesResponse Response(JobResult result, JobMessage message, ImagesRequestReader asked, string? model, IReadOnlyList<ImageData> data)
    {
        var made = Made(result);
        return new ImagesResponse(result.CompletedAt.ToUnixTimeSeconds(), data, Usage(result, made), Parameters(result, made[0], message, asked, model))
        {
            Size = Size(made[0]),
            OutputFormat = message.Output.Format ?? "png",
        };
    }

    private static EffectiveParameters Parameters(JobResult result, JobImage first, JobMessage message, ImagesRequestReader asked, string? model)
    {
        var input = message.Input;
        return new EffectiveParameters(model, first.Width, first.Height, input.Steps, input.GuidanceScale, input.NegativePrompt, input.Seeds!, message.JobId, asked.Ignored)
        {
            Strength = input.StartImage?.Strength,
            Missing = Lost(result) is { Count: > 0 } lost ? lost : null,
        };
    }
}
