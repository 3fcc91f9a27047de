using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>What clients that were written for OpenAI meet on OpenAI's paths.</summary>
[Collection(ServedCollection.Name)]
public sealed class OpenAIPathsTests(SharedServer shared)
{
    private const string Generations = "/v1/images/generations";

    private SanaServer Server => shared.Server;

    [Theory]
    [InlineData("""{"prompt":"a","size":"65x64"}""", "size", "invalid_value", "size 65 is not a multiple of 32; use 64 or 96.")]
    [InlineData("""{"prompt":"a","width":16}""", "width", "invalid_value", "32…8192")]
    [InlineData("""{"prompt":"a","size":"big"}""", "size", "invalid_value", "1024x1024")]
    [InlineData("""{"prompt":"a","size":"64x64","width":96}""", "size", "invalid_value", "different things")]
    [InlineData("""{"prompt":"a","size":"8192x8192"}""", "size", "invalid_value", "16777216")]
    [InlineData("""{"prompt":"a","size":"4096x4096","n":10}""", "size", "invalid_value", "67108864")]
    [InlineData("""{"prompt":"a","num_inference_steps":0}""", "num_inference_steps", "invalid_value", "1…1000")]
    [InlineData("""{"prompt":"a","steps":1001}""", "steps", "invalid_value", "1…1000")]
    [InlineData("""{"prompt":"a","cfg_scale":101}""", "cfg_scale", "invalid_value", "0…100")]
    [InlineData("""{"prompt":"a","guidance_scale":-1}""", "guidance_scale", "invalid_value", "0…100")]
    [InlineData("""{"prompt":"a","negative_prompt":"\u0000"}""", "negative_prompt", "bad_prompt", "Negative prompt")]
    [InlineData("""{"prompt":"   "}""", "prompt", "bad_prompt", "empty")]
    [InlineData("""{"size":"64x64"}""", "prompt", "missing_required_parameter", "'prompt' is missing")]
    [InlineData("""{"prompt":null}""", "prompt", "missing_required_parameter", "'prompt' is missing")]
    [InlineData("""{"prompt":"a","n":0}""", "n", "invalid_value", "1…10")]
    [InlineData("""{"prompt":"a","n":"2"}""", "n", "invalid_type", "1…10")]
    [InlineData("""{"prompt":"a","seed":-2}""", "seed", "invalid_value", "-1")]
    [InlineData("""{"prompt":"a","seeds":[1,1]}""", "seeds", "invalid_value", "distinct")]
    [InlineData("""{"prompt":"a","output_format":"gif"}""", "output_format", "invalid_value", "png, jpeg or webp")]
    [InlineData("""{"prompt":"a","response_format":"blob"}""", "response_format", "invalid_value", "b64_json or url")]
    [InlineData("""{"prompt":"a","output_compression":101}""", "output_compression", "invalid_value", "0…100")]
    [InlineData("""{"prompt":"a","long_prompts":"keep"}""", "long_prompts", "invalid_value", "cut or refuse")]
    [InlineData("""{"prompt":"a","enhance_prompt":"yes"}""", "enhance_prompt", "invalid_type", "true or false")]
    [InlineData("""{"prompt":"a",}""", null, null, "not JSON")]
    [InlineData("""[]""", null, null, "JSON object")]
    public async Task A_value_that_cannot_be_used_is_400_and_named_in_the_callers_words(string body, string? param, string? code, string part)
    {
        var (status, answer, _) = await Post(Generations, body);

        var error = answer.GetProperty("error");
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_request_error"), (status, error.GetProperty("type").GetString()));
        Assert.Equal((param, code), (error.GetProperty("param").GetString(), error.GetProperty("code").GetString()));
        Assert.Contains(part, error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"prompt":"a","size":"64X64","num_inference_steps":2.0,"n":1.0}""", "png")]
    [InlineData("""{"prompt":"a","width":64,"height":64,"steps":2,"output_format":"jpg"}""", "jpeg")]
    [InlineData("""{"prompt":"a","size":"64x64","steps":2,"output_format":"WEBP","seed":-1}""", "webp")]
    [InlineData("""{"prompt":"a","size":"64x64","steps":2,"quality":"","style":"","response_format":"","output_format":"","user":"","model":""}""", "png")]
    [InlineData("""{"prompt":"a","size":" 64 x 64 ","steps":2,"n":null,"seed":null,"negative_prompt":null,"stream":null,"seeds":null,"output_compression":null}""", "png")]
    [InlineData("\uFEFF{\"prompt\":\"a\",\"size\":\"64x64\",\"steps\":2,\"background\":\"auto\",\"moderation\":\"auto\"}", "png")]
    public async Task What_clients_write_in_their_own_way_is_taken(string body, string format)
    {
        var (status, answer, headers) = await Post(Generations, body);

        Assert.True(status == HttpStatusCode.OK, answer.ToString());
        Assert.Equal(("64x64", format), (answer.GetProperty("size").GetString(), answer.GetProperty("output_format").GetString()));
        Assert.False(headers.Contains("x-ignored-fields"));
    }

    [Fact]
    public async Task What_is_ignored_is_named_in_a_header_too_and_other_names_of_a_value_mean_it()
    {
        var (_, answer, headers) = await Post(
            Generations, """{"prompt":"a","width":96,"height":64,"steps":3,"cfg_scale":2.5,"style":"vivid","quality":"hd","background":"transparent","späße":1}""");

        var used = answer.GetProperty("parameters");
        Assert.Equal("style, quality, background, sp%C3%A4%C3%9Fe", string.Join(", ", headers.GetValues("x-ignored-fields")));
        Assert.Equal(["style", "quality", "background", "späße"], used.GetProperty("ignored").EnumerateArray().Select(name => name.GetString()));
        Assert.Equal((96, 64, 3, 2.5), (used.GetProperty("width").GetInt32(), used.GetProperty("height").GetInt32(), used.GetProperty("num_inference_steps").GetInt32(), used.GetProperty("guidance_scale").GetDouble()));
    }

    [Theory]
    [InlineData("dall-e-2", null, "url")]
    [InlineData("dall-e-3", null, "url")]
    [InlineData("dall-e-3", "b64_json", "b64_json")]
    [InlineData("gpt-image-1", null, "b64_json")]
    [InlineData(null, null, "b64_json")]
    public async Task What_comes_without_a_response_format_is_what_OpenAI_gives_for_the_model(string? model, string? format, string expected)
    {
        var (_, answer, _) = await Server.Send(HttpMethod.Post, Generations, new { prompt = "a", size = "64x64", steps = 2, model, response_format = format });

        Assert.Equal(expected, answer.GetProperty("data")[0].EnumerateObject().First(field => field.Name is "url" or "b64_json").Name);
    }

    [Fact]
    public async Task Azures_spelling_works_with_its_key_header()
    {
        using var azure = new HttpClient { BaseAddress = Server.Address, DefaultRequestHeaders = { { "api-key", SanaServer.Key } } };
        using var body = new StringContent("""{"prompt":"a","size":"64x64","steps":2}""", Encoding.UTF8, "application/json");

        using var answer = await azure.PostAsync("/openai/deployments/dall-e-3/images/generations?api-version=2024-10-21", body);
        using var empty = new StringContent("{}", Encoding.UTF8, "application/json");
        using var refused = await azure.PostAsync("/openai/deployments/any/images/generations?api-version=1", empty);

        var made = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.StartsWith("http://", made.GetProperty("data")[0].GetProperty("url").GetString(), StringComparison.Ordinal);
        Assert.Equal("prompt", JsonDocument.Parse(await refused.Content.ReadAsStringAsync()).RootElement.GetProperty("error").GetProperty("param").GetString());
    }

    [Fact]
    public async Task The_checkpoint_is_the_one_model()
    {
        var (_, list, _) = await Server.Send(HttpMethod.Get, "/v1/models");
        var model = Assert.Single(list.GetProperty("data").EnumerateArray());
        var id = model.GetProperty("id").GetString();

        var (found, one, _) = await Server.Send(HttpMethod.Get, $"/v1/models/{id}");
        var (missing, error, _) = await Server.Send(HttpMethod.Get, "/v1/models/gpt-4o");

        Assert.Equal(("list", "model"), (list.GetProperty("object").GetString(), model.GetProperty("object").GetString()));
        Assert.Equal((HttpStatusCode.OK, model.ToString()), (found, one.ToString()));
        Assert.Equal((HttpStatusCode.NotFound, "model_not_found"), (missing, error.GetProperty("error").GetProperty("code").GetString()));
        Assert.Contains(id!, error.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST", "/v1/uploads", "Uploading a file in parts")]
    [InlineData("POST", "/v1/chat/completions", "Chat")]
    [InlineData("POST", "/openai/deployments/x/chat/completions", "Chat")]
    [InlineData("POST", "/images/generations", "base URL to http")]
    [InlineData("GET", "/models", "the API is under /v1")]
    [InlineData("GET", "/v1/nothing", "POST /v1/images/generations")]
    public async Task What_is_not_there_is_said_by_name(string method, string path, string part)
    {
        var (status, answer, _) = await Server.Send(new HttpMethod(method), path, method == "POST" ? new { prompt = "a" } : null);

        Assert.Equal((HttpStatusCode.NotFound, "unknown_url"), (status, answer.GetProperty("error").GetProperty("code").GetString()));
        Assert.Contains(part, answer.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_problem_elsewhere_has_OpenAIs_error_too()
    {
        var (_, problem, _) = await Server.Send(HttpMethod.Put, "/v1/jobs/wide", new { input = new { prompt = "a", width = 8192, height = 8192 } });
        var (_, dead, _) = await Server.Send(HttpMethod.Get, "/v1/jobs/wide");

        Assert.Equal((problem.GetProperty("detail").GetString(), "input.width"), (problem.GetProperty("error").GetProperty("message").GetString(), problem.GetProperty("error").GetProperty("param").GetString()));
        Assert.Equal(404, dead.GetProperty("status").GetInt32());
    }

    [Theory]
    [InlineData(null, null, "A key is needed")]
    [InlineData("Authorization", "Bearer wrong-key-0123456789", "not one of this server's")]
    [InlineData("api-key", "wrong-key-0123456789", "not one of this server's")]
    public async Task A_wrong_key_is_not_called_a_missing_one(string? header, string? value, string part)
    {
        using var stranger = new HttpClient { BaseAddress = Server.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        if (header is not null)
            request.Headers.TryAddWithoutValidation(header, value);

        using var answer = await stranger.SendAsync(request);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Contains(part, JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/models")]
    [InlineData("/v1/jobs")]
    [InlineData("/v1/nothing")]
    [InlineData("/healthz")]
    [InlineData("/metrics")]
    [InlineData("/")]
    public async Task Every_answer_has_an_id_and_every_GET_a_HEAD(string path)
    {
        using var head = new HttpRequestMessage(HttpMethod.Head, path);

        using var got = await Server.Http.GetAsync(path);
        using var headed = await Server.Http.SendAsync(head);

        Assert.StartsWith("req_", Assert.Single(got.Headers.GetValues("x-request-id")), StringComparison.Ordinal);
        Assert.Equal(got.StatusCode, headed.StatusCode);
        Assert.Equal(got.Content.Headers.ContentType, headed.Content.Headers.ContentType);
        Assert.Empty(await headed.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task The_callers_own_id_of_a_request_is_kept()
    {
        var (_, _, headers) = await Server.Send(HttpMethod.Get, "/v1/models", null, ("x-request-id", "mine-1"));
        var (_, _, others) = await Server.Send(HttpMethod.Get, "/v1/models", null, ("x-request-id", "<script>"));

        Assert.Equal("mine-1", headers.GetValues("x-request-id").Single());
        Assert.StartsWith("req_", others.GetValues("x-request-id").Single(), StringComparison.Ordinal);
    }

    private async Task<(HttpStatusCode Status, JsonElement Body, HttpResponseHeaders Headers)> Post(string path, string body)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        using var response = await Server.Http.PostAsync(path, content);
        return (response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement, response.Headers);
    }
}
