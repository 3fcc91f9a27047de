using System.Text;

namespace Sana.Inference.Text;

/// <summary>A Gemma <c>tokenizer.json</c>, checked. A file that asks for something which is not implemented here is refused.</summary>
internal sealed class GemmaTokenizerFile
{
    private const string Fix = "use the checkpoint's own tokenizer.json";

    private readonly int[] _byteIds = new int[256]; // −1 where the vocabulary has no such byte token
    private readonly Dictionary<int, byte> _bytes = [];

    private GemmaTokenizerFile(string path, ReadOnlyMemory<byte> json, JsonPart? config)
    {
        var parts = JsonPart.Ranges(json, path, "");
        var model = JsonPart.Ranges(JsonPart.Require(parts, "model", path, Fix), path, "model");

        if (Part("type")?.Text() is { } type && type != "BPE") throw Part("type")!.Value.Refuse($"is \"{JsonPart.Shorten(type)}\", not \"BPE\"", Fix);
        if (Part("dropout") is { } dropout && dropout.Number() != 0) throw dropout.Refuse("makes tokens random", $"set it to null or {Fix}");
        foreach (var affix in new[] { Part("continuing_subword_prefix"), Part("end_of_word_suffix") })
            if (affix is { } text && text.Text().Length > 0) throw text.Refuse("is set, which no Gemma tokenizer does", Fix);

        Vocabulary = Vocabulary.Parse(JsonPart.Require(model, "model.vocab", path, Fix), path, "\"model.vocab\"");
        Merges = BytePairMerges.Parse(JsonPart.Require(model, "model.merges", path, Fix), Vocabulary, path, "\"model.merges\"");
        FusesUnknowns = Flag("fuse_unk");
        IgnoresMerges = Flag("ignore_merges");
        UnknownId = Part("unk_token") is { } unknown ? Vocabulary.Require(unknown.Text(), "\"model.unk_token\"") : null;
        ReadBytes(Flag("byte_fallback"));

        Normalizer = new TextNormalizer(TopLevel("normalizer"));
        (RawTokens, NormalisedTokens) = ReadAddedTokens(TopLevel("added_tokens"));
        RefuseSplits(TopLevel("pre_tokenizer"));
        Template = TokenTemplate.Parse(TopLevel("post_processor"), config, Vocabulary);
        PadId = Vocabulary.Require(config.SpecialToken("pad_token") ?? "<pad>", "\"pad_token\"");
        EndId = Vocabulary.TryGetId(config.SpecialToken("eos_token") ?? "<eos>", out var end) ? end : null;

        JsonPart? Part(string key) => Optional(model, key, path, "model.");
        JsonPart? TopLevel(string key) => Optional(parts, key, path, "");
        bool Flag(string key) => Part(key) is { } flag && flag.Boolean();
    }

    public Vocabulary Vocabulary { get; }
    public BytePairMerges Merges { get; }
    public TextNormalizer Normalizer { get; }

    /// <summary>Tokens that are found in the text before normalisation.</summary>
    public AddedTokens RawTokens { get; }

    /// <summary>Tokens that are found after normalisation.</summary>
    public AddedTokens NormalisedTokens { get; }
    public TokenTemplate Template { get; }
    public int PadId { get; }

    /// <summary>Null when the vocabulary has no such token.</summary>
    public int? EndId { get; }

    /// <summary>Null when a character that is neither in the vocabulary nor expressible in bytes is dropped.</summary>
    public int? UnknownId { get; }

    /// <summary>A run of unknown characters is one unknown token.</summary>
    public bool FusesUnknowns { get; }

    /// <summary>A piece that is a token as a whole is not merged.</summary>
    public bool IgnoresMerges { get; }

    public static GemmaTokenizerFile Load(string folder)
    {
        var config = CheckpointFile.ReadSettings(Path.Combine(folder, "tokenizer_config.json"));
        var path = Path.Combine(folder, "tokenizer.json");
        var json = CheckpointFile.Read(path, CheckpointFile.MaxVocabularyBytes);
        return CheckpointFile.Parsing(path, () => new GemmaTokenizerFile(path, json, config));
    }

