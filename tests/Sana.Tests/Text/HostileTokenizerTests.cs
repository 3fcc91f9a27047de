using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Sana.Inference;
using Sana.Inference.Text;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Text;

public sealed class HostileTokenizerTests
{
    [Theory]
    [InlineData("model", "null", "model")]
    [InlineData("model.vocab", "[]", "model.vocab")]
    [InlineData("model.vocab", """{"a": -1}""", "\"a\"")]
    [InlineData("model.vocab", """{"a": 1000000000}""", "\"a\"")]
    [InlineData("model.vocab", """{"a": 99999999999999999999}""", "\"a\"")]
    [InlineData("model.vocab", """{"a": 1.5}""", "\"a\"")]
    [InlineData("model.vocab", """{"a": 1, "b": 1}""", "\"b\"")]
    [InlineData("model.vocab", """{"a": "\ud800"}""", "\"a\"")]
    [InlineData("model.merges", """["a zzz"]""", "\"zzz\"")]
    [InlineData("model.merges", """["b a"]""", "\"ba\"")]
    [InlineData("model.merges", """["ab"]""", "merge 0")]
    [InlineData("model.merges", """["a b c"]""", "merge 0")]
    [InlineData("model.merges", """[["a", "b", "c"]]""", "merge 0")]
    [InlineData("model.merges", """[["a"]]""", "merge 0")]
    [InlineData("model.merges", """[7]""", "merge 0")]
    [InlineData("model.merges", """{}""", "model.merges")]
    [InlineData("model.type", "\"Unigram\"", "model.type")]
    [InlineData("model.dropout", "0.1", "model.dropout")]
    [InlineData("model.unk_token", "\"<none>\"", "model.unk_token")]
    [InlineData("model.byte_fallback", "\"yes\"", "model.byte_fallback")]
    [InlineData("model.end_of_word_suffix", "\"</w>\"", "model.end_of_word_suffix")]
    [InlineData("added_tokens", "7", "added_tokens")]
    [InlineData("added_tokens", """[{"content": "<x>"}]""", "added_tokens[0].id")]
    [InlineData("added_tokens", """[{"id": 7, "content": "<pad>"}]""", "<pad>")]
    [InlineData("added_tokens", """[{"id": 1000000000, "content": "<x>"}]""", "<x>")]
    [InlineData("added_tokens", """[{"id": 500, "content": "<x>", "lstrip": 1}]""", "added_tokens[0].lstrip")]
    [InlineData("normalizer", """{"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "b"}""", "normalizer")]
    [InlineData("normalizer", """{"type": "Replace", "pattern": {"String": ""}, "content": "b"}""", "normalizer")]
    [InlineData("normalizer", """{"type": "NFKC"}""", "NFKC")]
    [InlineData("normalizer", """{"type": "Prepend", "prepend": "▁"}""", "Prepend")]
    [InlineData("normalizer", "\"NFC\"", "normalizer")]
    [InlineData("pre_tokenizer", """{"type": "Whitespace"}""", "pre_tokenizer")]
    [InlineData("pre_tokenizer", """{"type": "Split", "pattern": {"String": "a"}, "behavior": "Isolated", "invert": false}""", "pre_tokenizer")]
    [InlineData("post_processor", """{"type": "RobertaProcessing"}""", "post_processor")]
    [InlineData("post_processor", """{"type": "TemplateProcessing", "single": [], "special_tokens": {}}""", "post_processor")]
    [InlineData("post_processor", """{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}], "special_tokens": {"x": {"ids": [77777]}}}""", "77777")]
    public void A_value_that_cannot_be_followed_is_refused_by_name(string key, string value, string named)
    {
        var json = TinyTokenizer.Json();
        var path = key.Split('.');
        var parent = path.Length == 1 ? json : json[path[0]]!;
        parent[path[^1]] = "@";

        var refusal = Assert.Throws<InferenceException>(() => TinyTokenizer.Load(json.ToJsonString().Replace("\"@\"", value, StringComparison.Ordinal)));

        Assert.Contains("tokenizer.json", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("""{"model": NaN}""")]
    [InlineData("""{"model": {}, "model": {}}""")]
    [InlineData("<html>not found</html>")]
    public void A_file_that_is_no_json_object_is_refused(string content)
    {
        var refusal = Assert.Throws<InferenceException>(() => TinyTokenizer.Load(content));

        Assert.Contains("tokenizer.json", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Deep_nesting_is_refused() => Assert.Throws<InferenceException>(() => TinyTokenizer.Load("{\"model\": " + new string('[', 1_000_000)));

    [Fact]
    public void Bytes_that_are_no_utf8_are_refused()
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("tokenizer.json"), [.. "{\"model\": \""u8, 0xFF, .. "\"}"u8]);

        Assert.Throws<InferenceException>(() => GemmaTokenizer.Load(folder.Path));
    }

    [Fact]
    public void A_gigabyte_is_refused_before_it_is_read()
    {
        using var folder = new TempFolder();
        using (var file = File.Create(folder.File("tokenizer.json"))) file.SetLength(1L << 30); // sparse

        var refusal = Assert.Throws<InferenceException>(() => GemmaTokenizer.Load(folder.Path));

        Assert.Contains("1,073,741,824", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        using var folder = new TempFolder();

        var refusal = Assert.Throws<InferenceException>(() => GemmaTokenizer.Load(folder.Path));

        Assert.Contains(folder.File("tokenizer.json"), refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_normalizer_that_multiplies_the_text_is_stopped()
    {
        var bomb = TinyTokenizer.Load(json => json["normalizer"] = JsonNode.Parse($$"""{"type": "Replace", "pattern": {"String": "a"}, "content": "{{new string('a', 1000)}}"}"""));

        var refusal = Assert.Throws<InferenceException>(() => bomb.Encode(new string('a', 10_000)));

        Assert.Contains("normalizer", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_normalizer_of_many_steps_is_refused()
    {
        var step = """{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}""";

        Assert.Throws<InferenceException>(() => TinyTokenizer.Load(json =>
            json["normalizer"] = JsonNode.Parse($$"""{"type": "Sequence", "normalizers": [{{string.Join(',', Enumerable.Repeat(step, 100))}}]}""")));
    }

    [Fact]
    public void A_list_of_millions_is_refused_before_it_is_taken_apart()
    {
        var refusal = Assert.Throws<InferenceException>(() => TinyTokenizer.Load(json =>
            json["added_tokens"] = JsonNode.Parse($"[{string.Join(',', Enumerable.Repeat(1, 1_000_000))}]")));

        Assert.Contains("1,000,000 items", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pipe_is_refused_and_not_waited_for()
    {
        using var folder = new TempFolder();
        System.Diagnostics.Process.Start("mkfifo", folder.File("tokenizer.json")).WaitForExit();

        var refusal = Assert.Throws<InferenceException>(() => GemmaTokenizer.Load(folder.Path));

        Assert.Contains("empty", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_added_token_matches_nothing()
    {
        var tokenizer = TinyTokenizer.Load(json => json["added_tokens"]!.AsArray().Add(TinyTokenizer.Added(500, "")));

        Assert.Equal("<bos>|abc", tokenizer.Tokens("abc"));
    }

    [Fact]
    public void A_text_over_the_limit_is_refused()
    {
        var refusal = Assert.Throws<InferenceException>(() => TinyTokenizer.Load(static _ => { }).Encode(new string('a', 1_000_001)));

        Assert.Contains("1,000,001", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_id_that_no_token_has_is_refused() => Assert.Throws<InferenceException>(() => TinyTokenizer.Load(static _ => { }).Decode([2, -1]));

    [Fact]
    public void A_damaged_file_is_read_or_refused_but_never_breaks()
    {
        var bytes = Encoding.UTF8.GetBytes(TinyTokenizer.Json().ToJsonString());
        var damage = Gen.Select(Gen.Int[0, bytes.Length - 1], Gen.Int[0, 8], Gen.String[Gen.Char["{}[]\":,0-9aetrue\\ "], 0, 6]).Array[1, 4];
        using var folder = new TempFolder();

        damage.Sample(
            cuts =>
            {
                var text = bytes.ToList();
                foreach (var (at, length, patch) in cuts)
                {
                    var start = Math.Min(at, text.Count);
                    text.RemoveRange(start, Math.Min(length, text.Count - start));
                    text.InsertRange(start, Encoding.UTF8.GetBytes(patch));
                }

                File.WriteAllBytes(folder.File("tokenizer.json"), [.. text]);
                try
                {
                    return GemmaTokenizer.Load(folder.Path).Encode("abc <eos> é").Length > 0;
                }
                catch (InferenceException refusal)
                {
                    return refusal.Message.Contains("tokenizer.json", StringComparison.Ordinal);
                }
            },
            iter: 2_000,
            threads: 1);
    }
}
