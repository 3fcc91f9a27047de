using System.Text;

namespace Sana.Inference.Text;

/// <summary>A GPT-2 checkpoint's vocabulary, in the one direction that a captioner needs: from ids to text. It comes as vocab.json, with or without added_tokens.json, or as tokenizer.json.</summary>
internal sealed class Gpt2Vocabulary
{
    private const string EndOfText = "<|endoftext|>";
    private const string Unknown = "\uFFFD"; // the replacement character; the checks of captions find it

    private readonly Vocabulary _vocabulary;
    private readonly HashSet<int> _special;

    private Gpt2Vocabulary(Vocabulary vocabulary, HashSet<int> special)
    {
        (_vocabulary, _special) = (vocabulary, special);
        if (vocabulary.TryGetId(EndOfText, out var end)) special.Add(end);
    }

    /// <summary>Highest id + 1.</summary>
    public int Size => _vocabulary.Size;

    /// <exception cref="InferenceException">A file is missing, damaged or of another kind of tokenizer.</exception>
    public static Gpt2Vocabulary Load(string folder)
    {
        var path = Path.Combine(folder, "vocab.json");
        return File.Exists(path) ? FromVocab(path, Path.Combine(folder, "added_tokens.json")) : FromTokenizer(folder);
    }

    /// <summary>The text of a caption, without special tokens and without white space at both ends. Bytes that are not UTF-8 become U+FFFD.</summary>
    /// <param name="ids">In order.</param>
    /// <param name="silent">Ids to leave out, besides the vocabulary's special tokens.</param>
    public string Decode(IReadOnlyList<int> ids, IReadOnlyCollection<int> silent)
    {
        var bytes = new List<byte>(4 * ids.Count);
        foreach (var id in ids.Where(id => !_special.Contains(id) && !silent.Contains(id)))
            bytes.AddRange(_vocabulary.Text(id) is { } token ? ByteLevelAlphabet.Bytes(token) : Encoding.UTF8.GetBytes(Unknown));

        return Encoding.UTF8.GetString([.. bytes]).Trim();
    }

    private static Gpt2Vocabulary FromVocab(string path, string addedPath)
    {
        var vocabulary = CheckpointFile.Parsing(path, () => Vocabulary.Parse(CheckpointFile.Read(path, CheckpointFile.MaxVocabularyBytes), path, "the file"));
        if (CheckpointFile.ReadIfPresent(addedPath, CheckpointFile.MaxSettingsBytes) is { } json)
        {
            var added = CheckpointFile.Parsing(addedPath, () => Vocabulary.Parse(json, addedPath, "the file"));
            for (var id = 0; id < added.Size; id++)
            {
                if (added.Text(id) is { } text) vocabulary.AddOrConfirm(text, id, "added_tokens.json");
            }
        }

        return new Gpt2Vocabulary(vocabulary, []);
    }

    private static Gpt2Vocabulary FromTokenizer(string folder)
    {
        var path = Path.Combine(folder, "tokenizer.json");
        var json = CheckpointFile.ReadIfPresent(path, CheckpointFile.MaxVocabularyBytes)
            ?? throw new InferenceException($"{folder} has neither vocab.json nor tokenizer.json; download the checkpoint again with its tokenizer.");
        return CheckpointFile.Parsing(path, () =>
        {
            var parts = JsonPart.Ranges(json, path, "");
            if (parts.TryGetValue("decoder", out var decoder) && JsonPart.Parse(decoder, path, "decoder") is { IsNull: false } kind && kind.Get("type").Text() != "ByteLevel")
                throw kind.Get("type").Refuse("is not \"ByteLevel\", so this is no GPT-2 tokenizer", "use the checkpoint's own tokenizer.json");
            var model = JsonPart.Ranges(JsonPart.Require(parts, "model", path), path, "model");
            var vocabulary = Vocabulary.Parse(JsonPart.Require(model, "vocab", path), path, "\"model.vocab\"");
            var special = new HashSet<int>();
            foreach (var token in parts.TryGetValue("added_tokens", out var added) ? JsonPart.Parse(added, path, "added_tokens").Items() : [])
            {
                var id = token.Get("id").Integer();
                vocabulary.AddOrConfirm(token.Get("content").Text(), id, $"\"{token.Key}\"");
                if (token.Flag("special")) special.Add(id);
            }

            return new Gpt2Vocabulary(vocabulary, special);
        });
    }
}
