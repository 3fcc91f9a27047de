using System.Text;

namespace Sana.Inference.Text;

/// <summary>What a Gemma <c>tokenizer.json</c> says, checked: what the rules here cannot follow is refused, never guessed.</summary>
internal sealed class GemmaTokenizerFile
{
    private const string Fix = "use the checkpoint's own tokenizer.json";

    private readonly int[] _byteIds = new int[256]; // −1 where the vocabulary has no such byte token
    private readonly Dictionary<int, byte> _bytes = [];

    private GemmaTokenizerFile(string path, ReadOnlyMemory<byte> json, JsonPart? config)
    {
        var parts = JsonPart.Ranges(json, path, "");
        var model = JsonPart.Ranges(Require(parts, "model", path), path, "model");

        if (Part("type")?.Text() is { } type && type != "BPE") throw Part("type")!.Value.Refuse($"is \"{JsonPart.Shorten(type)}\", not \"BPE\"", Fix);
        if (Part("dropout") is { } dropout && dropout.Number() != 0) throw dropout.Refuse("makes tokens random", $"set it to null or {Fix}");
        foreach (var affix in new[] { Part("continuing_subword_prefix"), Part("end_of_word_suffix") })
            if (affix is { } text && text.Text().Length > 0) throw text.Refuse("is set, which no Gemma tokenizer does", Fix);

        Vocabulary = Vocabulary.Parse(Require(model, "vocab", path, "model."), path, "\"model.vocab\"");
        Merges = BytePairMerges.Parse(Require(model, "merges", path, "model."), Vocabulary, path, "\"model.merges\"");
        FusesUnknowns = Flag("fuse_unk");
        IgnoresMerges = Flag("ignore_merges");
        UnknownId = Part("unk_token") is { } unknown ? Vocabulary.Require(unknown.Text(), "\"model.unk_token\"") : null;
        ReadBytes(Flag("byte_fallback"));

        Normalizer = new TextNormalizer(TopLevel("normalizer"));
        (RawTokens, NormalisedTokens) = ReadAddedTokens(TopLevel("added_tokens"));
        RefuseSplits(TopLevel("pre_tokenizer"));
        Template = TokenTemplate.Parse(TopLevel("post_processor"), config, Vocabulary);
        PadId = Vocabulary.Require(config.SpecialToken("pad_token") ?? "<pad>", "\"pad_token\"");

        JsonPart? Part(string key) => Optional(model, key, path, "model.");
        JsonPart? TopLevel(string key) => Optional(parts, key, path, "");
        bool Flag(string key) => Part(key) is { } flag && flag.Boolean();
    }

    public Vocabulary Vocabulary { get; }

    public BytePairMerges Merges { get; }

    public TextNormalizer Normalizer { get; }

    /// <summary>Tokens that are looked for in the text as typed.</summary>
    public AddedTokens RawTokens { get; }

    /// <summary>Tokens that are looked for after normalisation.</summary>
    public AddedTokens NormalisedTokens { get; }

    public TokenTemplate Template { get; }

    public int PadId { get; }

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
            if (content.Length == 0) continue; // matches nothing; the tokenizers library passes over it too
            var id = item.Get("id").Integer();
            Vocabulary.AddOrConfirm(content, id, $"\"{item.Key}\"");

            var (list, text) = item.Flag("normalized") ? (normalised, Normalizer.Apply(content)) : (raw, content);
            if (text.Length is 0 or > AddedTokens.MaxContentLength)
                throw item.Refuse($"has {text.Length} characters, the limits are 1…{AddedTokens.MaxContentLength}", Fix);
            list.Add(new AddedToken(id, text) { SingleWord = item.Flag("single_word"), StripsLeft = item.Flag("lstrip"), StripsRight = item.Flag("rstrip") });
        }

        return (new AddedTokens(raw), new AddedTokens(normalised));
    }

    /// <summary>Gemma merges across words. Some of its files carry a split at " " that never matches, because the normalizer has replaced every space.</summary>
    private void RefuseSplits(JsonPart? splitter)
    {
        if (splitter is not { } part) return;
        var neverMatches = part.Text("type") == "Split" && part.Find("pattern")?.Text("String") is { } pattern && Normalizer.Removes(pattern);
        if (!neverMatches || part.Flag("invert")) throw part.Refuse("splits the text before merging, which no Gemma tokenizer does", Fix);
    }

    private static ReadOnlyMemory<byte> Require(Dictionary<string, ReadOnlyMemory<byte>> parts, string key, string path, string parent = "") =>
        parts.TryGetValue(key, out var json) ? json : throw new InferenceException($"{path}: the key \"{parent}{key}\" is missing; {Fix}.");

    private static JsonPart? Optional(Dictionary<string, ReadOnlyMemory<byte>> parts, string key, string path, string parent)
    {
        if (!parts.TryGetValue(key, out var json)) return null;
        var part = JsonPart.Parse(json, path, parent + key);
        return part.IsNull ? null : part;
    }
}
