using Sana.Inference.Text;

namespace Sana.Inference.Captioning;

/// <summary>A caption in the making.</summary>
internal sealed class CaptionDraft(TokenChoice choice, int maxTokens, int[] endIds)
{
    private readonly List<int> _ids = [];
    private bool _stopped;
    private bool _failed;

    public bool HasEnded => _stopped || _failed || _ids.Count == maxTokens;

    /// <summary>The latest token.</summary>
    public int Last => _ids[^1];

    /// <summary>Takes the next token.</summary>
    public void Take(ReadOnlySpan<float> logits)
    {
        if (choice.Next(logits, _ids.Count) is not { } id)
        {
            _failed = true;
        }
        else if (endIds.Contains(id))
        {
            _stopped = true;
        }
        else
        {
            _ids.Add(id);
        }
    }

    /// <summary>The caption as it is now.</summary>
    /// <param name="vocabulary">For its text.</param>
    /// <param name="silent">Ids that are no text.</param>
    /// <param name="network">For the message of a failure.</param>
    public GeneratedCaption Finished(Gpt2Vocabulary vocabulary, int[] silent, string network) => new()
    {
        Text = _failed ? "" : vocabulary.Decode(_ids, silent),
        Ids = _ids,
        Tokens = _ids.Count + (_stopped ? 1 : 0),
        FinishReason = _failed ? null : _stopped ? "stop" : "length",
        Failure = _failed ? $"The network {network} gave no numbers for token {_ids.Count + 1} of this image; its weights may be damaged." : null,
    };
}
