using Sana.Curation;
using Sana.Inference.Imaging;
using Sana.Inference.Judging;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Networks;

/// <summary>The judges of generated images and their prompts, loaded. Whoever holds a renderer holds its gate, so no way to an image leads past it.</summary>
public sealed class Gate : IDisposable
{
    private const int Digits = 4;

    private readonly IReadOnlyList<IJudge> _judges;
    private readonly IReadOnlyList<IDisposable> _owned;

    /// <summary>A gate of loaded judges.</summary>
    /// <param name="judges">Each with what is stated of it. They are closed with the gate.</param>
    /// <param name="outsideLimits"><see cref="GateConfig.Withhold"/> or <see cref="GateConfig.Quarantine"/>.</param>
    /// <param name="owned">Networks that judges share, closed after them. Default none.</param>
    public Gate(IReadOnlyList<(JudgeCard Card, IJudge Judge)> judges, string outsideLimits, IReadOnlyList<IDisposable>? owned = null)
    {
        ArgumentNullException.ThrowIfNull(judges);
        Card = new GateCard([.. judges.Select(one => one.Card)], outsideLimits);
        (_judges, _owned) = ([.. judges.Select(one => one.Judge)], owned ?? []);
    }

    /// <summary>What it is.</summary>
    public GateCard Card { get; }

    /// <summary>What the judges of prompts say, before anything is made of one; null where there is none.</summary>
    /// <param name="prompt">Alone: a score does not depend on other prompts.</param>
    /// <param name="cancellationToken">Stops between two nodes of a network.</param>
    public GateVerdict? Judge(string prompt, CancellationToken cancellationToken) =>
        Card.Judges.Any(judge => judge.ReadsPrompts) ? Score(new JudgedImages([], [prompt]), readsPrompts: true, cancellationToken) : null;

    /// <summary>Scores an image, alone: a score does not depend on which other images were made with it.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="prompt">What it was made from.</param>
    /// <param name="cancellationToken">Stops between two nodes of a network.</param>
    public GateVerdict Judge(RgbImage image, string prompt, CancellationToken cancellationToken) => Score(new JudgedImages([image], [prompt]), readsPrompts: false, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var judge in _judges)
            judge.Dispose();
        foreach (var network in _owned)
            network.Dispose();
    }

    private GateVerdict Score(JudgedImages images, bool readsPrompts, CancellationToken cancellationToken)
    {
        var (scores, faults) = (new List<ImageScore>(), new List<string>());
        foreach (var (card, judge) in Card.Judges.Zip(_judges).Where(one => one.First.ReadsPrompts == readsPrompts))
        {
            var number = judge.Score(images, cancellationToken)[0];
            double? score = double.IsFinite(number) ? Math.Round(number, Digits) : null;
            scores.Add(new ImageScore(card.Column, score) { Min = card.Min, Max = card.Max });
            if (card.Fault(score) is { } fault)
                faults.Add(fault);
        }

        return new GateVerdict(scores, faults.Count == 0 ? null : string.Join(' ', faults));
    }
}

/// <summary>What a gate says of an image or a prompt.</summary>
/// <param name="Scores">In the order of the judges.</param>
/// <param name="Fault">Why it is outside, in one sentence a judge; null when it is within every limit.</param>
public sealed record GateVerdict(IReadOnlyList<ImageScore> Scores, string? Fault);
