using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Config;
using Sana.Storage;

namespace Sana.Jobs.Curation;

/// <summary>A captioner with its bound on asks in flight, which holds over all shards.</summary>
internal sealed class OpenCaptioner(ICaptioner captioner, CaptionerConfig config) : IDisposable
{
    private readonly CheckedCaptioner _checked = new(captioner, config);
    private readonly SemaphoreSlim _slots = new(config.Concurrency);

    public CaptionerCard Card => captioner.Card;

    public int Concurrency => config.Concurrency;

    public string Currency => config.Price.Currency;

    /// <summary>Where its answers are kept: by model, revision, prompt and decoding; by the original caption too where the prompt quotes it.</summary>
    public string CacheName(string sha256, string? original)
    {
        var quoted = original is not null && Card.Prompt.Contains("{original}", StringComparison.Ordinal);
        var image = quoted ? $"{sha256}-{Digest.Sha256(original!)[..16]}" : sha256;
        return SharedNames.Caption($"{Slug(Card.Model)}@{Slug(Card.Revision ?? "")}/{Card.PromptId}", image);
    }

    public async Task<Candidate> Ask(CaptionAsk ask, CancellationToken cancellationToken)
    {
        await _slots.WaitAsync(cancellationToken);
        try
        {
            return await _checked.Caption(ask, cancellationToken);
        }
        finally
        {
            _slots.Release();
        }
    }

    public void Dispose()
    {
        _slots.Dispose();
        (captioner as IDisposable)?.Dispose();
        (captioner as IAsyncDisposable)?.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    // A readable part of a name; the hash keeps apart what reads alike.
    private static string Slug(string text)
    {
        var letters = string.Concat(text.Select(letter => char.IsAsciiLetterOrDigit(letter) ? char.ToLowerInvariant(letter) : '-'))[..Math.Min(text.Length,
            40)].Trim('-');
        return $"{letters}-{Digest.Sha256(text)[..8]}".TrimStart('-');
    }
}
