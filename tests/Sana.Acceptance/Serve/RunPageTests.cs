using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>The page of a run in a real browser: what failed, and the buttons that steer it.</summary>
public sealed class RunPageTests : IAsyncLifetime
{
    private SanaServer _server = null!;
    private BrowserPage _page = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await SanaServer.Start();
        _page = await BrowserPage.Open();
        await _page.Go(_server.Address);
        await _page.Type(SanaServer.Key);
        await _page.GoBy("document.getElementById('signin').requestSubmit()");
        // That a key was asked for is one.
        _page.Complaints.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await _page.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task What_failed_is_counted_by_reason_and_made_again_by_a_button()
    {
        // A file where the folder of images should be: nothing can be written, until somebody takes it away.
        var images = Path.Combine(_server.Data, "blobs", "runs", "mended", "images");
        Directory.CreateDirectory(Path.GetDirectoryName(images)!);
        await File.WriteAllTextAsync(images, "");
        await _server.Send(HttpMethod.Put, "/v1/batches/mended", new
        {
            prompts = new object[] { new { prompt = "a <b>fox</b>", seed = 4 }, new { prompt = "an owl", width = 33 } },
            settings = new { width = 64, height = 64, steps = 2 },
        });
        await _server.Until("/v1/batches/mended", "succeeded", seconds: 120);

        await Open("generate-mended");
        Assert.Equal("a <b>fox</b>", await _page.Evaluate("document.querySelector('h1').innerText"));
        Assert.Contains("transient_io", await _page.Evaluate("document.getElementById('failures').innerText"), StringComparison.Ordinal);
        Assert.Contains("bad_request", await _page.Evaluate("document.getElementById('failures').innerText"), StringComparison.Ordinal);
        // A row that was left out is mended in its file; trying it again would leave it out again.
        Assert.Equal("retry-transient_io", await _page.Evaluate("[...document.querySelectorAll('#failures button')].map(button => button.id).join()"));
        Assert.Equal("2", await _page.Evaluate("document.querySelectorAll('#images .blank.bad').length"));

        File.Delete(images);
        await _page.Evaluate("document.getElementById('retry-transient_io').click()");
        await _page.Until("document.querySelectorAll('#images img').length === 1 && document.querySelector('#images img').naturalWidth === 64");

        Assert.Contains("seed 4", await _page.Evaluate("document.getElementById('images').innerText"), StringComparison.Ordinal);
        await _page.Until("!document.getElementById('failures').innerText.includes('transient_io')");
        Assert.Empty(_page.Complaints);
    }

    [Fact]
    public async Task A_run_is_suspended_resumed_and_canceled_by_its_buttons()
    {
        await _server.Send(HttpMethod.Put, "/v1/batches/steered", new
        {
            prompts = Enumerable.Range(0, 200).Select(i => $"prompt {i}"),
            settings = new { width = 64, height = 64, steps = 40 },
        });

        await Open("generate-steered");
        await _page.Until("document.querySelectorAll('#images img').length > 0");
        Assert.Equal("48", await _page.Evaluate("document.querySelectorAll('#images figure').length"));
        // By the keyboard, which stays on the buttons while one takes the place of another.
        await _page.Evaluate("document.getElementById('suspend').focus()");
        await _page.Press("Enter");
        await _page.Until("document.activeElement.id === 'resume'");
        await _server.Until("/v1/batches/steered", "suspended");
        Assert.Contains("suspended", await _page.Evaluate("document.querySelector('.facts').innerText"), StringComparison.Ordinal);

        await _page.Press("Enter");
        await _page.Until("!!document.getElementById('suspend')");
        await _server.Until("/v1/batches/steered", "processing");

        await _page.Evaluate("(window.confirm = () => true, document.getElementById('cancel').click())");
        await _page.Until("document.querySelector('.facts').innerText.includes('canceled')");
        Assert.Equal("canceled", (await _server.Send(HttpMethod.Get, "/v1/batches/steered")).Body.GetProperty("status").GetString());

        // The next images of the plan have a page of their own, which leads back.
        await _page.GoBy("document.getElementById('next').click()");
        Assert.Contains("IMAGES 49–96 OF 128", await _page.Evaluate("document.querySelector('#images h2').innerText"), StringComparison.Ordinal);
        await _page.GoBy("document.getElementById('previous').click()");
        Assert.Contains("IMAGES 1–48 OF 128", await _page.Evaluate("document.querySelector('#images h2').innerText"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_button_that_comes_too_late_says_why()
    {
        await _server.Send(HttpMethod.Put, "/v1/jobs/short", SanaServer.Job("a fox", 1), ("Prefer", "wait=60"));
        await Open("job-short");

        await _page.Evaluate("document.querySelector('.acts').innerHTML = '<button data-method=DELETE data-path=/v1/jobs/short id=late></button>'");
        await _page.Evaluate("document.getElementById('late').click()");
        await _page.Until("document.getElementById('note').className === 'bad'");

        Assert.Equal("The job is succeeded and cannot be canceled.", await _page.Evaluate("document.getElementById('note').textContent"));
    }

    private Task Open(string id) => _page.Go(new Uri(_server.Address, $"/runs/{id}"));
}
