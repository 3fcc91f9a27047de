using Sana.Inference.Diffusion;
using Sana.Jobs.Control;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Local.Hosting;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Control;

/// <summary>Runs of a host in memory: what they are called, how they are made to go on, and their images as a page shows them.</summary>
public sealed class RunControlTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly TempFolder _folder = new();
    private LocalHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await MemoryHost.Open(FileBlobs.Open(_folder.Path), new FakeRenderer());

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_run_is_called_by_its_first_good_prompt()
    {
        await File.WriteAllTextAsync(_folder.File("prompts.jsonl"), "not json\n{\"prompt\":\"  \"}\n{\"prompt\":\"an owl\"}\n{\"prompt\":\"a fox\"}\n");
        var run = await Run(PromptFile.Open(_folder.File("prompts.jsonl")));
        var titles = new RunTitles(_host.Blobs);

        Assert.Equal("an owl", await titles.Of(run, None));
        Assert.Equal(300, (await titles.Of(await Run(PromptFile.Of([new string('x', 5000)])), None))!.Length);
        Assert.Null(await titles.Of(run with { Input = run.Input.Replace("work/jobs/", "work/jobs/0", StringComparison.Ordinal) }, None));
    }

    [Fact]
    public async Task Its_images_are_shown_in_the_order_of_its_plan_a_page_at_a_time()
    {
        await File.WriteAllTextAsync(_folder.File("prompts.jsonl"), "{\"prompt\":\"one\",\"seeds\":[1,2,3]}\nnot json\n{\"prompt\":\"broken\"}\n{\"prompt\":\"two\"}\n");
        var run = await Run(PromptFile.Open(_folder.File("prompts.jsonl")));
        var id = RunImages.RunIdOf(run)!;

        var all = (await RunImages.Read(_host.Blobs, id, 0, 0, 48, None))!;
        var second = (await RunImages.Read(_host.Blobs, id, 0, 2, 2, None))!;
        var last = (await RunImages.Read(_host.Blobs, id, 0, int.MaxValue, 4, None))!;

        Assert.Equal((6, 6), (all.InChunk, all.Images.Count));
        Assert.Equal(["", "broken", "one", "one", "one", "two"], all.Images.Select(image => image.Prompt).Order(StringComparer.Ordinal));
        Assert.Equal(4, all.Images.Count(image => image.Blob is not null));
        Assert.Equal([null, "bad_row", "nan"], all.Images.Select(image => image.Reason).Distinct().Order());
        Assert.All(all.Images.Where(image => image.Reason is not null), image => Assert.NotNull(image.Message));
        Assert.Equal(all.Images.Skip(2).Take(2), second.Images);
        Assert.Equal(4, last.From);
        Assert.Equal(all.Images.Skip(4), last.Images);
        Assert.Null(await RunImages.Read(_host.Blobs, id, 1, 0, 48, None));
    }

    [Fact]
    public async Task What_has_its_result_is_not_resumed_and_what_was_canceled_begins_again()
    {
        var run = await Run(PromptFile.Of(["a fox"]));
        Assert.False(await RunControl.Resume(_host.Client, run.Id));
        Assert.False(await RunControl.Resume(_host.Client, "generate-nobody"));
        Assert.True(await RunControl.Retry(_host.Client, run.Id, ["nan"]));
        Assert.Equal(WorkflowStatus.Completed, (await _host.Client.Wait(run.Id, None)).Status);

        var other = await Start(PromptFile.Of([.. Enumerable.Range(0, 2000).Select(i => $"prompt {i}")]));
        await _host.Client.Cancel(other.Id, "enough");
        Assert.Equal(WorkflowStatus.Canceled, (await _host.Client.Wait(other.Id, None)).Status);

        Assert.True(await RunControl.Resume(_host.Client, other.Id));
        Assert.False(await RunControl.Resume(_host.Client, other.Id));
        await _host.Client.Cancel(other.Id, "enough");
    }

    private async Task<WorkflowInstance> Run(PromptFile prompts) => await _host.Client.Wait((await Start(prompts)).Id, None);

    private async Task<WorkflowInstance> Start(PromptFile prompts) =>
        (await GenerateSubmission.Start(_host.Client, _host.Blobs, new FakeRenderer().Fingerprint, new GenerateJob { Prompts = prompts, Options = new GenerateOptions { Width = 64, Height = 64, Steps = 1 } }, pace: null, None)).Instance;
}
