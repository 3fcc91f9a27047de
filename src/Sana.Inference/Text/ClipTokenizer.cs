using System.Runtime.InteropServices;
using System.Text;

namespace Sana.Inference.Text;

/// <summary>Text to ids by a CLIP checkpoint's own files, as transformers' CLIPTokenizer does it. Any number of threads may use one instance.</summary>
public sealed class ClipTokenizer
{
    private readonly ClipTokenizerFiles _files;

    private ClipTokenizer(ClipTokenizerFiles files) => _files = files;

    /// <summary>Positions of the text network, 77 in every published checkpoint.</summary>
    public int ContextLength => _files.ContextLength;

    /// <summary>The id that starts every text.</summary>
    public int StartId => _files.StartId;

    /// <summary>The id that ends every text; the network's output there is the text's embedding.</summary>
    public int EndId => _files.EndId;

    /// <summary>The id of the padding after the end token: the end token itself, or that of <c>!</c>.</summary>
    public int PadId => _files.PadId;

    /// <summary>Highest id + 1.</summary>
    internal int VocabularySize => _files.VocabularySize;

    /// <summary>Reads <c>vocab.json</c> and <c>merges.txt</c>, or else <c>tokenizer.json</c>, and <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c> and <c>config.json</c> where they exist.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <exception cref="InferenceException">A file is missing, broken, too big or of another kind of tokenizer.</exception>
    public static ClipTokenizer Load(string folder) => new(ClipTokenizerFiles.Load(folder));

    /// <summary>The ids of the text, truncated to the context with the end token kept, and padded.</summary>
    /// <param name="text">At most 1,000,000 characters; a lone surrogate counts as U+FFFD.</param>
    /// <exception cref="InferenceException">The text is too long.</exception>
    public ClipTokens Encode(string text)
    {
        var all = EncodeUncut(text);
        var ids = new int[ContextLength];
        var kept = Math.Min(all.Count, ids.Length);
        CollectionsMarshal.AsSpan(all)[..kept].CopyTo(ids);
        ids.AsSpan(kept).Fill(PadId);
        ids[kept - 1] = EndId;
        return new ClipTokens(ids, all.Count);
    }

    /// <summary>Start token, all ids of the text, end token.</summary>
    internal List<int> EncodeUncut(string text)
    {
        text = UnicodeText.Checked(text);
        var ids = new List<int>(ContextLength) { StartId };
        var run = new MergeRun(_files.Merges);
        foreach (var piece in _files.SpecialTokens.Split(text))
        {
            if (piece.Id >= 0)
            {
                ids.Add(piece.Id);
                continue;
            }

            var normalised = ClipPreTokenizer.Normalise(text[piece.Start..piece.End]);
            foreach (var word in ClipPreTokenizer.Words(normalised)) AppendWord(normalised.AsSpan(word), ids, run);
        }

        ids.Add(EndId);
        return ids;
    }

    private void AppendWord(ReadOnlySpan<char> word, List<int> ids, MergeRun run)
    {
        var start = ids.Count;
        var count = Encoding.UTF8.GetByteCount(word);
        CollectionsMarshal.SetCount(ids, start + count);
        var added = CollectionsMarshal.AsSpan(ids)[start..];

        var utf8 = count <= 256 ? stackalloc byte[count] : new byte[count];
        Encoding.UTF8.GetBytes(word, utf8);
        for (var i = 0; i < count - 1; i++) added[i] = _files.ByteIds[utf8[i]];
        added[^1] = _files.LastByteIds[utf8[^1]];
        CollectionsMarshal.SetCount(ids, start + run.Join(added));
    }
}

/// <summary>A text as CLIP's text network reads it.</summary>
/// <param name="Ids">Start token, text, end token, padding: as many as the context has positions (77).</param>
/// <param name="Tokens">Ids of the whole text before truncation, start and end token included.</param>
public sealed record ClipTokens(int[] Ids, int Tokens)
{
    /// <summary>The text was truncated; the end token is still there.</summary>
    public bool Truncated => Tokens > Ids.Length;

    /// <summary>How many leading <see cref="Ids"/> are not padding.</summary>
    public int Length => Math.Min(Tokens, Ids.Length);
}

/// <summary>The tokenizer as a CLIP checkpoint's files describe it.</summary>
internal sealed class ClipTokenizerFiles
{
    private const string WordEnd = "</w>";
    private const int MaxContext = 4096;

