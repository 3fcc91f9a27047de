using System.Diagnostics;
using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>The official client for Node, LangChain's and Vercel's, unchanged: only their endpoint is ours.</summary>
public sealed class NodeClientsTests
{
    [Fact]
    public async Task Clients_for_Node_get_images_links_streams_and_sentences_and_a_hasty_one_its_first_job()
    {
        NodePackages.File("openai", "package.json");
        await using var server = await SanaServer.Start();

        var results = await Run(server);

        Assert.Single(results.GetProperty("models").EnumerateArray());
        Assert.Equal(["PNG", "PNG"], Texts(results, "two"));
        Assert.Equal("WEBP", results.GetProperty("webp").GetString());
        foreach (var link in new[] { "url", "azure", "langchain" })
            Assert.True(results.GetProperty(link).ValueKind == JsonValueKind.Number && results.GetProperty(link).GetInt32() == 200, $"{link}: {results.GetProperty(link)}");
        Assert.Equal(["image_generation.partial_image", "image_generation.partial_image", "image_generation.completed"], Texts(results, "stream"));
        Assert.Equal("image/png", results.GetProperty("vercel").ToString());
        Says(results, "bad", 400, "size 65 is not a multiple of 32; use 64 or 96.");
        Says(results, "badVercel", 400, "size 65 is not a multiple of 32; use 64 or 96.");
        Says(results, "wrongKey", 401, "not one of this server's");
        Says(results, "wrongBase", 404, "set the client's base URL to http");
        Says(results, "edit", 404, "Editing images");
        Says(results, "job", 422, "'input.prompt' is missing");
        Assert.Equal("size", results.GetProperty("bad").GetProperty("param").GetString());
        Assert.StartsWith("req_", results.GetProperty("bad").GetProperty("requestId").GetString(), StringComparison.Ordinal);
        Assert.Equal("""{"images":1,"jobs":1}""", results.GetProperty("impatient").GetRawText());
    }

    private static async Task<JsonElement> Run(SanaServer server)
    {
        var start = new ProcessStartInfo("node", [NodePackages.File("..", "openai-clients.mjs"), server.Address.GetLeftPart(UriPartial.Authority), SanaServer.Key])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var node = Process.Start(start)!;
        var (output, error) = (node.StandardOutput.ReadToEndAsync(), node.StandardError.ReadToEndAsync());
        await node.WaitForExitAsync();
        Assert.True(node.ExitCode == 0, await error + server.Errors);
        return JsonDocument.Parse(await output).RootElement;
    }

    private static IEnumerable<string?> Texts(JsonElement results, string name) => results.GetProperty(name) is { ValueKind: JsonValueKind.Array } list
        ? list.EnumerateArray().Select(text => text.GetString())
        : [results.GetProperty(name).ToString()];

    private static void Says(JsonElement results, string name, int status, string part)
    {
        var error = results.GetProperty(name);
        Assert.Equal(status, error.GetProperty("status").GetInt32());
        Assert.Contains(part, error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }
}
