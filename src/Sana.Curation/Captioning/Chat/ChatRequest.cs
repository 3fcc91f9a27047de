using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using NetVips;
using OpenAI.Chat;
using Sana.Curation.Captioning.Config;
using Sana.Inference.Imaging;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;

namespace Sana.Curation.Captioning.Chat;

/// <summary>
/// One ask as messages and options. The image is part of the message: an endpoint that fetched addresses would see what we see, and from where.
/// </summary>
internal sealed class ChatRequest
{
    // About what a vision encoder makes of a patch of 28×28 pixels; only budgets lean on it, and only until the endpoint has counted.
    private const int PixelsPerToken = 28 * 28;
    private const int LettersPerToken = 4;
    private readonly ChatMessage[] _messages;
    private readonly ChatOptions _options;

    public ChatRequest(CaptionerConfig one, CaptionAsk ask)
    {
        var (image, mediaType) = ImageShrink.ToSide(ask.Image, ask.MediaType, ask.Width, ask.Height, one.ImageMaxSide);
        var repair = RepairDecoding.For(one, ask.Repair);
        var prompt = one.Prompt.Fill(ask, one.Label, one.Model) + repair.Suffix;
        var content = new DataContent(image, mediaType);
        if (one.ImageDetail is not null)
            content.AdditionalProperties = new() { ["detail"] = one.ImageDetail };
        var user = new ChatMessage(ChatRole.User, [content, new TextContent(prompt)]);
        _messages = one.System is null ? [user] : [new ChatMessage(ChatRole.System, one.System), user];
        _options = Options(one, repair);

        InputEstimate = InputTokens(one, prompt.Length, ask.Width, ask.Height);
        MaxTokens = repair.Decoding.MaxTokens;
    }

    /// <summary>Tokens of prompt and image, roughly.</summary>
    public int InputEstimate { get; }

    /// <summary>The most that the answer may have.</summary>
    public int MaxTokens { get; }

    /// <summary>Tokens of a prompt of so many letters with an image of this size, roughly.</summary>
    public static int InputTokens(CaptionerConfig one, int promptLength, int width, int height)
    {
        var scale = Math.Min(1, (double)one.ImageMaxSide / Math.Max(1, Math.Max(width, height)));
        return ((promptLength + (one.System?.Length ?? 0)) / LettersPerToken) + (int)(width * scale * height * scale / PixelsPerToken) + 1;
    }

    /// <summary>Tokens of an answer, roughly.</summary>
    public static int OutputEstimate(string text) => (text.Length + LettersPerToken - 1) / LettersPerToken;

    public Task<ChatResponse> Send(IChatClient client, CancellationToken cancellationToken) => client.GetResponseAsync(_messages, _options, cancellationToken);

    private static ChatOptions Options(CaptionerConfig one, RepairDecoding repair)
    {
        var decoding = repair.Decoding;
        var oldName = one.MaxTokensField == "max_tokens";
        return new ChatOptions
        {
            Temperature = (float)decoding.Temperature,
            TopP = (float?)decoding.TopP,
            Seed = decoding.Seed,
            FrequencyPenalty = (float?)repair.FrequencyPenalty,
            StopSequences = decoding.Stop.Count > 0 ? [.. decoding.Stop] : null,
            MaxOutputTokens = oldName ? null : decoding.MaxTokens,
            RawRepresentationFactory = _ => Raw(decoding, oldName),
        };
    }

    // What OpenAI's own interface has no member for.
    private static ChatCompletionOptions Raw(Decoding decoding, bool oldName)
    {
        var raw = new ChatCompletionOptions();
#pragma warning disable SCME0001 // The patch is marked experimental and is the one documented way to further fields.
        if (oldName)
            raw.Patch.Set("$.max_tokens"u8, decoding.MaxTokens);
        if (decoding.RepetitionPenalty is { } penalty)
            raw.Patch.Set("$.repetition_penalty"u8, penalty);
        foreach (var (name, value) in decoding.Extra)
            raw.Patch.Set(Encoding.UTF8.GetBytes($"$.{name}"), JsonSerializer.SerializeToUtf8Bytes(value, ConfigJson.Settings.JsonElement));
#pragma warning restore SCME0001
        return raw;
    }
}

/// <summary>Makes a normalised image smaller before it is sent.</summary>
internal static class ImageShrink
{
    private const int Quality = 92;

    /// <summary>The file as it is when it fits; else a smaller one of the same proportions and format.</summary>
    /// <param name="file">JPEG or PNG that we wrote ourselves.</param>
    /// <param name="mediaType">image/jpeg or image/png.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="side">The longer side of the result at most, in pixels.</param>
    /// <exception cref="EndpointFault">The file cannot be decoded.</exception>
    public static (ReadOnlyMemory<byte> File, string MediaType) ToSide(ReadOnlyMemory<byte> file, string mediaType, int width, int height, int side)
    {
        if (Math.Max(width, height) <= side)
            return (file, mediaType);
        LibVips.Configure();
        try
        {
            using var small = Image.ThumbnailBuffer(file.ToArray(), side, height: side, size: Enums.Size.Down, failOn: Enums.FailOn.Warning);
            var isPng = mediaType == "image/png";
            return (isPng ? small.PngsaveBuffer(keep: Enums.ForeignKeep.None) : small.JpegsaveBuffer(q: Quality, keep: Enums.ForeignKeep.None), mediaType);
        }
        catch (VipsException error)
        {
            var sentence = $"The image of {width}×{height} pixels cannot be made smaller: {error.Message.Split('\n')[0]}";
            throw new EndpointFault(Reasons.CaptionerRefused, sentence, retryable: false);
        }
    }
}
