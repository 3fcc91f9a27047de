using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Sana.Inference;
using Sana.Inference.Text;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Text;

public sealed class Gpt2VocabularyTests : IDisposable
{
    private readonly TinyCaptioner _tiny = new(layers: 1);

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void Every_byte_has_its_letter()
    {
        var text = "naïve café – 日本\n\ttab\u00AD\u007F";

        Assert.Equal(text.Trim(), Load().Decode([.. Encoding.UTF8.GetBytes(text).Select(value => (int)value)], []));
        Assert.Equal(256, Enumerable.Range(0, 256).Select(ByteLevelAlphabet.Letter).Distinct().Count());
        Assert.All(Enumerable.Range(0, 256), value => Assert.Equal([(byte)value], ByteLevelAlphabet.Bytes($"{ByteLevelAlphabet.Letter(value)}")));
    }

    [Fact]
    public void Words_are_joined_and_special_tokens_are_no_text()
    {
        Assert.Equal("a cat on the matté", Load().Decode([256, 257, 258, 259, 260, 't', 262, TinyCaptioner.EndId], []));
        Assert.Equal("a on", Load().Decode([256, 257, 258], [257]));
        Assert.Equal("", Load().Decode([TinyCaptioner.EndId], []));
    }

    [Fact]
    public void What_is_no_text_shows() => Assert.Equal("a\uFFFD\uFFFD", Load().Decode([256, 0xFF, 280], [])); // a byte that is no UTF-8, an id that nobody has

    [Fact]
    public void Tokenizer_json_says_the_same()
    {
        var vocabulary = JsonNode.Parse(File.ReadAllText(_tiny.File("vocab.json")))!.AsObject();
        vocabulary.Remove("<|endoftext|>");
        _tiny.Write("tokenizer.json", new JsonObject
        {
            ["added_tokens"] = new JsonArray(Added(299, "<|endoftext|>", special: true), Added(298, "▁odd", special: false)),
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel" },
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray() },
        });
        File.Delete(_tiny.File("vocab.json"));

        Assert.Equal("a▁odd dog", Load().Decode([256, 298, 261, 299], []));
    }

    [Fact]
    public void Added_tokens_stand_beside_the_vocabulary()
    {
        _tiny.Write("added_tokens.json", new JsonObject { ["[extra]"] = 290 });

        Assert.Equal("a[extra]", Load().Decode([256, 290], []));
    }

    [Theory]
    [InlineData("vocab.json", "[]", "vocab.json")]
    [InlineData("vocab.json", """{"a": 1, "b": 1}""", "\"b\"")]
    [InlineData("vocab.json", """{"a": 1000000000}""", "\"a\"")]
    [InlineData("vocab.json", """{"a": -1}""", "\"a\"")]
    [InlineData("vocab.json", """{"\ud800": 1}""", "vocab.json")]
    [InlineData("vocab.json", "<html>", "vocab.json")]
    [InlineData("added_tokens.json", """{"!": 290}""", "!")]
    [InlineData("tokenizer.json", """{"model": {"vocab": {}}, "decoder": {"type": "Sequence"}}""", "ByteLevel")]
    [InlineData("tokenizer.json", """{"model": {"vocab": {"a": 1}}, "added_tokens": [{"id": 2, "content": "a"}]}""", "\"a\"")]
    [InlineData("tokenizer.json", """{"model": {}}""", "\"vocab\"")]
    [InlineData("tokenizer.json", """{"added_tokens": []}""", "\"model\"")]
    [InlineData("tokenizer.json", "", "empty")]
    public void A_file_that_cannot_be_followed_is_refused_by_name(string file, string content, string named)
    {
        if (file == "tokenizer.json") File.Delete(_tiny.File("vocab.json"));
        File.WriteAllText(_tiny.File(file), content);

        var refusal = Assert.Throws<InferenceException>(Load);

        Assert.Contains(file, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_without_any_is_refused()
    {
        File.Delete(_tiny.File("vocab.json"));

        Assert.Contains("neither vocab.json nor tokenizer.json", Assert.Throws<InferenceException>(Load).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_file_is_read_or_refused_but_never_breaks()
    {
        var bytes = File.ReadAllBytes(_tiny.File("vocab.json"));
        Gen.Select(Gen.Int[0, bytes.Length - 8], Gen.Int[0, 8], Gen.String[Gen.Char["{}[]\":,0-9aĠ\\ "], 0, 6]).Sample(
            (at, length, patch) =>
            {
                File.WriteAllBytes(_tiny.File("vocab.json"), [.. bytes[..at], .. Encoding.UTF8.GetBytes(patch), .. bytes[(at + length)..]]);
                try
                {
                    return Load().Decode([256, 257, 1, 299], []).Length >= 0;
                }
                catch (InferenceException refusal)
                {
                    return refusal.Message.Contains("vocab.json", StringComparison.Ordinal);
                }
            },
            iter: 500,
            threads: 1);
    }

    private static JsonObject Added(int id, string content, bool special) => new() { ["id"] = id, ["content"] = content, ["special"] = special };

    private Gpt2Vocabulary Load() => Gpt2Vocabulary.Load(_tiny.Folder);
}
