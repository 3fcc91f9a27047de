using System.Text.RegularExpressions;
using Sana.Curation.Captioning.Checks;
using Sana.Inference.Captioning;
using Sana.Inference.Diffusion;

namespace Sana.Curation.Captioning.Config;

/// <summary>One entry of the file to a configuration: every field with its range.</summary>
internal static partial class CaptionerReader
{
    private const int LongestPrompt = 8000;
    private const int LongestAddress = 2000;
    private static readonly string[] _owned =
    [
        "model", "messages", "stream", "n", "temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "stop", "repetition_penalty",
    ];

    public static CaptionerConfig Read(ConfigPart part)
    {
        var label = Label(part);
        var kind = part.Choice("kind", "chat", "chat", "onnx") == "chat" ? CaptionerKind.Chat : CaptionerKind.Onnx;
        var target = kind == CaptionerKind.Chat ? Target(part) : null;
        var checkpoint = part.Text("checkpoint", LongestAddress);
        if (kind == CaptionerKind.Onnx && checkpoint is null)
            throw part.Refuse("checkpoint", "is missing; the kind onnx names the folder of its checkpoint");
        if (kind == CaptionerKind.Chat && checkpoint is not null)
            throw part.Refuse("checkpoint", "belongs to the kind onnx; take it out or say \"kind\": \"onnx\"");
        var (task, beams, ngram) = (part.Choice("task", "", [.. GenerationOptions.Tasks]), part.Integer("beams", 1, 8), part.Integer("no_repeat_ngram_size", 0, 64));
        var precision = part.Choice("precision", "", [.. PrecisionName.OfCuration]);
        foreach (var (name, isThere) in new[] { ("task", task.Length > 0), ("beams", beams is not null), ("no_repeat_ngram_size", ngram is not null), ("precision", precision.Length > 0) })
        {
            if (kind == CaptionerKind.Chat && isThere)
                throw part.Refuse(name, "belongs to the kind onnx; take it out or say \"kind\": \"onnx\"");
        }

        var plainest = kind == CaptionerKind.Onnx ? 0 : new Decoding().Temperature;
        var one = new CaptionerConfig
        {
            Label = label,
            Kind = kind,
            Task = task.Length > 0 ? task : null,
            Beams = beams,
            NoRepeatNgramSize = ngram,
            Precision = precision.Length > 0 ? PrecisionName.Parse(precision) : Precision.Float32,
            Target = target,
            Fallback = kind == CaptionerKind.Chat ? Fallback(part, target!) : null,
            Checkpoint = checkpoint,
            Model = target?.Model ?? part.Text("model") ?? label,
            Revision = part.Text("revision"),
            Licence = part.Text("licence"),
            Prompt = Prompt(part),
            System = part.Text("system", LongestPrompt),
            Decoding = part.Object("decoding") is { } decoding ? ReadDecoding(decoding, plainest) : new Decoding { Temperature = plainest },
            Concurrency = part.Integer("concurrency", 1, 256) ?? 4,
            RequestsPerMinute = part.Integer("requests_per_minute", 1, 1_000_000),
            TokensPerMinute = part.Integer("tokens_per_minute", 1000, 1_000_000_000),
            Price = part.Object("price") is { } price ? ReadPrice(price) : new TokenPrice(0, 0),
            DeadlineSeconds = part.Number("deadline_seconds", 1, 3600) ?? 120,
            MaxAttempts = part.Integer("max_attempts", 1, 20) ?? 4,
            ImageMaxSide = part.Integer("image_max_side", 64, 8192) ?? 1024,
            ImageDetail = part.Choice("image_detail", "", "low", "high", "auto") is { Length: > 0 } detail ? detail : null,
            MaxTokensField = part.Choice("max_tokens_field", "max_tokens", "max_tokens", "max_completion_tokens"),
            Rules = Rules(part),
        };
        part.Close();
        return one is { Beams: > 1 } && (one.Decoding.Temperature > 0 || one.Decoding.RepetitionPenalty is not (null or 1))
            ? throw part.Refuse("beams", $"is {one.Beams}, which cannot be had with a temperature or a repetition penalty; take these out of decoding, or use 1 beam")
            : one;
    }

    private static string Label(ConfigPart part)
    {
        var label = part.Needed("label", 64);
        try
        {
            return CaptionLabel.Check(label);
        }
        catch (CurationException error)
        {
            throw part.Refuse("label", $"is \"{label}\": {error.Message.TrimEnd('.')}");
        }
    }

    private static ChatTarget Target(ConfigPart part) => new(
        Endpoint(part),
        part.Needed("model"),
        part.Choice("auth", "bearer", "bearer", "api-key"),
        part.Text("api_version", 40))
    { Key = Key(part) };

