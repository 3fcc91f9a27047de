using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sana.Acceptance.Support;

/// <summary>One page in a real browser, spoken to in the DevTools protocol: sizes, colour scheme and scripts can be set, and everything that it fetches or complains about is kept.</summary>
internal sealed class BrowserPage : IAsyncDisposable
{
    private readonly DirectoryInfo _profile;
    private readonly Process _browser;
    private readonly ClientWebSocket _socket;
    private int _calls;

    private BrowserPage(DirectoryInfo profile, Process browser, ClientWebSocket socket) => (_profile, _browser, _socket) = (profile, browser, socket);

    /// <summary>Addresses that the page asked for, without those of its own data.</summary>
    public List<string> Requests { get; } = [];

    /// <summary>What the console says, and every breach of the page's policy.</summary>
    public List<string> Complaints { get; } = [];

    /// <param name="options">Further options of the browser.</param>
    public static async Task<BrowserPage> Open(params string[] options)
    {
        var profile = Directory.CreateTempSubdirectory("chromium-");
        var page = new BrowserPage(profile, Chromium.Start(profile, [.. options, "--remote-debugging-port=0", "--hide-scrollbars", "about:blank"]), new ClientWebSocket());
        try
        {
            await page.Connect();
            return page;
        }
        catch
        {
            await page.DisposeAsync();
            throw;
        }
    }

    public Task Size(int width, int height, bool isPhone) =>
        Call("Emulation.setDeviceMetricsOverride", new JsonObject { ["width"] = width, ["height"] = height, ["deviceScaleFactor"] = 1, ["mobile"] = isPhone });

    public Task Scheme(string scheme) =>
        Call("Emulation.setEmulatedMedia", new JsonObject { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = scheme }) });

    public Task Scripts(bool isOn) => Call("Emulation.setScriptExecutionDisabled", new JsonObject { ["value"] = !isOn });

    /// <summary>Sends the key with every request, as a browser that is signed in does.</summary>
    public Task Authorize(string key) => Call("Network.setExtraHTTPHeaders", new JsonObject { ["headers"] = new JsonObject { ["Authorization"] = $"Bearer {key}" } });

    public async Task Go(Uri address)
    {
        await Call("Page.navigate", new JsonObject { ["url"] = address.AbsoluteUri }, until: "Page.loadEventFired");
        // A round through the page's own thread: what the load set off has been reported when it answers.
        await Call("Runtime.evaluate", new JsonObject { ["expression"] = "0" });
    }

    /// <summary>Value of an expression, which may await, as text.</summary>
    public async Task<string> Evaluate(string expression)
    {
        var answer = await Call("Runtime.evaluate", new JsonObject { ["expression"] = $"(async () => String({expression}))()", ["returnByValue"] = true, ["awaitPromise"] = true });
        return answer["result"]!["value"]!.GetValue<string>();
    }

    /// <summary>Does something that leads to another page, and waits for that.</summary>
    public async Task GoBy(string statement)
    {
        await Call("Runtime.evaluate", new JsonObject { ["expression"] = statement }, until: "Page.loadEventFired");
        await Call("Runtime.evaluate", new JsonObject { ["expression"] = "0" });
    }

    /// <summary>Waits until an expression is true; the page itself looks.</summary>
    public Task Until(string condition) => Evaluate($"await new Promise(done => {{ const look = () => {condition} ? done() : setTimeout(look, 20); look(); }})");

    /// <summary>Writes into what has the focus, as a keyboard does.</summary>
    public Task Type(string text) => Call("Input.insertText", new JsonObject { ["text"] = text });

    /// <summary>Presses and releases a key such as <c>Enter</c> or <c>Tab</c>.</summary>
    public async Task Press(string key)
    {
        var text = key == "Enter" ? "\r" : "";
        var code = key switch { "Enter" => 13, "Tab" => 9, _ => throw new ArgumentOutOfRangeException(nameof(key), key, "Only Enter and Tab.") };
        foreach (var type in new[] { "keyDown", "keyUp" })
            await Call("Input.dispatchKeyEvent", new JsonObject { ["type"] = type, ["key"] = key, ["code"] = key, ["text"] = type == "keyDown" ? text : "", ["windowsVirtualKeyCode"] = code });
    }

    public async Task<byte[]> Screenshot(bool whole = false)
    {
        var answer = await Call("Page.captureScreenshot", new JsonObject { ["captureBeyondViewport"] = whole });
        return Convert.FromBase64String(answer["data"]!.GetValue<string>());
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        _browser.Kill(entireProcessTree: true);
        await _browser.WaitForExitAsync();
        _browser.Dispose();
        _profile.Delete(recursive: true);
    }

    private async Task Connect()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        const string Listening = "DevTools listening on ";
        string line;
        do
            line = await _browser.StandardError.ReadLineAsync(limit.Token) ?? throw new InvalidOperationException("chromium ended before it listened.");
        while (!line.StartsWith(Listening, StringComparison.Ordinal));

        // Nobody reads the rest, but a full pipe would stop the browser.
        _ = Task.WhenAll(_browser.StandardError.ReadToEndAsync(CancellationToken.None), _browser.StandardOutput.ReadToEndAsync(CancellationToken.None));
        using var http = new HttpClient();
        var pages = JsonNode.Parse(await http.GetStringAsync($"http://{new Uri(line[Listening.Length..]).Authority}/json/list", limit.Token))!.AsArray();
        await _socket.ConnectAsync(new Uri(pages.First(page => (string?)page!["type"] == "page")!["webSocketDebuggerUrl"]!.GetValue<string>()), limit.Token);
        foreach (var domain in new[] { "Page", "Network", "Runtime", "Log" })
            await Call(domain + ".enable");
    }

    private async Task<JsonNode> Call(string method, JsonObject? parameters = null, string? until = null)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var id = ++_calls;
        var call = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters ?? [] };
        await _socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(call), WebSocketMessageType.Text, endOfMessage: true, limit.Token);
        JsonNode? answer = null;
        var isOver = until is null;
        while (answer is null || !isOver)
        {
            var message = await Receive(limit.Token);
            if ((int?)message["id"] == id)
                answer = message["error"] is { } error ? throw new InvalidOperationException($"{method}: {error.ToJsonString()}") : message["result"]!;
            isOver |= (string?)message["method"] == until;
            Keep(message);
        }

        return answer;
    }

    private async Task<JsonNode> Receive(CancellationToken cancellationToken)
    {
        using var message = new MemoryStream();
        var buffer = new byte[65_536];
        ValueWebSocketReceiveResult part;
        do
        {
            part = await _socket.ReceiveAsync(buffer.AsMemory(), cancellationToken);
            message.Write(buffer, 0, part.Count);
        }
        while (!part.EndOfMessage);
        return JsonNode.Parse(message.ToArray())!;
    }

    private void Keep(JsonNode message)
    {
        var about = message["params"];
        switch ((string?)message["method"])
        {
            case "Network.requestWillBeSent" when (string)about!["request"]!["url"]! is var url && !url.StartsWith("data:", StringComparison.Ordinal):
                Requests.Add(url);
                break;
            case "Runtime.consoleAPICalled" or "Runtime.exceptionThrown" or "Log.entryAdded":
                Complaints.Add(string.Create(CultureInfo.InvariantCulture, $"{about!.ToJsonString()}"));
                break;
        }
    }
}
