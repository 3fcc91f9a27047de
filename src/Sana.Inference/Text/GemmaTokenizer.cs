using System.Runtime.InteropServices;
using System.Text;

namespace Sana.Inference.Text;

/// <summary>
/// Text to ids and back by a Gemma checkpoint's <c>tokenizer.json</c>: added tokens are found in the text, the rest is normalised (" " to "▁") and merged as a whole, and characters
/// outside the vocabulary become byte tokens. Any number of threads may use one instance.
/// </summary>
public sealed class GemmaTokenizer
{
    private readonly GemmaTokenizerFile _file;

    private GemmaTokenizer(GemmaTokenizerFile file) => _file = file;

    /// <summary>The highest id + 1; the embedding table has at least as many rows.</summary>
    public int VocabularySize => _file.Vocabulary.Size;

    /// <summary>The id of the padding token.</summary>
    public int PadId => _file.PadId;

    /// <summary>The id of the token that ends a text; null when the vocabulary has none.</summary>
    internal int? EndId => _file.EndId;

    /// <summary>Whether a token has this id: the embedding may have more rows than there are tokens.</summary>
    internal bool Has(int id) => _file.Vocabulary.Text(id) is not null;

    /// <summary>Reads <c>tokenizer.json</c> and, where it is there, <c>tokenizer_config.json</c>.</summary>
    /// <param name="tokenizerFolder">The checkpoint's folder <c>tokenizer</c>.</param>
    /// <exception cref="InferenceException">A file is missing, broken, too big or of another kind of tokenizer.</exception>
    public static GemmaTokenizer Load(string tokenizerFolder) => new(GemmaTokenizerFile.Load(tokenizerFolder));

    /// <summary>The ids of the text with <c>&lt;bos&gt;</c> before it; an added token in the text becomes its id.</summary>
    /// <param name="text">At most 1,000,000 characters; a lone surrogate counts as U+FFFD.</param>
    /// <param name="maxTokens">Most ids, 1 or more, <c>&lt;bos&gt;</c> included. The end of the text is truncated.</param>
    /// <exception cref="InferenceException">The text is too long.</exception>
    public int[] Encode(string text, int maxTokens = int.MaxValue) => Encode(text, maxTokens, out _);

    /// <summary>The same, and how many ids there would be without a limit.</summary>
    internal int[] Encode(string text, int maxTokens, out int uncut)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTokens, 1);
        text = UnicodeText.Checked(text);

        var template = _file.Template;
        var ids = new List<int>(template.Before.Length + (text.Length / 2) + template.After.Length);
        ids.AddRange(template.Before);
        AppendText(text, ids);
        uncut = ids.Count + template.After.Length;
        if (uncut > maxTokens) CollectionsMarshal.SetCount(ids, Math.Max(Math.Min(template.Before.Length, maxTokens), maxTokens - template.After.Length));
        ids.AddRange(template.After.AsSpan(0, Math.Min(template.After.Length, maxTokens - ids.Count)));
        return [.. ids];
    }

    /// <summary>The ids of the text alone, without the tokens that the file puts around it.</summary>
    /// <exception cref="InferenceException">The text is too long.</exception>
    internal List<int> EncodeBare(string text)
    {
        var ids = new List<int>();
        AppendText(UnicodeText.Checked(text), ids);
        return ids;
    }

    /// <summary>The text of the ids, without the <c>&lt;bos&gt;</c> that <see cref="Encode(string, int)"/> puts before it. Bytes that are not UTF-8 become U+FFFD.</summary>
    /// <exception cref="InferenceException">No token has one of the ids.</exception>
    public string Decode(ReadOnlySpan<int> ids)
    {
        if (ids.StartsWith(_file.Template.Before)) ids = ids[_file.Template.Before.Length..];
        if (ids.EndsWith(_file.Template.After)) ids = ids[..^_file.Template.After.Length];

        var (text, bytes) = (new StringBuilder(), new List<byte>());
        foreach (var id in ids)
        {
            var token = _file.Vocabulary.Text(id) ?? throw new InferenceException($"No token has the id {id}; ids are below {VocabularySize}.");
            if (_file.ByteOf(id) is { } value)
            {
                bytes.Add(value);
                continue;
            }

            AppendBytes(text, bytes);
            text.Append(token);
        }

        AppendBytes(text, bytes);
        return _file.Normalizer.Undo(text.ToString());
    }

    /// <summary>A run of byte tokens is decoded if it is valid UTF-8 as a whole; else every byte is a U+FFFD, as in the tokenizers library.</summary>
    private static void AppendBytes(StringBuilder text, List<byte> bytes)
    {
        var run = CollectionsMarshal.AsSpan(bytes);
        if (System.Text.Unicode.Utf8.IsValid(run)) text.Append(Encoding.UTF8.GetString(run));
        else text.Append('\uFFFD', run.Length);
        bytes.Clear();
    }

    private void AppendText(string text, List<int> ids)
    {
        var run = new MergeRun(_file.Merges);
        foreach (var outer in _file.RawTokens.Split(text))
        {
            if (outer.Id >= 0)
            {
                ids.Add(outer.Id);
                continue;
            }

            var normalised = _file.Normalizer.Apply(text[outer.Start..outer.End]);
            foreach (var inner in _file.NormalisedTokens.Split(normalised))
            {
                if (inner.Id >= 0) ids.Add(inner.Id);
                else AppendPiece(normalised.AsSpan(inner.Start, inner.End - inner.Start), ids, run);
            }
        }
    }

    private void AppendPiece(ReadOnlySpan<char> piece, List<int> ids, MergeRun run)
    {
        if (_file.IgnoresMerges && _file.Vocabulary.TryGetId(piece, out var whole))
        {
            ids.Add(whole);
            return;
        }

        var start = ids.Count;
        AppendCharacters(piece, ids);
        CollectionsMarshal.SetCount(ids, start + run.Join(CollectionsMarshal.AsSpan(ids)[start..]));
    }

    /// <summary>One id for each character in the vocabulary. Other characters become byte tokens, or the unknown token.</summary>
    private void AppendCharacters(ReadOnlySpan<char> piece, List<int> ids)
    {
        var unknowns = 0; // not written yet: the tokenizers library writes them at the next known character, after byte tokens that follow
        Span<int> bytes = stackalloc int[4];
        while (!piece.IsEmpty)
        {
            Rune.DecodeFromUtf16(piece, out var rune, out var length);
            if (_file.Vocabulary.TryGetId(piece[..length], out var id))
            {
                Flush(ref unknowns);
                ids.Add(id);
            }
            else if (_file.TryGetBytes(rune, bytes, out var count))
            {
                ids.AddRange(bytes[..count]);
            }
            else if (_file.UnknownId is not null)
            {
                if (!_file.FusesUnknowns) Flush(ref unknowns);
                unknowns = 1;
            }

            piece = piece[length..];
        }

        Flush(ref unknowns);

        void Flush(ref int waiting)
        {
            if (waiting > 0) ids.Add(_file.UnknownId!.Value);
            waiting = 0;
        }
    }
}