    private static ChatTarget? Fallback(ConfigPart part, ChatTarget first)
    {
        if (part.Object("fallback") is not { } other)
            return null;
        var target = new ChatTarget(
            Endpoint(other),
            other.Text("model") ?? first.Model,
            other.Choice("auth", "bearer", "bearer", "api-key"),
            other.Text("api_version", 40))
        { Key = Key(other) };
        other.Close();
        return target;
    }

    private static Uri Endpoint(ConfigPart part)
    {
        var text = part.Needed("endpoint", LongestAddress);
        if (!Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
            throw part.Refuse("endpoint", $"is \"{ConfigPart.Shorten(text)}\"; it is an http or https address such as http://localhost:8000/v1");
        if (address.UserInfo.Length > 0 || address.Query.Length > 0 || address.Fragment.Length > 0)
            throw part.Refuse("endpoint", "has a user, a query or a fragment; a key is named by api_key_env or api_key_file, a version by api_version");
        if (address.AbsolutePath.TrimEnd('/').EndsWith("/chat/completions", StringComparison.OrdinalIgnoreCase))
            throw part.Refuse("endpoint", "ends in /chat/completions, which is added to it; end it before that");
        return address;
    }

    private static KeyReference? Key(ConfigPart part)
    {
        var (variable, file) = (part.Text("api_key_env", LongestAddress), part.Text("api_key_file", LongestAddress));
        if (variable is not null && file is not null)
            throw part.Refuse("api_key_env", "and api_key_file are both there; keep one");
        if (variable is not null && !VariableForm().IsMatch(variable))
            throw part.Refuse("api_key_env", "is no name of an environment variable (letters, digits, underscores); a key itself may not stand here");
        return variable is null && file is null ? null : new KeyReference(variable, file);
    }

    private static PromptTemplate Prompt(ConfigPart part)
    {
        try
        {
            return PromptTemplate.Parse(part.Text("prompt", LongestPrompt) ?? "Describe this image in detail.");
        }
        catch (FormatException error)
        {
            throw part.Refuse("prompt", error.Message);
        }
    }

    private static Decoding ReadDecoding(ConfigPart part, double temperature)
    {
        var decoding = new Decoding
        {
            Temperature = part.Number("temperature", 0, 2) ?? temperature,
            TopP = part.Number("top_p", 0, 1),
            MaxTokens = part.Integer("max_tokens", 1, 16_384) ?? 512,
            Seed = part.Integer("seed", 0, int.MaxValue),
            RepetitionPenalty = part.Number("repetition_penalty", 0.5, 2),
            Stop = part.Texts("stop", most: 4, longest: 40),
            Extra = part.Members("extra"),
        };
        part.Close();
        if (decoding.Extra.Count > 32)
            throw part.Refuse("extra", $"has {decoding.Extra.Count} fields; the limit is 32");
        if (decoding.Extra.Keys.FirstOrDefault(name => _owned.Contains(name)) is { } owned)
            throw part.Refuse($"extra.{owned}", "has a setting of its own or is not for settings; take it out");
        if (decoding.Extra.Keys.FirstOrDefault(name => !VariableForm().IsMatch(name)) is { } odd)
            throw part.Refuse("extra", $"has the field \"{ConfigPart.Shorten(odd)}\"; names have letters, digits and underscores");
        return decoding;
    }

    private static TokenPrice ReadPrice(ConfigPart part)
    {
        var price = new TokenPrice(
            (decimal)(part.Number("per_million_input", 0, 1e6) ?? 0),
            (decimal)(part.Number("per_million_output", 0, 1e6) ?? 0),
            part.Text("currency", 3) ?? "USD");
        part.Close();
        return CurrencyForm().IsMatch(price.Currency) ? price : throw part.Refuse("currency", $"is \"{price.Currency}\"; it is three capital letters such as USD");
    }

    private static CaptionRules Rules(ConfigPart part)
    {
        var rules = new CaptionRules
        {
            Language = part.Choice("language", "en", ["any", .. CaptionLanguage.Codes]),
            MinWords = part.Integer("min_words", 1, 1000) ?? 3,
            MaxWords = part.Integer("max_words", 1, 10_000) ?? 1000,
            RefusalPatterns = part.Texts("refusal_patterns", most: 32, longest: 200),
            StripOpener = part.Flag("strip_opener"),
        };
        if (rules.MaxWords < rules.MinWords)
            throw part.Refuse("max_words", $"is {rules.MaxWords}, less than min_words {rules.MinWords}; raise it");
        foreach (var pattern in rules.RefusalPatterns)
        {
            if (!CaptionRefusal.IsPattern(pattern))
                throw part.Refuse("refusal_patterns", $"has \"{ConfigPart.Shorten(pattern)}\", no regular expression without back-references and look-arounds");
        }

        return rules;
    }

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_]{0,127}\z")]
    private static partial Regex VariableForm();

    [GeneratedRegex(@"^[A-Z]{3}\z")]
    private static partial Regex CurrencyForm();
}