    /// <summary>The byte that the token stands for; null for every other token.</summary>
    public byte? ByteOf(int id) => _bytes.TryGetValue(id, out var value) ? value : null;

    /// <summary>The character as byte tokens; false when one of them is not in the vocabulary.</summary>
    public bool TryGetBytes(Rune rune, Span<int> ids, out int count)
    {
        Span<byte> utf8 = stackalloc byte[4];
        count = rune.EncodeToUtf8(utf8);
        for (var i = 0; i < count; i++) ids[i] = _byteIds[utf8[i]];
        return !ids[..count].Contains(-1);
    }

    private void ReadBytes(bool fallback)
    {
        for (var value = 0; value < 256; value++)
        {
            _byteIds[value] = -1;
            if (!fallback || !Vocabulary.TryGetId($"<0x{value:X2}>", out var id)) continue;
            _byteIds[value] = id;
            _bytes[id] = (byte)value;
        }
    }

    private (AddedTokens Raw, AddedTokens Normalised) ReadAddedTokens(JsonPart? tokens)
    {
        var (raw, normalised) = (new List<AddedToken>(), new List<AddedToken>());
        foreach (var item in tokens?.Items() ?? [])
        {
            var content = item.Get("content").Text();
            if (content.Length == 0) continue; // matches nothing; the tokenizers library skips it too
            var id = item.Get("id").Integer();
            Vocabulary.AddOrConfirm(content, id, $"\"{item.Key}\"");

            var (list, text) = item.Flag("normalized") ? (normalised, Normalizer.Apply(content)) : (raw, content);
            if (text.Length is 0 or > AddedTokens.MaxContentLength)
                throw item.Refuse($"has {text.Length} characters, the limits are 1…{AddedTokens.MaxContentLength}", Fix);
            list.Add(new AddedToken(id, text) { SingleWord = item.Flag("single_word"), StripsLeft = item.Flag("lstrip"), StripsRight = item.Flag("rstrip") });
        }

        return (new AddedTokens(raw), new AddedTokens(normalised));
    }

    /// <summary>Gemma merges across words. Some of its files have a split at " " that never matches, because the normalizer has replaced every space.</summary>
    private void RefuseSplits(JsonPart? splitter)
    {
        if (splitter is not { } part) return;
        var neverMatches = part.Text("type") == "Split" && part.Find("pattern")?.Text("String") is { } pattern && Normalizer.Removes(pattern);
        if (!neverMatches || part.Flag("invert")) throw part.Refuse("splits the text before merging, which no Gemma tokenizer does", Fix);
    }

    private static JsonPart? Optional(Dictionary<string, ReadOnlyMemory<byte>> parts, string key, string path, string parent)
    {
        if (!parts.TryGetValue(key, out var json)) return null;
        var part = JsonPart.Parse(json, path, parent + key);
        return part.IsNull ? null : part;
    }
}

/// <summary>The ids before and after every text: for Gemma <c>&lt;bos&gt;</c> before it.</summary>
internal sealed record TokenTemplate(int[] Before, int[] After)
{
    private const int MaxIds = 16;

    /// <summary>The "post_processor" of tokenizer.json, or without one what tokenizer_config.json says.</summary>
    public static TokenTemplate Parse(JsonPart? processor, JsonPart? config, Vocabulary vocabulary) =>
        processor is { } part ? FromProcessor(part, vocabulary) : FromConfig(config, vocabulary);

    private static TokenTemplate FromConfig(JsonPart? config, Vocabulary vocabulary)
    {
        return new TokenTemplate(Ids("add_bos_token", true, "bos_token", "<bos>"), Ids("add_eos_token", false, "eos_token", "<eos>"));

        int[] Ids(string flag, bool otherwise, string name, string usual) => config?.Flag(flag, otherwise) ?? otherwise
            ? [vocabulary.Require(config.SpecialToken(name) ?? usual, $"\"{name}\"")]
            : [];
    }

