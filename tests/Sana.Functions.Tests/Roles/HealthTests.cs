using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Sana.Curation;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;
using Xunit;

namespace Sana.Functions.Tests.Roles;

/// <summary>What the orchestrator says of the gpu app, which it knows by the card of its model only.</summary>
[Collection(OneAzurite.Turns)]
public sealed class HealthTests(OneAzurite azurite)
{
    private static readonly TimeSpan _most = TimeSpan.FromMinutes(1);

    private readonly Clock _clock = new();

    [Fact]
    public async Task Without_a_card_the_sentence_says_what_to_do()
    {
        using var app = await Orchestrator();

        var (status, body) = await Ready(app);

        Assert.Equal((200, true), (status, body.GetProperty("ready").GetBoolean()));
        Assert.Equal(JsonValueKind.Null, body.GetProperty("model").ValueKind);
        Assert.Contains("has no work/model.json: the gpu app writes it when it has loaded its checkpoint. Bring the weights", Sentence(body), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(15, 1, null)]
    [InlineData(16, 0, null)]
    [InlineData(16, 1, "1 job waits, and no gpu app has shown its model since 2026-01-01 10:00 UTC. ")]
    [InlineData(60, 2, "2 jobs wait, and no gpu app has shown its model since 2026-01-01 10:00 UTC. ")]
    public async Task An_old_card_is_a_fault_only_while_jobs_wait(int minutes, int jobs, string? sentence)
    {
        using var app = await Orchestrator();
        var parts = await app.Jobs.Get(default);
        await ModelCard.Write(parts.Blobs, Facts("tiny"), gate: null, _clock.GetUtcNow(), default);
        for (var job = 0; job < jobs; job++)
            await parts.Queue.Send(new JobMessage { JobId = $"j{job}", Input = new JobInput { Prompt = "a cat" } });
        _clock.Advance(TimeSpan.FromMinutes(minutes));

        var (status, body) = await Ready(app);

        Assert.Equal((200, "tiny", "2026-01-01T10:00:00+00:00"), (status, body.GetProperty("model").GetString(), body.GetProperty("modelShown").GetString()));
        Assert.True(sentence is null ? Sentence(body) is null : Sentence(body)!.StartsWith(sentence, StringComparison.Ordinal), Sentence(body));
    }

    [Fact]
    public async Task A_card_of_an_earlier_version_can_be_planned_with()
    {
        using var app = await Orchestrator();
        var parts = await app.Jobs.Get(default);
        await parts.Blobs.Put("work/model.json", JsonSerializer.SerializeToUtf8Bytes(Facts("tiny")), default);
        await parts.Queue.Send(new JobMessage { JobId = "j", Input = new JobInput { Prompt = "a cat" } });

        Assert.Equal(Facts("tiny").Fingerprint, (await ModelCard.Read(parts.Blobs, default)).Fingerprint);
        Assert.StartsWith("1 job waits, and no gpu app has shown its model for long. ", Sentence((await Ready(app)).Body), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_card_tells_who_judges_images()
    {
        using var app = await Orchestrator();
        var gate = new GateCard([new JudgeCard("nsfw", "classifier", "classifier__nsfw", "model", new('0', 64), "probability of nsfw") { Class = "nsfw", Max = 0.5 }], GateConfig.Quarantine);

        await ModelCard.Write(await Blobs(app), Facts("tiny"), gate, _clock.GetUtcNow(), default);

        var read = (await ModelCard.Read(await Blobs(app), default)).Gate!;
        Assert.Equal((gate.Judges[0], gate.OutsideLimits, true), (read.Judges[0], read.OutsideLimits, read.HasLimits));
        Assert.Equal(gate.FingerprintWith("f"), read.FingerprintWith("f"));
    }

    [Fact]
    public async Task A_warm_replica_shows_its_card_every_five_minutes()
    {
        using var app = await Orchestrator();
        using var display = Display(app, "tiny");
        await app.WarmedUp();

        await display.StartAsync(default);
        Assert.True(await _clock.Waits.WaitAsync(_most));
        Assert.Equal(_clock.Start, await Shown(app));
        _clock.Advance(TimeSpan.FromMinutes(4));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.True(await _clock.Waits.WaitAsync(_most));
        Assert.Equal(_clock.Start.AddMinutes(5), await Shown(app));
        await display.StopAsync(default);
    }

    [Fact]
    public async Task A_replica_leaves_the_card_of_a_checkpoint_that_was_loaded_after_its_own()
    {
        using var app = await Orchestrator();
        using var before = Display(app, "before");
        using var after = Display(app, "after");

        Assert.True(await before.Show(default) && await after.Show(default) && await before.Show(default));

        Assert.Equal("after", (await ModelCard.Find(await Blobs(app), default))!.ModelName);
    }

    private static CheckpointFacts Facts(string name) => new(name, name.PadRight(64, 'f'), SolverKind.FlowDpm, 3, 0.5f, 32, 32, 0.1f);

    private static async Task<IBlobs> Blobs(App app) => (await app.Jobs.Get(default)).Blobs;

    private static string? Sentence(JsonElement body) => body.GetProperty("sentence").GetString();

    private async Task<App> Orchestrator() => new(azurite.Connection, await azurite.Fresh(), "orchestrator");

    private ModelCardDisplay Display(App app, string checkpoint) => new(() => Facts(checkpoint), () => null, app.Warm, app.Jobs, _clock, NullLogger<ModelCardDisplay>.Instance);

    private static async Task<DateTimeOffset?> Shown(App app) => (await ModelCard.Find(await Blobs(app), default))?.Shown;

    private async Task<(int Status, JsonElement Body)> Ready(App app)
    {
        await using var services = new ServiceCollection().AddLogging().BuildServiceProvider();
        var context = new DefaultHttpContext { RequestServices = services, Response = { Body = new MemoryStream() } };
        var answer = await new HealthFunctions(app.Settings, app.Jobs, _clock, services).Ready(context.Request);
        await answer.ExecuteAsync(context);
        return (context.Response.StatusCode, JsonDocument.Parse(((MemoryStream)context.Response.Body).ToArray()).RootElement);
    }

    /// <summary>Counts those who begin to wait.</summary>
    private sealed class Clock() : FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 10, 0, 0, TimeSpan.Zero))
    {
        public SemaphoreSlim Waits { get; } = new(0);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Waits.Release();
            return timer;
        }
    }
}
