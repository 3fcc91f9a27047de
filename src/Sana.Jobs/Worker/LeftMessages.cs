using System.Collections.Concurrent;

namespace Sana.Jobs.Worker;

/// <summary>Messages for another checkpoint, which come by again and again until a worker with that one takes them: counted as long as they come.</summary>
/// <param name="clock">Tells how long ago each came by.</param>
public sealed class LeftMessages(TimeProvider clock)
{
    /// <summary>How long such a message is not seen again.</summary>
    internal static readonly TimeSpan Delay = TimeSpan.FromSeconds(30);

    private const int Most = 10_000;

    // Others may be rendered in between: a message that has not come for so long was taken elsewhere or canceled.
    private static readonly TimeSpan _known = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, (long Seen, string Sentence)> _left = new();

    /// <summary>What waits for which checkpoint, in a sentence; null when nothing does.</summary>
    public string? Sentence
    {
        get
        {
            foreach (var (id, left) in _left)
            {
                if (clock.GetElapsedTime(left.Seen) > _known)
                    _left.TryRemove(id, out _);
            }

            var newest = _left.Values.OrderByDescending(left => left.Seen).FirstOrDefault();
            return newest.Sentence is null ? null : $"model_mismatch: {_left.Count} {(_left.Count == 1 ? "message waits" : "messages wait")}. {newest.Sentence}";
        }
    }

    internal void Add(string id, string sentence)
    {
        if (_left.Count < Most || _left.ContainsKey(id))
            _left[id] = (clock.GetTimestamp(), sentence);
    }

    internal void Remove(string id) => _left.TryRemove(id, out _);
}

/// <summary>A message is for a worker with another checkpoint.</summary>
internal sealed class OtherModelException(string message) : Exception(message);
