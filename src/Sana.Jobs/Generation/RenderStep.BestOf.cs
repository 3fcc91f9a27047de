using System.Diagnostics;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Generation;

/// <summary>
/// Batches of candidates: those of one image are made, judged and decided together, and nothing is written before. An image that lacks a record is decided again as a whole, from the same seeds.
/// </summary>
internal sealed partial class RenderStep
{
    private async Task<(IReadOnlyList<ImageRecord> Records, StageSeconds Seconds)> RenderBest(
        RenderBatch batch, ImageRecord?[] settled, int maxImages, bool refuseNan, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken)
    {
        var (clock, spent) = (Stopwatch.StartNew(), new StageSeconds(0, 0, 0));
        _ = await RefusePrompts(batch, settled, cancellationToken);
        var groups = Enumerable.Range(0, settled.Length).Chunk(batch.BestOf!.Of).Where(group => Array.Exists(group, i => settled[i] is null)).ToArray();
        foreach (var group in groups)
        {
            var candidates = new List<CandidateImage>();
            foreach (var part in group.Chunk(maxImages))
            {
                var images = renderer.Generate([.. part.Select(i => batch.Images[i].Request)], batch.Options, progress, cancellationToken);
                RefuseNan(images, refuseNan);
                spent = new StageSeconds(spent.Text + images[0].Seconds.Text, spent.Denoise + images[0].Seconds.Denoise, spent.Decode + images[0].Seconds.Decode);
                candidates.AddRange(part.Zip(images, (i, made) => new CandidateImage(i, made, Judge(made, cancellationToken))));
                if (Stop(batch.BestOf, candidates) is { } end)
                {
                    candidates.RemoveRange(end, candidates.Count - end);
                    break;
                }

                Forget(batch.BestOf, candidates);
            }

            var kept = Best(batch.BestOf, candidates).Take(batch.BestOf.Keep).ToHashSet();
            var lost = candidates.Where(candidate => !candidate.IsGood).Take(batch.BestOf.Keep - kept.Count).ToHashSet();
            var encode = clock.Elapsed;
            var files = group.Select((i, k) => Encode(batch, i, k < candidates.Count ? candidates[k] : null, kept, lost)).ToArray();
            if (group == groups[^1])
                await WriteTimings(batch, groups.Sum(each => each.Length), spent, clock.Elapsed - encode, clock.Elapsed, cancellationToken);
            for (var k = 0; k < group.Length; k++)
            {
                var before = settled[group[k]]?.Image;
                settled[group[k]] = await Settle(batch, batch.Images[group[k]], files[k].Record, files[k].Bytes, cancellationToken);
                // A retry of a candidate may have decided otherwise.
                if (before is not null && files[k].Record.Image is null)
                    await blobs.Delete(before.Name, cancellationToken);
            }
        }

        return (settled!, spent);
    }

    private (ImageRecord Record, byte[]? Bytes) Encode(RenderBatch batch, int place, CandidateImage? candidate, HashSet<CandidateImage> kept, HashSet<CandidateImage> lost)
    {
        var planned = batch.Images[place];
        if (candidate is not null && (kept.Contains(candidate) || lost.Contains(candidate)))
            return Encode(batch, planned, candidate.Made, candidate.Verdict);
        var record = Record(batch, planned, candidate?.Made.Flags ?? [], OutcomeStatus.NotKept, OutcomeStatus.NotKept);
        return (record with { Scores = candidate?.Verdict?.Scores, Message = candidate is null ? "It was not asked for: enough before it were good enough." : candidate.Verdict?.Fault ?? candidate.Made.Failure }, null);
    }

    /// <summary>Candidates that may be kept, best first; equal ones by their place.</summary>
    private IEnumerable<CandidateImage> Best(BestOf best, IEnumerable<CandidateImage> candidates) => candidates
        .Where(candidate => candidate.IsGood)
        .OrderByDescending(candidate => best.Rank(candidate.Verdict!.Scores, renderer.Gate!), Comparer<double[]>.Create((one, other) => one.AsSpan().SequenceCompareTo(other)))
        .ThenBy(candidate => candidate.Place);

    /// <summary>How many candidates count, where enough of them are good enough; it is asked of each in turn, so that the answer does not depend on how many were made at once.</summary>
    private int? Stop(BestOf best, List<CandidateImage> candidates)
    {
        var enough = 0;
        for (var i = 0; i < candidates.Count; i++)
        {
            enough += candidates[i].IsGood && best.IsEnough(best.Rank(candidates[i].Verdict!.Scores, renderer.Gate!), renderer.Gate!) ? 1 : 0;
            if (enough == best.Keep)
                return i + 1;
        }

        return null;
    }

    /// <summary>Lets go of the pixels of what will not be written: memory does not grow with the number of candidates.</summary>
    private void Forget(BestOf best, List<CandidateImage> candidates)
    {
        var written = Best(best, candidates).Take(best.Keep).Concat(candidates.Where(candidate => !candidate.IsGood).Take(best.Keep)).ToHashSet();
        foreach (var candidate in candidates.Where(candidate => !written.Contains(candidate)))
            candidate.Made = candidate.Made with { Image = null };
    }

    /// <summary>One candidate; its pixels until it is sure that they are not written.</summary>
    private sealed class CandidateImage(int place, GeneratedImage made, GateVerdict? verdict)
    {
        public int Place => place;

        public GeneratedImage Made { get; set; } = made;

        public GateVerdict? Verdict => verdict;

        public bool IsGood { get; } = made.Failure is null && verdict is { Fault: null };
    }
}
