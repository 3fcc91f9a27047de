using System.Text.Json;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>The clients that Node programs use, unchanged but for their base URL: OpenAI's own, the Vercel AI SDK, LangChain's DALL-E tool.</summary>
[Collection(WaysInCollection.Name)]
public sealed class ClientsByEveryWayTests(WaysIn waysIn)
{
    private const string OpenAI = "openai-client.mjs";
    private const string Vercel = "vercel-client.mjs";
    private const string LangChain = "langchain-client.mjs";
    private const string Png = "89504e47";
    private const string Webp = "52494646";

    public static TheoryData<string> Ways => ["directly", "nginx", "nginx, path"];

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task OpenAI_lists_models(string way)
    {
        var models = await waysIn.Told(OpenAI, way, "models");

        Assert.Equal(models.GetProperty("ids")[0].GetString(), models.GetProperty("one").GetString());
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task OpenAI_gets_bytes(string way) => Assert.Equal([Png], Texts(await waysIn.Told(OpenAI, way, "b64")));

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task OpenAI_gets_links_that_open(string way) => await Opened(way, await waysIn.Told(OpenAI, way, "url"), 2);

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task OpenAI_gets_links_where_the_model_answers_with_them(string way) => await Opened(way, await waysIn.Told(OpenAI, way, "dalle"), 1);

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task OpenAI_gets_webp(string way) => Assert.Equal([Webp], Texts(await waysIn.Told(OpenAI, way, "webp")));

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task OpenAI_reads_the_stream(string way)
    {
        var events = (await waysIn.Told(OpenAI, way, "stream")).EnumerateArray().ToList();

        Assert.Equal(2, events.Count(e => e.GetProperty("type").GetString() == "image_generation.completed"));
        Assert.All(events, e => Assert.Equal(Png, e.GetProperty("head").GetString()));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task OpenAI_sends_a_batch_of_a_file(string way)
    {
        var told = await waysIn.Told(OpenAI, way, "batch");

        Assert.True(told.TryGetProperty("batch", out var batch), told.ToString());
        Assert.Equal(("completed", 3, 2, 1), (batch.GetProperty("status").GetString(), Count("total"), Count("completed"), Count("failed")));
        Assert.Equal("node", batch.GetProperty("metadata").GetProperty("of").GetString());
        Assert.Equal([told.GetProperty("other").GetString(), batch.GetProperty("id").GetString()], Texts(told.GetProperty("listed")));
        Assert.True(told.GetProperty("same").GetBoolean());
        Assert.Equal((200, Png), (told.GetProperty("link").GetProperty("status").GetInt32(), told.GetProperty("link").GetProperty("head").GetString()));
        Assert.StartsWith((await waysIn.To(way)).Page.AbsoluteUri, told.GetProperty("link").GetProperty("link").GetString(), StringComparison.Ordinal);
        Assert.Equal(Png, told.GetProperty("b64").GetString());
        var error = Assert.Single(told.GetProperty("errors").EnumerateArray());
        Assert.Equal(("b", 400), (error.GetProperty("custom_id").GetString(), error.GetProperty("response").GetProperty("status_code").GetInt32()));
        Assert.True(told.GetProperty("deleted").GetProperty("deleted").GetBoolean());

        int Count(string name) => batch.GetProperty("request_counts").GetProperty(name).GetInt32();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task OpenAI_shows_a_bad_value_as_a_sentence(string way)
    {
        var error = await waysIn.Told(OpenAI, way, "bad");

        Assert.Contains("multiple of 32; use 64 or 96", error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal((400, "size", "invalid_request_error"), (error.GetProperty("status").GetInt32(), error.GetProperty("param").GetString(), error.GetProperty("type").GetString()));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task OpenAI_shows_a_wrong_key_as_a_sentence(string way)
    {
        var error = await waysIn.Told(OpenAI, way, "stranger");

        Assert.Equal(401, error.GetProperty("status").GetInt32());
        Assert.Contains("key", error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task OpenAI_gives_up_and_its_job_ends(string way)
    {
        Assert.Contains("timed out", (await waysIn.Told(OpenAI, way, "gone")).GetProperty("message").GetString(), StringComparison.Ordinal);

        Assert.Equal("canceled", await (await waysIn.To(way)).EndOf(Way.GivenUp(OpenAI)));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Vercel_gets_images_of_OpenAIs_provider(string way) => Shown(await waysIn.Told(Vercel, way, "openai"), 2, Png, "image/png");

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Vercel_gets_an_image_of_a_model_that_answers_with_bytes(string way) => Shown(await waysIn.Told(Vercel, way, "gptImage"), 1, Png, "image/png");

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Vercel_gets_images_of_a_compatible_server(string way) => Shown(await waysIn.Told(Vercel, way, "compatible"), 2, Png, "image/png");

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Vercel_gets_webp(string way) => Shown(await waysIn.Told(Vercel, way, "webp"), 1, Webp, "image/webp");

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Vercel_shows_errors_as_sentences(string way)
    {
        var (bad, stranger) = (await waysIn.Told(Vercel, way, "bad"), await waysIn.Told(Vercel, way, "stranger"));

        Assert.Contains("multiple of 32; use 64 or 96", bad.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal((400, 401), (bad.GetProperty("status").GetInt32(), stranger.GetProperty("status").GetInt32()));
        Assert.Contains("key", stranger.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Vercel_gives_up_and_its_job_ends(string way)
    {
        Assert.Contains("timeout", (await waysIn.Told(Vercel, way, "gone")).GetProperty("message").GetString(), StringComparison.OrdinalIgnoreCase);

        Assert.Equal("canceled", await (await waysIn.To(way)).EndOf(Way.GivenUp(Vercel)));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task LangChain_gets_a_link(string way)
    {
        await Opened(way, await waysIn.Told(LangChain, way, "url"));
        await Opened(way, await waysIn.Told(LangChain, way, "dalle2"));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task LangChain_gets_several_links(string way) => await Opened(way, await waysIn.Told(LangChain, way, "several"), 2);

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task LangChain_gets_bytes(string way) => Assert.Equal(Png, (await waysIn.Told(LangChain, way, "b64")).GetString());

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task LangChain_shows_a_bad_value_as_a_sentence(string way) =>
        Assert.Contains("multiple of 32; use 64 or 96", (await waysIn.Told(LangChain, way, "bad")).GetProperty("message").GetString(), StringComparison.Ordinal);

    private static List<string?> Texts(JsonElement list) => list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray().Select(item => item.GetString())] : throw new InvalidOperationException($"{list}");

    private static void Shown(JsonElement images, int count, string head, string type)
    {
        Assert.True(images.ValueKind == JsonValueKind.Array && images.GetArrayLength() == count, $"{images}");
        Assert.All(images.EnumerateArray(), image => Assert.Equal((head, type), (image.GetProperty("head").GetString(), image.GetProperty("type").GetString())));
    }

    private async Task Opened(string way, JsonElement links, int count)
    {
        Assert.True(links.ValueKind == JsonValueKind.Array && links.GetArrayLength() == count, $"{links}");
        foreach (var link in links.EnumerateArray())
            await Opened(way, link);
    }

    /// <summary>The link is the outside's, and opened in Node without the key.</summary>
    private async Task Opened(string way, JsonElement link)
    {
        Assert.True(link.TryGetProperty("link", out var address), $"{link}");
        Assert.StartsWith($"{(await waysIn.To(way)).Api}/blobs/", address.GetString(), StringComparison.Ordinal);
        Assert.Equal((200, "image/png", Png), (link.GetProperty("status").GetInt32(), link.GetProperty("type").GetString(), link.GetProperty("head").GetString()));
    }
}