    private static TokenTemplate FromProcessor(JsonPart processor, Vocabulary vocabulary)
    {
        var type = processor.Get("type").Text();
        if (type != "TemplateProcessing")
            throw processor.Refuse($"has the type \"{JsonPart.Shorten(type)}\", not \"TemplateProcessing\"", "use the checkpoint's own tokenizer.json");

        var special = processor.Get("special_tokens");
        var (before, after, seen) = (new List<int>(), new List<int>(), 0);
        foreach (var item in processor.Get("single").Items())
        {
            if (item.Find("Sequence") is not null) seen++;
            else (seen == 0 ? before : after).AddRange(special.Get(item.Get("SpecialToken").Get("id").Text()).Get("ids").Items().Select(id => Known(id, vocabulary)));
            if (before.Count + after.Count > MaxIds) throw item.Refuse($"makes the template longer than {MaxIds} ids");
        }

        if (seen != 1) throw processor.Refuse($"places the text {seen} times, not once");
        return new TokenTemplate([.. before], [.. after]);
    }

    private static int Known(JsonPart part, Vocabulary vocabulary)
    {
        var id = part.Integer();
        return vocabulary.Text(id) is not null ? id : throw part.Refuse($"is {id}, an id that no token has");
    }
}

/// <summary>The "normalizer" of a Gemma tokenizer.json: nothing, lower case (as SigLIP 2 has it), a replacement of a fixed string, or a sequence of these.</summary>
internal sealed class TextNormalizer
{
    /// <summary>Published files have one step. The limit bounds how long a hostile file can make the text.</summary>
    private const int MaxSteps = 8;

    private readonly List<Step> _steps = [];

    public TextNormalizer(JsonPart? normalizer)
    {
        if (normalizer is { } part) Add(part);
    }

    /// <summary>True when no normalised text contains the string, so that a split at it does nothing.</summary>
    public bool Removes(string text)
    {
        var removed = _steps.FindLastIndex(step => step.Pattern == text);
        return text.Length == 1 && removed >= 0 && _steps.Skip(removed).All(step => !step.Content.Contains(text, StringComparison.Ordinal));
    }

    /// <exception cref="InferenceException">The text grows beyond the limit.</exception>
    public string Apply(string text)
    {
        foreach (var step in _steps)
        {
            if (step.IsLowerCase)
            {
                text = Lower(text);
                continue;
            }

            var grown = text.Length + (text.AsSpan().Count(step.Pattern) * ((long)step.Content.Length - step.Pattern.Length));
            if (grown > UnicodeText.MaxLength * 2L)
                throw new InferenceException($"The tokenizer's normalizer turns the text into {grown:N0} characters, the limit is {UnicodeText.MaxLength * 2L:N0}; shorten the text or replace tokenizer.json.");
            text = text.Replace(step.Pattern, step.Content, StringComparison.Ordinal);
        }

        return text;
    }

    /// <summary>The reverse, as far as there is one: a "▁" in the original text becomes a space.</summary>
    public string Undo(string text)
    {
        foreach (var step in Enumerable.Reverse(_steps))
        {
            if (step.Content.Length > 0) text = text.Replace(step.Content, step.Pattern, StringComparison.Ordinal);
        }

        return text;
    }

    private void Add(JsonPart part)
    {
        switch (part.Get("type").Text())
        {
            case "Sequence":
                foreach (var item in part.Get("normalizers").Items()) Add(item);
                return;
            case "Replace" when part.Get("pattern").Text("String") is { Length: > 0 } pattern:
                _steps.Add(new Step(pattern, part.Get("content").Text()));
                break;
            case "Lowercase":
                _steps.Add(Step.LowerCase);
                break;
            case "Replace":
                throw part.Refuse("replaces by a regular expression or an empty pattern, which no Gemma tokenizer does", "use the checkpoint's own tokenizer.json");
            case var other:
                throw part.Refuse($"has the type \"{JsonPart.Shorten(other)}\", which no Gemma tokenizer has", "use the checkpoint's own tokenizer.json");
        }

        if (_steps.Count > MaxSteps) throw part.Refuse($"is one of more than {MaxSteps} steps", "use the checkpoint's own tokenizer.json");
    }

    // Each character on its own, as the tokenizers library does it.
    private static string Lower(string text)
    {
        var lower = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) PromptCleaner.AppendLower(lower, rune);
        return lower.ToString();
    }

    private readonly record struct Step(string Pattern, string Content)
    {
        public static readonly Step LowerCase = new("", "");

        public bool IsLowerCase => Pattern.Length == 0;
    }
}
