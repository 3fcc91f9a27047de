using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Chat;
using Sana.Curation.Captioning.Config;
using Sana.GraphBuilder;
using Sana.Inference;
using Sana.Storage;

namespace Sana.Jobs.Curation;

/// <summary>A captioner with its bound on asks in flight, which holds over all shards. One that cannot be opened has that for an answer: the others go on.</summary>
internal sealed class OpenCaptioner : IDisposable
{
    private readonly CaptionerConfig _config;
    private readonly Func<CaptionerConfig, CancellationToken, Task<ICaptioner>> _open;
    private readonly SemaphoreSlim _slots;
    private ICaptioner? _captioner;
    private CheckedCaptioner? _checked;
    private string? _fault;

    private OpenCaptioner(CaptionerConfig config, Func<CaptionerConfig, CancellationToken, Task<ICaptioner>> open)
    {
        (_config, _open, _slots) = (config, open, new SemaphoreSlim(config.Concurrency));
        Card = config.Card();
    }

    public CaptionerCard Card { get; private set; }

    public int Concurrency => _config.Concurrency;

    public string Currency => _config.Price.Currency;

    public static async Task<OpenCaptioner> Open(CaptionerConfig config, Func<CaptionerConfig, CancellationToken, Task<ICaptioner>> open)
    {
        var opened = new OpenCaptioner(config, open);
        await opened.TryOpen(CancellationToken.None);
        return opened;
    }

    /// <summary>Before a retry: what failed for good may have been mended.</summary>
    public async Task Resume(CancellationToken cancellationToken)
    {
        if (_captioner is null)
            await TryOpen(cancellationToken);
        else
            _captioner.Resume();
    }

    private async Task TryOpen(CancellationToken cancellationToken)
    {
        try
        {
            var captioner = await _open(_config, cancellationToken);
            (_checked, _fault, Card) = (new CheckedCaptioner(captioner, _config), null, captioner.Card);
            _captioner = captioner;
        }
        catch (Exception error) when (error is CurationException or InferenceException or CheckpointException)
        {
            _fault = error.Message;
        }
    }

    /// <summary>What an ask about an image of this size may take: its prompt, and an answer of the greatest length.</summary>
    public Usage Estimate(int width, int height)
    {
        var (input, output) = (ChatRequest.InputTokens(_config, _config.Prompt.Text.Length, width, height), _config.Decoding.MaxTokens);
        return new Usage(1, input + output, _config.Price.Cost(input, output));
    }

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
            return _checked is null ? Refused() : await _checked.Caption(ask, cancellationToken);
        }
        finally
        {
            _slots.Release();
        }
    }

    public void Dispose()
    {
        _slots.Dispose();
        (_captioner as IDisposable)?.Dispose();
        (_captioner as IAsyncDisposable)?.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    private Candidate Refused() => new()
    {
        Label = Card.Label,
        Model = Card.Model,
        ModelRevision = Card.Revision,
        Licence = Card.Licence,
        PromptId = Card.PromptId,
        Reason = Reasons.CaptionerRefused,
        Message = _fault,
    };

    // A readable part of a name; the hash keeps apart what reads alike.
    private static string Slug(string text)
    {
        var letters = string.Concat(text.Select(letter => char.IsAsciiLetterOrDigit(letter) ? char.ToLowerInvariant(letter) : '-'))[..Math.Min(text.Length,
            40)].Trim('-');
        return $"{letters}-{Digest.Sha256(text)[..8]}".TrimStart('-');
    }
}