    private ClipTokenizerFiles(Vocabulary vocabulary, BytePairMerges merges, string folder)
    {
        var config = CheckpointFile.ReadSettings(Path.Combine(folder, "tokenizer_config.json"));
        var map = CheckpointFile.ReadSettings(Path.Combine(folder, "special_tokens_map.json"));
        var network = CheckpointFile.ReadSettings(Path.Combine(folder, "config.json"));

        Merges = merges;
        VocabularySize = vocabulary.Size;
        StartId = Special("bos_token", "<|startoftext|>", out var start);
        EndId = Special("eos_token", "<|endoftext|>", out var end);
        PadId = Special("pad_token", end, out var pad);
        var unknownId = Special("unk_token", end, out var unknown);
        SpecialTokens = new AddedTokens([new(StartId, start), new(EndId, end), new(PadId, pad), new(unknownId, unknown)]);
        ContextLength = Math.Min(Length(network?.Find("text_config") ?? network, "max_position_embeddings") ?? 77, Length(config, "model_max_length") ?? MaxContext);

        for (var value = 0; value < 256; value++)
        {
            var letter = ByteLevelAlphabet.Letter(value).ToString();
            ByteIds[value] = vocabulary.TryGetId(letter, out var inner) ? inner : unknownId;
            LastByteIds[value] = vocabulary.TryGetId(letter + WordEnd, out var last) ? last : unknownId;
        }

        int Special(string name, string usual, out string text)
        {
            text = config.SpecialToken(name) ?? map.SpecialToken(name) ?? usual;
            if (text.Length is 0 or > AddedTokens.MaxContentLength)
                throw new InferenceException($"{folder}: \"{name}\" has {text.Length} characters, the limits are 1…{AddedTokens.MaxContentLength}; download the checkpoint again.");
            return vocabulary.Require(text, $"\"{name}\"");
        }
    }

    public BytePairMerges Merges { get; }

    /// <summary>Start, end, padding and unknown token. In a text they become their ids.</summary>
    public AddedTokens SpecialTokens { get; }
    public int StartId { get; }
    public int EndId { get; }
    public int PadId { get; }
    public int ContextLength { get; }

    /// <summary>Highest id + 1.</summary>
    public int VocabularySize { get; }

    /// <summary>The id of each byte inside a word.</summary>
    public int[] ByteIds { get; } = new int[256];

    /// <summary>The id of each byte at the end of a word.</summary>
    public int[] LastByteIds { get; } = new int[256];

    public static ClipTokenizerFiles Load(string folder)
    {
        var (vocab, lines) = (Path.Combine(folder, "vocab.json"), Path.Combine(folder, "merges.txt"));
        return File.Exists(vocab) && File.Exists(lines) ? FromPair(folder, vocab, lines) : FromTokenizer(folder);
    }

    private static ClipTokenizerFiles FromPair(string folder, string vocab, string lines)
    {
        var vocabulary = CheckpointFile.Parsing(vocab, () => Vocabulary.Parse(CheckpointFile.Read(vocab, CheckpointFile.MaxVocabularyBytes), vocab, "the file"));
        var merges = BytePairMerges.ParseLines(CheckpointFile.Read(lines, CheckpointFile.MaxVocabularyBytes).Span, vocabulary, lines);
        return Create(folder, vocabulary, merges);
    }

    private static ClipTokenizerFiles FromTokenizer(string folder)
    {
        var path = Path.Combine(folder, "tokenizer.json");
        var json = CheckpointFile.ReadIfPresent(path, CheckpointFile.MaxVocabularyBytes)
            ?? throw new InferenceException($"{folder} has neither vocab.json with merges.txt nor tokenizer.json; download the checkpoint again with its tokenizer.");
        var (vocabulary, merges) = CheckpointFile.Parsing(path, () =>
        {
            var parts = JsonPart.Ranges(json, path, "");
            var model = JsonPart.Ranges(JsonPart.Require(parts, "model", path), path, "model");
            if (JsonPart.Parse(JsonPart.Require(model, "end_of_word_suffix", path), path, "model.end_of_word_suffix") is var suffix && (suffix.IsNull || suffix.Text() != WordEnd))
                throw suffix.Refuse($"is not \"{WordEnd}\", so this is no CLIP tokenizer", "use the checkpoint's own tokenizer.json");
            var read = Vocabulary.Parse(JsonPart.Require(model, "vocab", path), path, "\"model.vocab\"");
            foreach (var token in parts.TryGetValue("added_tokens", out var added) ? JsonPart.Parse(added, path, "added_tokens").Items() : [])
                read.AddOrConfirm(token.Get("content").Text(), token.Get("id").Integer(), $"\"{token.Key}\"");
            return (read, BytePairMerges.Parse(JsonPart.Require(model, "merges", path), read, path, "\"model.merges\""));
        });
        return Create(folder, vocabulary, merges);
    }

    private static ClipTokenizerFiles Create(string folder, Vocabulary vocabulary, BytePairMerges merges) =>
        CheckpointFile.Parsing(folder, () => new ClipTokenizerFiles(vocabulary, merges, folder));

    /// <summary>A number of positions; null when it is missing, or so large that it means no limit ("model_max_length": 1e30).</summary>
    private static int? Length(JsonPart? settings, string name)
    {
        if (settings?.Find(name) is not { } length) return null;
        var value = length.Number();
        if (value < 2 || value != Math.Floor(value)) throw length.Refuse($"is {value}, not a whole number of at least 2");
        return value <= MaxContext ? (int)value : null;
    }
}
