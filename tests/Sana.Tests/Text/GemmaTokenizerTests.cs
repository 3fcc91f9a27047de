using System.Text.Json.Nodes;
using CsCheck;
using Sana.Inference.Text;
using Xunit;

namespace Sana.Tests.Text;

public sealed class GemmaTokenizerTests
{
    private static readonly GemmaTokenizer _tiny = TinyTokenizer.Load(static _ => { });

    [Theory]
    [InlineData("", "<bos>")]
    [InlineData("abc", "<bos>|abc")]
    [InlineData("ab ab", "<bos>|ab|▁a|b")] // "▁ a" has the lower rank
    [InlineData("ccc", "<bos>|cc|c")] // of equal ranks the leftmost
    [InlineData("a<eos>b", "<bos>|a|<eos>|b")]
    [InlineData("é", "<bos>|<0xC3>|<0xA9>")]
    public void Text_becomes_tokens_by_rank_then_from_the_left(string text, string tokens) => Assert.Equal(tokens, _tiny.Tokens(text));

    [Fact]
    public void A_lone_surrogate_counts_as_the_replacement_character() => Assert.Equal(_tiny.Encode("a\uFFFD"), _tiny.Encode("a\uD800"));

    [Theory]
    [InlineData("xéya", true, "<bos>|x|<unk>|y|a")]
    [InlineData("xééy", true, "<bos>|x|<unk>|y")]
    [InlineData("xééy", false, "<bos>|x|<unk>|<unk>|y")]
    public void Without_byte_tokens_unknown_characters_are_unknown_tokens(string text, bool fuse, string tokens)
    {
        var tokenizer = TinyTokenizer.Load(json => (json["model"]!["byte_fallback"], json["model"]!["fuse_unk"]) = (false, fuse));

        Assert.Equal(tokens, tokenizer.Tokens(text));
    }

    [Fact]
    public void Without_an_unknown_token_unknown_characters_are_dropped()
    {
        var tokenizer = TinyTokenizer.Load(json => (json["model"]!["byte_fallback"], json["model"]!["unk_token"]) = (false, null));

        Assert.Equal("<bos>|x|y", tokenizer.Tokens("xéy"));
    }

    [Fact]
    public void A_whole_piece_that_is_a_token_is_not_merged_when_the_file_says_so()
    {
        var tokenizer = TinyTokenizer.Load(json =>
        {
            json["model"]!["ignore_merges"] = true;
            json["model"]!["merges"]!.AsArray().Clear();
        });

        Assert.Equal(("<bos>|abc", "<bos>|a|b|c|d"), (tokenizer.Tokens("abc"), tokenizer.Tokens("abcd")));
    }

    [Fact]
    public void Merges_may_be_pairs()
    {
        var tokenizer = TinyTokenizer.Load(json =>
            json["model"]!["merges"] = JsonNode.Parse("""[["▁", "a"], ["a", "b"], ["c", "c"], ["ab", "c"]]"""));

        Assert.Equal(_tiny.Encode("abc ab cc"), tokenizer.Encode("abc ab cc"));
    }

    [Fact]
    public void Members_may_come_in_any_order()
    {
        var json = TinyTokenizer.Json();
        var model = new JsonObject(json["model"]!.AsObject().Reverse().Select(member => KeyValuePair.Create(member.Key, member.Value?.DeepClone())));
        json["model"] = model;
        var reversed = new JsonObject(json.Reverse().Select(member => KeyValuePair.Create(member.Key, member.Value?.DeepClone())));

        Assert.Equal(_tiny.Encode("abc ab<eos>"), TinyTokenizer.Load(reversed.ToJsonString()).Encode("abc ab<eos>"));
    }

    [Theory]
    [InlineData("lstrip", "a  <x> b", "<bos>|a|#500|▁|b")]
    [InlineData("rstrip", "a <x>  b", "<bos>|a|▁|#500|b")]
    [InlineData("single_word", "a<x>b <x>", "<bos>|a|<0x3C>|x|<0x3E>|b|▁|#500")]
    public void Flags_of_added_tokens_are_followed(string flag, string text, string tokens)
    {
        var token = TinyTokenizer.Added(500, "<x>");
        token[flag] = true;

        var tokenizer = TinyTokenizer.Load(json => json["added_tokens"]!.AsArray().Add(token));

        Assert.Equal(tokens, tokenizer.Tokens(text));
    }

