using System.Collections.Concurrent;
using Sana.Curation.Captioning.Config;
using Sana.Inference.Clip;
using Sana.Inference.Diffusion;
using Sana.Inference.Judging;

namespace Sana.Jobs.Curation;

/// <summary>The networks that score and judge, each opened once in a process; all datasets share them.</summary>
internal sealed class OpenNetworks(CurationTools tools) : IDisposable
{
    private readonly OpenOnce<ClipScorer> _scorers = new();
    private readonly OpenOnce<IJudge> _judges = new();

    public Task<ClipScorer> Scorer(string checkpoint, Precision precision) =>
        _scorers.Get($"{precision.Word()}\n{checkpoint}", () => tools.Scorer(checkpoint, precision, default));

    /// <param name="config">Of the judge.</param>
    /// <param name="clip">The checkpoint of the run's scores, which an aesthetic judge reads unless it names another.</param>
    /// <param name="precision">Of the run's scores.</param>
    /// <returns>The judge, and the precision of the CLIP that it reads.</returns>
    public async Task<(IJudge Judge, Precision Precision)> Judge(JudgeConfig config, string? clip, Precision precision)
    {
        var reads = config.Kind == JudgeKind.Aesthetic ? config.Clip ?? clip : null;
        var its = reads is null || config.Clip is not null ? config.Precision : precision;
        var judge = await _judges.Get(string.Join('\n', config.KindName, config.Checkpoint, config.Class, its.Word(), reads, config.Identity()["graph"]?.ToJsonString()), async () =>
            await tools.Judge(config, reads is null ? null : await Scorer(reads, its), default));
        return (judge, its);
    }

    public void Dispose()
    {
        _judges.Dispose();
        _scorers.Dispose();
    }

    /// <summary>What was opened, by name. What could not be is tried again.</summary>
    private sealed class OpenOnce<T> : IDisposable
        where T : IDisposable
    {
        private readonly ConcurrentDictionary<string, Lazy<Task<T>>> _all = new(StringComparer.Ordinal);

        public async Task<T> Get(string name, Func<Task<T>> open)
        {
            var opening = _all.GetOrAdd(name, _ => new Lazy<Task<T>>(open));
            try
            {
                return await opening.Value;
            }
            catch
            {
                _all.TryRemove(new(name, opening));
                throw;
            }
        }

        public void Dispose()
        {
            foreach (var name in _all.Keys)
            {
                if (_all.TryRemove(name, out var opening) && opening is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
                    opening.Value.Result.Dispose();
            }
        }
    }
}

/// <summary>Several scorers of one run: the one that captions are chosen by comes first.</summary>
internal static class ScorerOrder
{
    /// <param name="scorers">As they were given.</param>
    /// <param name="chosenBy">Name of the one to choose by; null for the first.</param>
    /// <exception cref="UnusableJobException">There is none of that name, or two have one name.</exception>
    public static void Sort(List<ClipScorer> scorers, string? chosenBy)
    {
        if (scorers.CountBy(scorer => scorer.Name, StringComparer.Ordinal).FirstOrDefault(name => name.Value > 1) is { Key: { } twice })
            throw new UnusableJobException($"Two scorers of the run are called {twice}, as their column would be; give the folder of one of them another name, or leave it out.");
        if (chosenBy is null)
            return;
        var first = scorers.FindIndex(scorer => scorer.Name == chosenBy);
        if (first < 0)
            throw new UnusableJobException($"There is no scorer '{chosenBy}' to choose by; the run's are {(scorers.Count == 0 ? "none" : string.Join(", ", scorers.Select(scorer => scorer.Name)))}.");
        var one = scorers[first];
        scorers.RemoveAt(first);
        scorers.Insert(0, one);
    }
}
