using System.Numerics.Tensors;
using Sana.Inference.Text;

namespace Sana.Inference.Captioning;

/// <summary>The caption of one image while its tokens are chosen: one sequence, or several of which the best is kept.</summary>
/// <param name="options">Resolved.</param>
/// <param name="facts">Of the checkpoint.</param>
internal abstract class CaptionSearch(GenerationOptions options, CaptionerFacts facts)
{
    protected int MaxTokens { get; } = options.MaxTokens!.Value;

    /// <summary>Whether nothing more is to be computed.</summary>
    public abstract bool HasEnded { get; }

    /// <summary>The last token of each sequence that goes on.</summary>
    public abstract long[] Last { get; }

    /// <summary>Which of the sequences before each one continues; those before the first choice are one.</summary>
    public abstract int[] Parents { get; }

    /// <summary>Chooses the next tokens.</summary>
    /// <param name="logits">[sequences, vocabulary].</param>
    public abstract void Take(ReadOnlySpan<float> logits);

    /// <summary>The caption as it is now.</summary>
    /// <param name="vocabulary">For its text.</param>
    public abstract GeneratedCaption Finished(Gpt2Vocabulary vocabulary);

    /// <summary>The search that the options ask for.</summary>
    public static CaptionSearch Create(Imaging.RgbImage image, GenerationOptions options, CaptionerFacts facts) =>
        options.Beams > 1 ? new BeamSearch(options, facts) : new SingleSearch(image, options, facts);

    /// <summary>The tokens that would make the last ones a row of tokens that the caption has already.</summary>
    /// <param name="ids">The caption so far, without the start token, which counts too.</param>
    protected IEnumerable<int> Banned(List<int> ids)
    {
        var size = options.NoRepeatNgramSize!.Value;
        int[] all = size == 0 ? [] : [facts.StartId, .. ids];
        for (var at = 0; at + size <= all.Length && size > 0; at++)
        {
            if (all.AsSpan(at, size - 1).SequenceEqual(all.AsSpan(all.Length - size + 1)))
                yield return all[at + size - 1];
        }
    }

    protected bool IsEnd(int id) => facts.EndIds.Contains(id);

    /// <param name="vocabulary">For the text.</param>
    /// <param name="ids">The caption, without the start token and the one that ended it.</param>
    /// <param name="tokens">That were chosen, the ending one included.</param>
    /// <param name="reason"><c>stop</c> or <c>length</c>.</param>
    protected GeneratedCaption Caption(Gpt2Vocabulary vocabulary, List<int> ids, int tokens, string reason) => new()
    {
        Text = vocabulary.Decode(ids, [facts.StartId, .. facts.EndIds]),
        Ids = ids,
        Tokens = tokens,
        FinishReason = reason,
    };

    protected GeneratedCaption Failure(List<int> ids) => new()
    {
        Text = "",
        Ids = ids,
        Tokens = ids.Count,
        Failure = $"The network {facts.Name} gave no numbers for token {ids.Count + 1} of this image; its weights may be damaged.",
    };

    /// <summary>One sequence: the likeliest token each time, or a drawn one.</summary>
    private sealed class SingleSearch(Imaging.RgbImage image, GenerationOptions options, CaptionerFacts facts) : CaptionSearch(options, facts)
    {
        private readonly TokenSampler _choice = new(image, facts.VocabularySize, options);
        private readonly List<int> _ids = facts.ForcedFirstId is { } first ? [first] : [];
        private readonly bool _isLastForced = facts.ForcedLastId is not null;
        private bool _stopped;
        private bool _failed;

        public override bool HasEnded => _stopped || _failed || IsFull;

        public override long[] Last => [_ids[^1]];

        public override int[] Parents => [0];

        // The last place is that of the token that is forced there.
        private bool IsFull => _ids.Count == MaxTokens - (_isLastForced ? 1 : 0);

        public override void Take(ReadOnlySpan<float> logits)
        {
            if (_choice.Next(logits, _ids.Count, Banned(_ids)) is not { } id)
                _failed = true;
            else if (IsEnd(id))
                _stopped = true;
            else
                _ids.Add(id);
        }

        public override GeneratedCaption Finished(Gpt2Vocabulary vocabulary) => _failed
            ? Failure(_ids)
            : Caption(vocabulary, _ids, _ids.Count + (_stopped || _isLastForced ? 1 : 0), _stopped ? "stop" : "length");
    }

    /// <summary>
    /// Beam search as transformers has it (GenerationMixin._beam_search): in each step the likeliest continuations of all beams; those that end are kept by their score, those that do not are the
    /// next beams. An image is searched by itself, so it has the same caption in any batch.
    /// </summary>
    private sealed class BeamSearch : CaptionSearch
    {
        private readonly int _beams;
        private readonly int _candidates;
        private readonly int? _lastId;
        private readonly double _lengthPenalty;
        private readonly string _earlyStopping;
        private readonly List<Beam> _ended = [];
        private Beam[] _running;
        private bool _isDone;
        private bool _failed;