    [Fact]
    public void A_normalised_added_token_is_found_after_normalisation()
    {
        var token = TinyTokenizer.Added(500, "x y");
        token["normalized"] = true;

        var tokenizer = TinyTokenizer.Load(json => json["added_tokens"]!.AsArray().Add(token));

        Assert.Equal(("<bos>|a|#500|b", "<bos>|a|#500|b"), (tokenizer.Tokens("ax yb"), tokenizer.Tokens("ax▁yb")));
    }

    [Fact]
    public void Of_added_tokens_that_start_together_the_longest_counts()
    {
        var tokenizer = TinyTokenizer.Load(json =>
        {
            json["added_tokens"]!.AsArray().Add(TinyTokenizer.Added(500, "\n"));
            json["added_tokens"]!.AsArray().Add(TinyTokenizer.Added(501, "\n\n"));
        });

        Assert.Equal("<bos>|#501|#500|a", tokenizer.Tokens("\n\n\na"));
    }

    [Fact]
    public void A_split_at_spaces_that_never_matches_changes_nothing()
    {
        var tokenizer = TinyTokenizer.Load(json =>
            json["pre_tokenizer"] = JsonNode.Parse("""{"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false}"""));

        Assert.Equal(_tiny.Encode("a b c"), tokenizer.Encode("a b c"));
    }

    [Fact]
    public void Replacements_may_come_in_sequence()
    {
        var tokenizer = TinyTokenizer.Load(json => json["normalizer"] = JsonNode.Parse("""
            {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": "\n"}, "content": " "}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
            """));

        Assert.Equal("<bos>|▁a|b|▁|c", tokenizer.Tokens("\nab c"));
    }

    [Theory]
    [InlineData("""{"add_bos_token": true, "add_eos_token": true}""", "<bos>|a|<eos>")]
    [InlineData("""{"add_bos_token": false}""", "a")]
    [InlineData("""{"bos_token": {"content": "<unk>"}}""", "<unk>|a")]
    public void Without_a_template_the_config_says_what_stands_around_the_text(string config, string tokens)
    {
        var json = TinyTokenizer.Json();
        json["post_processor"] = null;

        Assert.Equal(tokens, TinyTokenizer.Load(json.ToJsonString(), config).Tokens("a"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void A_limit_counts_and_keeps_the_first_token(int limit)
    {
        var ids = _tiny.Encode("x y z x y z", limit);

        Assert.Equal(_tiny.Encode("x y z x y z")[..limit], ids);
    }

    [Fact]
    public void Padding_token_and_size_come_from_the_files()
    {
        var tokenizer = TinyTokenizer.Load(TinyTokenizer.Json().ToJsonString(), """{"pad_token": "<eos>"}""");

        Assert.Equal((0, 1, 4 + 256 + 27 + 4), (_tiny.PadId, tokenizer.PadId, tokenizer.VocabularySize));
    }

    [Fact]
    public void Bytes_that_are_no_text_decode_to_replacement_characters() => Assert.Equal("a\uFFFD\uFFFDb", _tiny.Decode([2, 4 + 256 + 1, 4 + 0xC3, 4 + 0x28, 4 + 256 + 2]));

    [Fact]
    public void Any_valid_text_decodes_to_itself() => Gen.String.Sample(text =>
    {
        var valid = string.Concat(text.EnumerateRunes()).Replace('▁', '_');
        return _tiny.Decode(_tiny.Encode(valid)) == valid;
    });

    [Fact]
    public void A_hundred_kilobytes_without_a_space_are_merged_as_one_piece()
    {
        var text = string.Concat(Enumerable.Repeat("abcc", 25_000));

        var ids = _tiny.Encode(text);

        // c c has a lower rank than ab c, so each "abcc" is ab and cc.
        Assert.Equal([.. _tiny.Encode("ab"), .. Enumerable.Repeat(_tiny.Encode("abcc")[1..], 25_000).SelectMany(pair => pair).Skip(1)], ids);
        Assert.Equal(text, _tiny.Decode(ids));
    }

    [Fact]
    public void A_hundred_kilobyte_prompt_under_the_real_vocabulary_decodes_to_itself()
    {
        var text = string.Concat(Enumerable.Range(0, 5_000).Select(i => $"a red cat {i} 🐶\n")).PadRight(100_000, 'x');

        var ids = RealVocabularies.Gemma.Encode(text);

        Assert.Equal(text, RealVocabularies.Gemma.Decode(ids));
        Assert.Equal(ids[..300], RealVocabularies.Gemma.Encode(text, 300));
    }
}
