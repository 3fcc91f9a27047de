using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net.ServerSentEvents;
using OpenAI;
using OpenAI.Images;
using Sana.Acceptance.Support;
using Sana.Curation.Ingest;
using Sana.Inference.Imaging;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>The official client for .NET, unchanged: only its endpoint is ours.</summary>
[Collection(WaysInCollection.Name)]
public sealed class OpenAIClientTests(WaysIn waysIn)
{
    private static readonly byte[] PngHead = [0x89, 0x50, 0x4E, 0x47];

    public static TheoryData<string> Ways => ["directly", "nginx", "nginx, path"];

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Models_are_listed(string way)
    {
        var client = (await Client(way)).GetOpenAIModelClient();

        var models = (await client.GetModelsAsync()).Value;

        Assert.Equal(models[0].Id, (await client.GetModelAsync(models[0].Id)).Value.Id);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task An_image_comes_as_bytes(string way)
    {
        GeneratedImage image = await (await Images(way)).GenerateImageAsync("a lighthouse at dusk", Small(GeneratedImageFormat.Bytes));

        Assert.Equal(PngHead, image.ImageBytes.ToArray()[..4]);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Several_images_come_as_links_that_open_without_the_key(string way)
    {
        GeneratedImageCollection images = await (await Images(way)).GenerateImagesAsync("a fox", 2, Small(GeneratedImageFormat.Uri));

        using var stranger = (await waysIn.To(way)).Client(hasKey: false);
        var first = await stranger.GetByteArrayAsync(images[0].ImageUri);
        var second = await stranger.GetByteArrayAsync(images[1].ImageUri);
        Assert.Equal(PngHead, first[..4]);
        Assert.NotEqual(first, second);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Webp_is_webp(string way)
    {
        var options = Small(GeneratedImageFormat.Bytes);
#pragma warning disable OPENAI001 // The client says that the name may change yet.
        options.OutputFileFormat = GeneratedImageFileFormat.Webp;
#pragma warning restore OPENAI001

        GeneratedImage image = await (await Images(way)).GenerateImageAsync("a fox", options);

        Assert.Equal("RIFF"u8, image.ImageBytes.ToArray().AsSpan(0, 4));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_stream_gives_each_image_as_an_event(string way)
    {
        using var content = BinaryContent.Create(BinaryData.FromString("""{"prompt":"a fox","size":"64x64","num_inference_steps":2,"n":2,"stream":true}"""));

        // The client has no type for it yet; this is how it is asked for what it does not know.
        var answer = await (await Images(way)).GenerateImagesAsync(content, new RequestOptions { BufferResponse = false });

        using var raw = answer.GetRawResponse();
        var events = new List<SseItem<string>>();
        await foreach (var item in SseParser.Create(raw.ContentStream!).EnumerateAsync())
            events.Add(item);
        Assert.Equal(["image_generation.completed", "image_generation.completed"], events.Select(item => item.EventType));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_picture_is_painted_over_where_its_mask_is_transparent(string way)
    {
        var picture = new RgbImage(64, 64, [.. Enumerable.Range(0, 64 * 64 * 3).Select(i => (byte)(i * 11))]);
        var mask = Mask(64, 64, x => x < 32);
        var options = new ImageEditOptions { Size = new GeneratedImageSize(64, 64), ResponseFormat = GeneratedImageFormat.Bytes };

        GeneratedImage edited = await (await Images(way)).GenerateImageEditAsync(Stream(Png(picture)), "park.png", "a fox", Stream(mask), "mask.png", options);

        var made = ImageIngest.Decode(edited.ImageBytes.ToArray());
        Assert.Equal(picture.Pixels[^63..], made.Pixels[^63..]); // the lower right, beyond the soft edge
        Assert.NotEqual(picture.Pixels[..96], made.Pixels[..96]);
    }

    [Fact]
    public async Task Pictures_like_a_picture_come_in_its_own_size()
    {
        GeneratedImageCollection made = await (await Images("directly")).GenerateImageVariationsAsync(
            Stream(Png(new RgbImage(70, 60, new byte[70 * 60 * 3]))), "dark.png", 2, new ImageVariationOptions { ResponseFormat = GeneratedImageFormat.Bytes });

        Assert.Equal([(64, 64), (64, 64)], made.Select(image => ImageIngest.Decode(image.ImageBytes.ToArray())).Select(image => (image.Width, image.Height)));
        Assert.NotEqual(made[0].ImageBytes.ToArray(), made[1].ImageBytes.ToArray());
    }

    [Fact]
    public async Task A_mask_that_does_not_fit_is_a_sentence_in_the_clients_own_shape()
    {
        var images = await Images("directly");
        var picture = Png(new RgbImage(64, 64, new byte[64 * 64 * 3]));

        var size = await Assert.ThrowsAsync<ClientResultException>(() => images.GenerateImageEditAsync(Stream(picture), "a.png", "a fox", Stream(Mask(32, 32, _ => true)), "m.png"));
        var empty = await Assert.ThrowsAsync<ClientResultException>(() => images.GenerateImageEditAsync(Stream(picture), "a.png", "a fox", Stream(Mask(64, 64, _ => false)), "m.png"));
        var none = await Assert.ThrowsAsync<ClientResultException>(() => images.GenerateImageEditAsync(Stream("no picture"u8.ToArray()), "a.png", "a fox"));

        Assert.Contains("Mask has 32×32 pixels and the image 64×64", size.Message, StringComparison.Ordinal);
        Assert.Contains("Mask paints nothing", empty.Message, StringComparison.Ordinal);
        Assert.Contains("The file is no image", none.Message, StringComparison.Ordinal);
        Assert.Equal([400, 400, 400], new[] { size.Status, empty.Status, none.Status });
    }

    [Fact]
    public async Task An_edit_may_be_a_stream()
    {
        using var http = (await waysIn.To("directly")).Client(hasKey: true);
        using var form = new MultipartFormDataContent { { new StringContent("a fox"), "prompt" }, { new StringContent("true"), "stream" }, { new StringContent("0.5"), "strength" }, { new ByteArrayContent(Png(new RgbImage(64, 64, new byte[64 * 64 * 3]))), "image[]", "a.png" } };

        using var answer = await http.PostAsync("v1/images/edits", form);

        var events = new List<string>();
        await foreach (var item in SseParser.Create(await answer.Content.ReadAsStreamAsync()).EnumerateAsync())
            events.Add(item.EventType);
        Assert.Equal(["image_edit.completed"], events);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_wrong_key_is_the_clients_own_error(string way)
    {
        var error = await Assert.ThrowsAsync<ClientResultException>(async () => await (await Images(way, "not-the-key-0123456789")).GenerateImageAsync("a fox"));

        Assert.Equal(401, error.Status);
        Assert.Contains("key", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_bad_size_is_a_sentence_in_the_clients_own_shape(string way)
    {
        var error = await Assert.ThrowsAsync<ClientResultException>(
            async () => await (await Images(way)).GenerateImageAsync("a fox", new ImageGenerationOptions { Size = new GeneratedImageSize(65, 64) }));

        Assert.Contains("multiple of 32; use 64 or 96", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task The_job_of_a_client_that_gives_up_ends(string way)
    {
        var prompt = $"given up {Guid.NewGuid():n}";
        using var content = BinaryContent.Create(BinaryData.FromString($$"""{"prompt":"{{prompt}}","size":"512x512","num_inference_steps":500,"n":4}"""));
        // Before the client's patience begins: the first to ask starts the server.
        var images = await Images(way);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await images.GenerateImagesAsync(content, new RequestOptions { CancellationToken = patience.Token }));

        Assert.Equal("canceled", await (await waysIn.To(way)).EndOf(prompt));
    }

    [Fact]
    public async Task What_is_not_known_is_named_and_what_was_used_is_echoed()
    {
        var (status, body, _) = await Ask(new { prompt = "a fox", size = "64x64", num_inference_steps = 3, guidance_scale = 2.5, seeds = new[] { 7 }, moderation = "low" });

        var used = body.GetProperty("parameters");
        Assert.Equal(200, (int)status);
        Assert.Equal(3, used.GetProperty("num_inference_steps").GetInt32());
        Assert.Equal(7UL, used.GetProperty("seeds")[0].GetUInt64());
        Assert.Equal("moderation", used.GetProperty("ignored")[0].GetString());
    }

    [Theory]
    [InlineData("jpeg", 0xFF)]
    [InlineData("webp", 0x52)]
    public async Task Other_formats_are_what_they_say(string format, int firstByte)
    {
        var (_, body, _) = await Ask(new { prompt = "a fox", size = "64x64", num_inference_steps = 2, output_format = format, output_compression = 80 });

        Assert.Equal(firstByte, body.GetProperty("data")[0].GetProperty("b64_json").GetBytesFromBase64()[0]);
    }

    private async Task<(System.Net.HttpStatusCode Status, System.Text.Json.JsonElement Body, System.Net.Http.Headers.HttpResponseHeaders Headers)> Ask(object body) =>
        await (await waysIn.To("directly")).Server.Send(HttpMethod.Post, "/v1/images/generations", body);

    private static MemoryStream Stream(byte[] bytes) => new(bytes);

    private static byte[] Png(RgbImage image) => ImageCodec.Encode(image, ImageFormat.Png);

    private static byte[] Mask(int width, int height, Func<int, bool> isPainted)
    {
        using var raw = NetVips.Image.NewFromMemory(Enumerable.Range(0, width * height).SelectMany(i => (byte[])[90, 90, 90, (byte)(isPainted(i % width) ? 0 : 255)]).ToArray(), width, height, 4, NetVips.Enums.BandFormat.Uchar);
        using var named = raw.Copy(interpretation: NetVips.Enums.Interpretation.Srgb);
        return named.PngsaveBuffer();
    }

    private static ImageGenerationOptions Small(GeneratedImageFormat format) => new() { Size = new GeneratedImageSize(64, 64), ResponseFormat = format };

    private async Task<ImageClient> Images(string way, string key = SanaServer.Key) => (await Client(way, key)).GetImageClient("sana");

    private async Task<OpenAIClient> Client(string way, string key = SanaServer.Key)
    {
        var to = await waysIn.To(way);
        return new OpenAIClient(new ApiKeyCredential(key), new OpenAIClientOptions
        {
            Endpoint = to.Api,
            RetryPolicy = new ClientRetryPolicy(0),
            Transport = new HttpClientPipelineTransport(new HttpClient(to.Handler())),
        });
    }
}
