using System.Text;
using System.Text.RegularExpressions;

namespace Sana.Inference.Text;

/// <summary>
/// A vocabulary of GPT-2's kind, which a captioner's ids become text by. It comes as vocab.json, with or without added_tokens.json, or as tokenizer.json. That of Florence-2, whose question
/// is text too, also has its merges.
/// </summary>
internal sealed partial class Gpt2Vocabulary
{
    private const string EndOfText = "<|endoftext|>";
    private const string Unknown = "\uFFFD"; // the replacement character; the checks of captions find it

    private readonly Vocabulary _vocabulary;
    private readonly HashSet<int> _special;
    private readonly BytePairMerges? _merges;

    private Gpt2Vocabulary(Vocabulary vocabulary, HashSet<int> special, BytePairMerges? merges = null)
    {
        (_vocabulary, _special, _merges) = (vocabulary, special, merges);
        if (vocabulary.TryGetId(EndOfText, out var end)) special.Add(end);
    }

    /// <summary>Highest id + 1.</summary>
    public int Size => _vocabulary.Size;

    /// <exception cref="InferenceException">A file is missing, damaged or of another kind of tokenizer.</exception>
    public static Gpt2Vocabulary Load(string folder)
    {
        var path = Path.Combine(folder, "vocab.json");
        return File.Exists(path) ? FromVocab(path, Path.Combine(folder, "added_tokens.json")) : FromTokenizer(folder, withMerges: false);
    }

    /// <summary>Of <c>tokenizer.json</c>, with what <see cref="Encode"/> needs.</summary>
    /// <exception cref="InferenceException">The file is missing, damaged or of another kind of tokenizer.</exception>
    public static Gpt2Vocabulary LoadWithMerges(string folder) => FromTokenizer(folder, withMerges: true);

    /// <summary>The lowest id of 0 to <paramref name="last"/> that no token has; null when there is none.</summary>
    public int? FirstGap(int last) => Enumerable.Range(0, last + 1).Cast<int?>().FirstOrDefault(id => _vocabulary.Text(id!.Value) is null);

    /// <summary>The id of a token.</summary>
    /// <exception cref="InferenceException">There is no such token.</exception>
    public int Require(string token) => _vocabulary.Require(token, "Florence-2's question");

    /// <summary>The ids of a text without special tokens, as GPT-2's tokenizer splits it.</summary>
    public List<int> Encode(string text)
    {
        var merges = _merges ?? throw new InvalidOperationException("It was loaded without merges.");
        var (ids, run) = (new List<int>(), new MergeRun(merges));
        foreach (var word in Words().EnumerateMatches(text))
        {
            var tokens = Encoding.UTF8.GetBytes(text.Substring(word.Index, word.Length)).Select(value => _vocabulary.Require($"{ByteLevelAlphabet.Letter(value)}", "every text")).ToArray();
            ids.AddRange(tokens.AsSpan(0, run.Join(tokens)));
        }

        return ids;
    }

    /// <summary>The text of a caption, without special tokens and without white space at both ends. Bytes that are not UTF-8 become U+FFFD.</summary>
    /// <param name="ids">In order.</param>
    /// <param name="silent">Ids to leave out, besides the vocabulary's special tokens.</param>
    public string Decode(IReadOnlyList<int> ids, IReadOnlyCollection<int> silent)
    {
        var bytes = new List<byte>(4 * ids.Count);
        foreach (var id in ids.Where(id => !_special.Contains(id) && !silent.Contains(id)))
            bytes.AddRange(_vocabulary.Text(id) is { } token ? ByteLevelAlphabet.Bytes(token) : Encoding.UTF8.GetBytes(Unknown));

        var text = Encoding.UTF8.GetString([.. bytes]);
        var (start, end) = (0, text.Length);
        while (start < end && IsSpace(text[start])) start++;
        while (end > start && IsSpace(text[end - 1])) end--;
        return text[start..end];

        // As Python has it: the separators of ASCII too.
        static bool IsSpace(char letter) => char.IsWhiteSpace(letter) || letter is >= '\u001C' and <= '\u001F';
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

    private static Gpt2Vocabulary FromTokenizer(string folder, bool withMerges)
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

            if (!withMerges)
                return new Gpt2Vocabulary(vocabulary, special);
            var splitting = JsonPart.Parse(JsonPart.Require(parts, "pre_tokenizer", path), path, "pre_tokenizer");
            if (splitting.IsNull || splitting.Text("type") != "ByteLevel" || splitting.Flag("add_prefix_space") || !splitting.Flag("use_regex", otherwise: true))
                throw splitting.Refuse("is not GPT-2's, \"ByteLevel\" without \"add_prefix_space\"", "use the checkpoint's own tokenizer.json");
            if (parts.TryGetValue("normalizer", out var normalizer) && JsonPart.Parse(normalizer, path, "normalizer") is { IsNull: false } changes)
                throw changes.Refuse("changes the text, which GPT-2's tokenizer does not do", "use the checkpoint's own tokenizer.json");
            return new Gpt2Vocabulary(vocabulary, special, BytePairMerges.Parse(JsonPart.Require(model, "merges", path), vocabulary, path, "\"model.merges\""));
        });
    }

    // Letters outside the basic plane count as punctuation here; no question has any.
    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Words();
}
