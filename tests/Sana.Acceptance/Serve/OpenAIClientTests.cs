using System.ClientModel;
using OpenAI;
using OpenAI.Images;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>The official client, unchanged: only its endpoint is ours.</summary>
[Collection(ServedCollection.Name)]
public sealed class OpenAIClientTests(SharedServer shared)
{
    private static readonly byte[] PngHead = [0x89, 0x50, 0x4E, 0x47];

    [Fact]
    public async Task The_official_client_makes_an_image()
    {
        var client = Client(SanaServer.Key);

        GeneratedImage image = await client.GenerateImageAsync("a lighthouse at dusk", new ImageGenerationOptions { Size = new GeneratedImageSize(64, 64), ResponseFormat = GeneratedImageFormat.Bytes });

        Assert.Equal(PngHead, image.ImageBytes.ToArray()[..4]);
    }

    [Fact]
    public async Task Several_images_come_as_links_that_open_without_the_key()
    {
        var client = Client(SanaServer.Key);

        GeneratedImageCollection images = await client.GenerateImagesAsync("a fox", 2, new ImageGenerationOptions { Size = new GeneratedImageSize(64, 32), ResponseFormat = GeneratedImageFormat.Uri });

        using var stranger = new HttpClient();
        var first = await stranger.GetByteArrayAsync(images[0].ImageUri);
        var second = await stranger.GetByteArrayAsync(images[1].ImageUri);
        Assert.Equal(PngHead, first[..4]);
        Assert.NotEqual(first, second);
    }

    [Fact]
    public async Task A_wrong_key_is_the_clients_own_error()
    {
        var error = await Assert.ThrowsAsync<ClientResultException>(() => Client("not-the-key-0123456789").GenerateImageAsync("a fox"));

        Assert.Equal(401, error.Status);
    }

    [Fact]
    public async Task A_bad_size_is_a_sentence_in_the_clients_own_shape()
    {
        var error = await Assert.ThrowsAsync<ClientResultException>(
            () => Client(SanaServer.Key).GenerateImageAsync("a fox", new ImageGenerationOptions { Size = new GeneratedImageSize(65, 64) }));

        Assert.Contains("multiple of 32; use 64 or 96", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_known_is_named_and_what_was_used_is_echoed()
    {
        var (status, body, _) = await shared.Server.Send(HttpMethod.Post, "/v1/images/generations", new { prompt = "a fox", size = "64x64", num_inference_steps = 3, guidance_scale = 2.5, seeds = new[] { 7 }, moderation = "low" });

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
        var (_, body, _) = await shared.Server.Send(HttpMethod.Post, "/v1/images/generations", new { prompt = "a fox", size = "64x64", num_inference_steps = 2, output_format = format, output_compression = 80 });

        Assert.Equal(firstByte, body.GetProperty("data")[0].GetProperty("b64_json").GetBytesFromBase64()[0]);
    }

    private ImageClient Client(string key) => new(
        "sana", new ApiKeyCredential(key), new OpenAIClientOptions { Endpoint = new Uri(shared.Server.Address, "/v1"), RetryPolicy = new System.ClientModel.Primitives.ClientRetryPolicy(0) });
}
