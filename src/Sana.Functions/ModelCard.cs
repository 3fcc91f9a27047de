using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Storage.Blobs;

namespace Sana.Functions;

/// <summary>
/// <c>work/model.json</c>: what the orchestrator must know of a checkpoint that only the gpu app has, to plan runs and to fill in defaults, and when a gpu app last showed it.
/// </summary>
internal sealed class ModelCard(CheckpointFacts facts, GateCard? gate, DateTimeOffset? shown) : IModel
{
    private const string Name = "work/model.json";

    public string Fingerprint => facts.Fingerprint;

    public string ModelName => facts.Name;

    public string Precision => facts.Precision;

    public string? Decoder => facts.Decoder;

    public IReadOnlyDictionary<string, string> Adapters => facts.Adapters;

    public IReadOnlyDictionary<string, string> Controls => facts.Controls;

    public GateCard? Gate => gate;

    /// <value>When a gpu app last showed this card; null in a card of an earlier version.</value>
    public DateTimeOffset? Shown => shown;

    public GenerateOptions Resolve(GenerateOptions options) => options.Resolve(facts);

    /// <exception cref="SanaException">No gpu app has loaded a checkpoint yet.</exception>
    public static async Task<IModel> Read(IBlobs blobs, CancellationToken cancellationToken) => await Find(blobs, cancellationToken) ?? throw new SanaException(Missing(blobs));

    /// <summary>The card, or null when no gpu app has loaded a checkpoint yet.</summary>
    public static async Task<ModelCard?> Find(IBlobs blobs, CancellationToken cancellationToken)
    {
        if (await blobs.Read(Name, cancellationToken) is not { } json)
            return null;
        var card = JsonNode.Parse(json)!;
        return new ModelCard(card.Deserialize<CheckpointFacts>()!, card[nameof(Gate)].Deserialize<GateCard>(), card[nameof(Shown)]?.GetValue<DateTimeOffset>());
    }

    /// <summary>Why there is no card, and what to do.</summary>
    public static string Missing(IBlobs blobs) =>
        $"{blobs.Place} has no {Name}: the gpu app writes it when it has loaded its checkpoint. Bring the weights and start it once, see docs/azure.md.";

    /// <summary>Writes the card over the one that is there.</summary>
    public static Task Write(IBlobs blobs, CheckpointFacts facts, GateCard? gate, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var card = JsonSerializer.SerializeToNode(facts)!;
        card[nameof(Gate)] = JsonSerializer.SerializeToNode(gate);
        card[nameof(Shown)] = now;
        return blobs.Put(Name, JsonSerializer.SerializeToUtf8Bytes(card), cancellationToken);
    }
}

/// <summary>
/// Shows the card of what a replica of the gpu role renders with: when it is warm, and every five minutes while it lives. Where a replica that loaded another checkpoint later has
/// shown that, it leaves it.
/// </summary>
internal sealed class ModelCardDisplay(Func<CheckpointFacts> facts, Func<GateCard?> gate, WarmUp warm, AppJobs jobs, TimeProvider clock, ILogger<ModelCardDisplay> log) : BackgroundService
{
    private static readonly TimeSpan _each = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan _beforeAnotherTry = TimeSpan.FromMinutes(1);

    private string? _shown;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await warm.Done.WaitAsync(stoppingToken);
        while (true)
            await Task.Delay(await Show(stoppingToken) ? _each : _beforeAnotherTry, clock, stoppingToken);
    }

    /// <summary>Shows the card once. False when it could not be written.</summary>
    internal async Task<bool> Show(CancellationToken stoppingToken)
    {
        try
        {
            var (blobs, mine) = ((await jobs.Get(stoppingToken)).Blobs, facts());
            if (_shown != mine.Fingerprint || await ModelCard.Find(blobs, stoppingToken) is not { } there || there.Fingerprint == mine.Fingerprint)
                await ModelCard.Write(blobs, mine, gate(), clock.GetUtcNow(), stoppingToken);
            _shown = mine.Fingerprint;
            return true;
        }
        catch (Exception error) when (!stoppingToken.IsCancellationRequested)
        {
            log.CardNotShown(error.Message);
            return false;
        }
    }
}
