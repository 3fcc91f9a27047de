using System.Collections.Concurrent;
using System.Security.Cryptography;
using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Config;

namespace Sana.Tests.Support;

/// <summary>Says of an image what the test wants, and counts who was asked what. The real ones are tested against a server over HTTP.</summary>
internal sealed class FakeCaptioner(CaptionerConfig config, Func<CaptionAsk, int, CaptionAnswer> answer) : ICaptioner
{
    private readonly ConcurrentDictionary<string, int> _asked = new();

    public CaptionerCard Card { get; } = new(config.Label, config.Model, config.Revision, config.Licence, config.Prompt.Text, config.Identity()["settings"]!.ToJsonString());

    /// <summary>Asks so far, repairs included.</summary>
    public int Asks => _asked.Values.Sum();

    public static CaptionAnswer Said(string text) => new() { Text = text, FinishReason = "stop", InputTokens = 100, OutputTokens = 20, Cost = 0.01m, Attempts = 1 };

    public static CaptionAnswer Silent(string reason) => new() { Reason = reason, Message = "The test wants it so.", Attempts = 1 };

    /// <summary>A caption that differs from image to image.</summary>
    public static string Of(CaptionAsk ask) => $"A small picture with the number {Convert.ToHexStringLower(SHA256.HashData(ask.Image.Span))[..8]} on a wall.";

    public Task<CaptionAnswer> Ask(CaptionAsk ask, CancellationToken cancellationToken)
    {
        var times = _asked.AddOrUpdate(Convert.ToHexString(SHA256.HashData(ask.Image.Span)), 1, (_, before) => before + 1);
        return Task.FromResult(answer(ask, times));
    }
}
