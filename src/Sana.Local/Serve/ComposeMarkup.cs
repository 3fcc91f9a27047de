using System.Globalization;
using Sana.Curation.Report;
using Sana.Inference.Diffusion;

namespace Sana.Local.Serve;

/// <summary>The form that asks for images, and how programs ask for them.</summary>
internal static class ComposeMarkup
{
    /// <summary>Ranges are those of the API, which has the last word.</summary>
    public static Html Form(GenerateOptions? defaults) => Html.Of($"""
        <section class="compose">
        <form id="make" autocomplete="off">
        <label class="prompt" for="prompt"><span class="hidden">Prompt</span>
        <textarea id="prompt" name="prompt" rows="2" maxlength="100000" required enterkeyhint="go" placeholder="What shall be drawn? A red bicycle leaning against a yellow wall"></textarea></label>
        <div class="knobs">
        <label>Width<input name="width" type="number" inputmode="numeric" min="32" max="8192" step="32" placeholder="{Number(defaults?.Width)}"></label>
        <label>Height<input name="height" type="number" inputmode="numeric" min="32" max="8192" step="32" placeholder="{Number(defaults?.Height)}"></label>
        <label>Steps<input name="steps" type="number" inputmode="numeric" min="1" max="1000" placeholder="{Number(defaults?.Steps)}"></label>
        <label>Seed<input name="seed" inputmode="numeric" pattern="[0-9]*" maxlength="20" placeholder="random" title="A whole number; left empty, a random one"></label>
        <label>Images<input name="count" type="number" inputmode="numeric" min="1" max="16" placeholder="1"></label>
        <button id="go" class="main">Generate</button>
        </div>
        </form>
        <noscript><p class="empty">The form needs scripts. Programs need none: see below.</p></noscript>
        <div id="result" hidden></div>
        </section>
        """);

    /// <summary>The base URL for clients, with two of them.</summary>
    public static Html Clients(string? model, PageFrame frame)
    {
        var curl = $$"""
            curl {{frame.BaseUrl}}/images/generations \
              -H 'content-type: application/json' \{{(frame.IsKeyed ? "\n  -H \"authorization: Bearer $SANA_API_KEY\" \\" : "")}}
              -d '{"prompt": "a red bicycle", "n": 1, "response_format": "url"}'
            """;
        var python = $"""
            {(frame.IsKeyed ? "import os\n" : "")}from base64 import b64decode
            from openai import OpenAI

            client = OpenAI(base_url="{frame.BaseUrl}", api_key={(frame.IsKeyed ? "os.environ[\"SANA_API_KEY\"]" : "\"none\"")})
            made = client.images.generate(
                model="{Plain(model)}", prompt="a red bicycle")
            open("bicycle.png", "wb").write(b64decode(made.data[0].b64_json))
            """;
        return Html.Of($"""
            <section class="clients"><h2>For programs</h2>
            <p>Base URL <code id="base">{frame.BaseUrl}</code> <button type="button" class="link" data-copy="base" hidden>Copy</button><small>{(frame.IsKeyed ? "with the server's key" : "no key is asked for")}; OpenAI's clients work with it.</small></p>
            <div class="pair">
            <div><h3>curl <button type="button" class="link" data-copy="curl" hidden>Copy</button></h3><pre id="curl" tabindex="0">{curl}</pre></div>
            <div><h3>OpenAI's client <button type="button" class="link" data-copy="python" hidden>Copy</button></h3><pre id="python" tabindex="0">{python}</pre></div>
            </div></section>
            """);
    }

    private static string Number(int? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "";

    // A model's folder may be called anything, and this stands in a program.
    private static string Plain(string? model) => model is { Length: > 0 } && model.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' or '/') ? model : "sana";
}