        public BeamSearch(GenerationOptions options, CaptionerFacts facts)
            : base(options, facts)
        {
            (_beams, _lastId, _lengthPenalty, _earlyStopping) = (options.Beams!.Value, facts.ForcedLastId, facts.LengthPenalty, facts.EarlyStopping);
            _candidates = Math.Max(2, 1 + facts.EndIds.Length) * _beams; // enough even if each beam's likeliest tokens all end it
            _running = [new Beam(facts.ForcedFirstId is { } first ? [first] : [], 0, 0)];
            EndIfOneIsLeft();
        }

        public override bool HasEnded => _isDone || _failed;

        public override long[] Last => Array.ConvertAll(_running, beam => (long)beam.Ids[^1]);

        public override int[] Parents => Array.ConvertAll(_running, beam => beam.Parent);

        private int Length => _running[0].Ids.Count;

        public override void Take(ReadOnlySpan<float> logits)
        {
            var width = logits.Length / _running.Length;
            var best = new PriorityQueue<Beam, (double Score, long Order)>(_candidates + 1); // the worst first
            for (var row = 0; row < _running.Length && !_failed; row++)
                Consider(logits.Slice(row * width, width), row, best);
            if (_failed)
                return;

            var candidates = new Beam[best.Count];
            for (var i = candidates.Length - 1; i >= 0; i--)
                candidates[i] = best.Dequeue();
            Go(candidates);
        }

        public override GeneratedCaption Finished(Gpt2Vocabulary vocabulary)
        {
            if (_failed)
                return Failure(_running[0].Ids);
            var ids = _ended[0].Ids;
            var ends = IsEnd(ids[^1]);
            var isForced = ids.Count == MaxTokens && _lastId is not null;
            return Caption(vocabulary, ends || isForced ? ids[..^1] : ids, ids.Count, ends && !isForced ? "stop" : "length");
        }

        // The likeliest tokens after one beam, among the best of all.
        private void Consider(ReadOnlySpan<float> logits, int row, PriorityQueue<Beam, (double Score, long Order)> best)
        {
            var highest = TensorPrimitives.Max(logits);
            var shifted = new float[logits.Length];
            TensorPrimitives.Subtract(logits, highest, shifted);
            TensorPrimitives.Exp<float>(shifted, shifted);
            var (beam, total) = (_running[row], highest + Math.Log(TensorPrimitives.Sum<float>(shifted)));
            if (!double.IsFinite(total))
            {
                _failed = true;
                return;
            }

            var banned = Banned(beam.Ids).ToHashSet();
            var least = Least();
            for (var id = 0; id < logits.Length; id++)
            {
                var score = beam.Score + (logits[id] - total);
                if (score <= least || banned.Contains(id))
                    continue;
                best.Enqueue(new Beam([.. beam.Ids, id], score, row), (score, -(((long)row * logits.Length) + id)));
                if (best.Count > _candidates)
                    best.Dequeue();
                least = Least();
            }

            // Of equals the first one stays.
            double Least() => best.Count < _candidates ? double.NegativeInfinity : best.TryPeek(out _, out var worst) ? worst.Score : 0;
        }

        private void Go(Beam[] candidates)
        {
            var length = Length + 1;
            var isFull = _ended.Count == _beams && _earlyStopping == "true";
            bool Ends(Beam beam) => IsEnd(beam.Ids[^1]) || length == MaxTokens;

            // Only the best may end: the others are there so that enough go on.
            foreach (var beam in candidates.Take(_beams).Where(beam => !isFull && Ends(beam)))
                End(beam);
            Beam[] next = [.. candidates.Where(beam => !Ends(beam)).Take(_beams)];
            if (next.Length == 0)
            {
                _isDone = true;
                return;
            }

            // Where the vocabulary has too few tokens, the rest is filled with beams that never count.
            _running = [.. next, .. Enumerable.Repeat(next[^1] with { Score = double.NegativeInfinity }, _beams - next.Length)];
            _isDone = _ended.Count == _beams && (_earlyStopping == "true" || Best(length) <= _ended[^1].Score);
            EndIfOneIsLeft();
        }

        // The score that the best beam could end with.
        private double Best(int length) => _running[0].Score / Math.Pow(_earlyStopping == "never" && _lengthPenalty > 0 ? MaxTokens : length, _lengthPenalty);

        // Where only the token that is forced at the end is left, the network need not be asked: its probability is 1.
        private void EndIfOneIsLeft()
        {
            if (_isDone || _lastId is not { } last || Length != MaxTokens - 1)
                return;
            foreach (var beam in _running)
                End(new Beam([.. beam.Ids, last], beam.Score, beam.Parent));
            _isDone = true;
        }

        private void End(Beam beam)
        {
            var score = beam.Score / Math.Pow(beam.Ids.Count, _lengthPenalty);
            var place = _ended.FindIndex(other => other.Score < score);
            _ended.Insert(place < 0 ? _ended.Count : place, beam with { Score = score });
            if (_ended.Count > _beams)
                _ended.RemoveAt(_beams);
        }

        /// <param name="Ids">Without the start token.</param>
        /// <param name="Score">Sum of log probabilities; of a caption that has ended, divided by its length to the penalty.</param>
        /// <param name="Parent">Which beam of the step before it continues.</param>
        private sealed record Beam(List<int> Ids, double Score, int Parent);
    }
}
