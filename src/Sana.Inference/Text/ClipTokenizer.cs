using System.Runtime.InteropServices;
using System.Text;

namespace Sana.Inference.Text;

/// <summary>Text to ids by a CLIP checkpoint's own files, as transformers' CLIPTokenizer does it. Immutable: any number of threads may use one.</summary>
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

    /// <summary>The id behind the end token: the end token itself, or that of <c>!</c>.</summary>
    public int PadId => _files.PadId;

    /// <summary>Highest id + 1.</summary>
    internal int VocabularySize => _files.VocabularySize;

    /// <summary>Reads <c>vocab.json</c> and <c>merges.txt</c>, or else <c>tokenizer.json</c>, and what is there of <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c> and <c>config.json</c>.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <exception cref="InferenceException">A file is missing, broken, too big or of another kind of tokenizer.</exception>
    public static ClipTokenizer Load(string folder) => new(ClipTokenizerFiles.Load(folder));

    /// <summary>The ids of the text, cut to the context with the end token kept, and padded.</summary>
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

            var normalised = ClipText.Normalise(text[piece.Start..piece.End]);
            foreach (var word in ClipText.Words(normalised)) AppendWord(normalised.AsSpan(word), ids, run);
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
