using System.Security.Cryptography;
using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Chat;
using Sana.Curation.Captioning.Config;
using Sana.Inference.Imaging;
using Sana.Tests.Support;

namespace Sana.Tests.Captioning;

/// <summary>Captioners over a real connection to the misbehaving server.</summary>
internal static class Chat
{
    public static CaptionerConfig Config(Uri endpoint, string more = "") =>
        CaptionerFile.Parse($$"""{"captioners":[{"label":"one","endpoint":"{{endpoint}}","model":"m","deadline_seconds":3600{{more}}}]}""").Captioners[0];

    public static ChatCaptioner Captioner(CaptionServer server, string more = "", TimeProvider? time = null, Func<string, string?>? environment = null) =>
        ChatCaptioner.Create(Config(server.Endpoint, more), time ?? new ImpatientTime(TimeSpan.FromMinutes(3)), environment);

    public static CaptionAsk Ask(int seed = 1, int width = 48, int height = 32)
    {
        var pixels = new byte[3 * width * height];
        new Random(seed).NextBytes(pixels);
        return new CaptionAsk(ImageCodec.Encode(new RgbImage(width, height, pixels), ImageFormat.Png), "image/png", width, height, Original: null);
    }

    public static string Hash(CaptionAsk ask) => Convert.ToHexStringLower(SHA256.HashData(ask.Image.Span));
}
