using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Http;

/// <summary>The endpoint that OpenAI's clients call. It starts a job like any other and waits for it.</summary>
public sealed class ImagesApi(ApiParts parts, JobsApi jobs)
{
    private const int BodyLimit = 1 << 20;
    private const int MaxImages = 10;

    /// <summary><c>POST /v1/images/generations</c>.</summary>
    public Task<IResult> Generate(HttpRequest request) => ApiResponse.Handle(request, async () =>
    {
        var key = RequestHeaders.IdempotencyKey(request.Headers["Idempotency-Key"]);
        var asked = await ApiJson.Read<ImagesRequest>(request, BodyLimit);
        var id = key is null ? JobRequestValidator.NewId() : JobRequestValidator.IdOf(key);
        var job = Job(asked, id);
        var (instance, message) = await jobs.Start(id, job, needsWorker: true, request.HttpContext.RequestAborted);
        try
        {
            instance = await jobs.WaitFor(instance, parts.ImagesTimeout, request.HttpContext.RequestAborted);
        }
        catch (OperationCanceledException) when (key is null && parts.CancelsWhenAborted)
        {
            // Whoever hung up cannot ask again for a job without a key: nobody would ever see these images.
            await parts.Workflows.Cancel(instance.Id, "the client hung up");
            throw;
        }

        if (!instance.IsFinished)
            throw new ApiException(503, "timeout", $"The images were not made within {parts.ImagesTimeout.TotalSeconds:0} s. The job goes on: ask GET /v1/jobs/{id}.") { RetryAfter = TimeSpan.FromSeconds(10), JobId = id };
        var result = await jobs.Result(id, request.HttpContext.RequestAborted) ?? throw new ApiException(500, "failed", instance.Error ?? "The job has no result.");
        return result.Status == JobStatus.Succeeded
            ? ApiJson.Result(await Response(request, asked, message, result))
            : throw new ApiException(result.Error?.Code is FaultReason.BadInput or FaultReason.Policy ? 400 : 500, result.Error?.Code ?? "image_invalid", result.Error?.Message ?? "No usable image came out.");
    });

    private static JobRequest Job(ImagesRequest asked, string id)
    {
        if (asked.Stream == true)
            throw ApiException.BadRequest("stream", "Images are not streamed; leave stream out.");
        if (asked.N is < 1 or > MaxImages)
            throw ApiException.BadRequest("n", $"n {asked.N} is not in 1…{MaxImages}.");
        if (asked.ResponseFormat is not (null or "b64_json" or "url"))
            throw ApiException.BadRequest("response_format", "response_format is b64_json or url.");
        if (asked.OutputFormat is not (null or "png" or "jpeg" or "webp"))
            throw ApiException.BadRequest("output_format", "output_format is png, jpeg or webp.");
        if (asked.OutputCompression is < 0 or > 100)
            throw ApiException.BadRequest("output_compression", "output_compression is in 0…100.");
        var (width, height) = Size(asked.Size);
        return new JobRequest(new JobInput
        {
            Prompt = asked.Prompt,
            NegativePrompt = asked.NegativePrompt,
            Width = width,
            Height = height,
            Steps = asked.NumInferenceSteps,
            GuidanceScale = asked.GuidanceScale,
            Seeds = Seeds(asked, id),
        })
        {
            Output = new JobOutput
            {
                Format = asked.OutputFormat,
                Quality = asked.OutputFormat is null or "png" ? null : asked.OutputCompression is { } quality ? Math.Max(1, quality) : null,
            },
            Priority = 7,
        };
    }

    /// <summary>Given, or drawn from the job's id: a repeat under the same key asks for the same images.</summary>
    private static IReadOnlyList<ulong> Seeds(ImagesRequest asked, string id)
    {
        if (asked.Seeds is { } seeds)
        {
            if (seeds.Count is 0 or > MaxImages || asked.Seed is not null || (asked.N is { } n && n != seeds.Count))
                throw ApiException.BadRequest("seeds", $"seeds takes 1…{MaxImages} numbers, without seed, and n as many.");
            return seeds;
        }

        var first = asked.Seed ?? BitConverter.ToUInt32(SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(id)));
        return [.. Enumerable.Range(0, asked.N ?? 1).Select(i => unchecked(first + (ulong)i))];
    }

    private static (int? Width, int? Height) Size(string? size)
    {
        if (size is null || string.Equals(size, "auto", StringComparison.OrdinalIgnoreCase))
            return (null, null);
        var sides = size.Split('x', 'X');
        return sides.Length == 2
            && int.TryParse(sides[0], NumberStyles.None, CultureInfo.InvariantCulture, out var width)
            && int.TryParse(sides[1], NumberStyles.None, CultureInfo.InvariantCulture, out var height)
                ? (width, height)
                : throw ApiException.BadRequest("size", "size is auto or WxH in pixels, such as 1024x1024.");
    }

    private async Task<ImagesResponse> Response(HttpRequest request, ImagesRequest asked, JobMessage message, JobResult result)
    {
        var data = new List<ImageData>();
        JobImage[] made = [.. result.Images.Where(image => image.Blob is not null)];
        foreach (var image in made)
        {
            var base64 = asked.ResponseFormat == "url" ? null
                : Convert.ToBase64String(await parts.Blobs.Read(image.Blob!, request.HttpContext.RequestAborted) ?? throw new ApiException(500, "failed", "An image is not there any more."));
            data.Add(new ImageData(base64, base64 is null ? BlobsApi.Url(request, image.Blob!, parts.Links) : null, message.Input.Prompt!, image.Seed));
        }

        var input = message.Input;
        string[] ignored = [.. asked.Others?.Keys.Select(name => name.Length <= 64 ? name : name[..64]).Take(32) ?? [], .. asked.Quality is null ? Array.Empty<string>() : ["quality"]];
        return new ImagesResponse(
            result.CompletedAt.ToUnixTimeSeconds(),
            data,
            new ImagesUsage(0, 0, 0, new ImagesInput(0, 0), data.Count, (result.Timings?.TotalMs ?? 0) / 1000.0),
            new EffectiveParameters(
                parts.Model()?.ModelName, made[0].Width, made[0].Height, input.Steps, input.GuidanceScale, input.NegativePrompt, input.Seeds!, message.JobId, ignored))
        {
            Size = string.Create(CultureInfo.InvariantCulture, $"{made[0].Width}x{made[0].Height}"),
            OutputFormat = message.Output.Format ?? "png",
        };
    }
}
