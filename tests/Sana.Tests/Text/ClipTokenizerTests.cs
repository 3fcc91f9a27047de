using System.Text.Json;
using CsCheck;
using Sana.Inference;
using Sana.Inference.Text;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Text;

public sealed class ClipTokenizerTests
{
    private static readonly string _checkpoint = Path.Combine(Fixtures.Clip, "checkpoint");
    private static readonly string[] _texts = [.. Json("texts.json").EnumerateArray().Select(text => text.GetProperty("text").GetString()!)];
    private static readonly JsonElement _expected = Json("expected.json");

    [Fact]
    [Trait("Category", "Parity")]
    public void Every_text_gets_the_reference_ids()
    {
        var tokenizer = ClipTokenizer.Load(_checkpoint);

        Assert.All(Cases(), item => AssertIs(item.Expected.GetProperty("ids").Ints(), item.Expected, tokenizer, item.Text));
    }

    [Fact]
    [Trait("Category", "Parity")]
    public void Every_text_gets_the_reference_ids_with_the_other_padding()
    {
        using var folder = CopyOf("vocab.json", "merges.txt", "config.json");
        var other = _expected.GetProperty("other_padding_token").GetString()!;
        File.WriteAllText(folder.File("tokenizer_config.json"), JsonSerializer.Serialize(new { pad_token = other }));

        var tokenizer = ClipTokenizer.Load(folder.Path);

        Assert.All(Cases(), item =>
        {
            var ids = item.Expected.TryGetProperty("ids_with_other_padding", out var differing) ? differing : item.Expected.GetProperty("ids");
            Assert.Equal(ids.Ints(), tokenizer.EncodeUncut(item.Text));
        });
        Assert.Equal(JsonElement.Parse(File.ReadAllBytes(folder.File("vocab.json"))).GetProperty(other).GetInt32(), tokenizer.Encode("").Ids[^1]);
    }

    [Fact]
    [Trait("Category", "Parity")]
    public void Tokenizer_json_alone_gives_the_same_ids()
    {
        using var folder = CopyOf("tokenizer.json", "tokenizer_config.json");
        var (pair, single) = (ClipTokenizer.Load(_checkpoint), ClipTokenizer.Load(folder.Path));

        Assert.All(_texts, text => Assert.Equal(pair.Encode(text).Ids, single.Encode(text).Ids));
    }

    [Fact]
    public void Context_length_comes_from_the_files()
    {
        using var folder = CopyOf("vocab.json", "merges.txt");
        File.WriteAllText(folder.File("config.json"), """{"text_config": {"max_position_embeddings": 12}}""");
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"model_max_length": 1e30}""");

        var tokens = ClipTokenizer.Load(folder.Path).Encode(new string('a', 100));

        Assert.Equal(12, tokens.Ids.Length);
        Assert.True(tokens.Truncated);
        Assert.Equal(_expected.GetProperty("end_token_id").GetInt32(), tokens.Ids[^1]);
    }

    [Fact]
    public void A_word_as_long_as_a_book_is_tokenised_whole()
    {
        var tokens = ClipTokenizer.Load(_checkpoint).Encode(string.Concat(Enumerable.Repeat("haha", 25_000)));

        Assert.True(tokens.Truncated);
        Assert.InRange(tokens.Tokens, 1_000, 100_002);
    }

    [Fact]
    public void Any_string_has_ids_that_start_and_end_as_they_must()
    {
        var tokenizer = ClipTokenizer.Load(_checkpoint);

        Gen.String.Sample(text =>
        {
            var tokens = tokenizer.Encode(text);
            return tokens.Ids[0] == tokenizer.StartId && tokens.Ids[tokens.Length - 1] == tokenizer.EndId && tokens.Ids.Length == tokenizer.ContextLength;
        });
    }

    [Fact]
    public void A_typed_special_token_in_capitals_keeps_to_itself()
    {
        var tokenizer = ClipTokenizer.Load(_checkpoint);

        var ids = tokenizer.EncodeUncut("<|ENDOFTEXT|>!!");

        Assert.Equal([.. tokenizer.EncodeUncut("<| endoftext |> !!")], ids);
        Assert.NotEqual([.. tokenizer.EncodeUncut("<| endoftext |>!!")], ids);
    }

    [Theory]
    [InlineData("vocab.json", "{\"a\": 1")]
    [InlineData("vocab.json", "[1]")]
    [InlineData("vocab.json", "{\"a\": NaN}")]
    [InlineData("vocab.json", "{\"a\": 1000000000}")]
    [InlineData("vocab.json", "{\"a\": 1, \"b\": 1}")]
    [InlineData("merges.txt", "i n\nt\n")]
    [InlineData("merges.txt", "qqqq zzzz\n")]
    [InlineData("tokenizer_config.json", "{\"pad_token\": \"<nowhere>\"}")]
    [InlineData("tokenizer_config.json", "{\"pad_token\": 7}")]
    [InlineData("tokenizer_config.json", "{\"model_max_length\": -5}")]
    [InlineData("config.json", "{\"text_config\": {\"max_position_embeddings\": \"77\"}}")]
    public void A_broken_file_is_refused_by_name(string file, string content)
    {
        using var folder = CopyOf("vocab.json", "merges.txt");
        File.WriteAllText(folder.File(file), content);

        var refusal = Assert.Throws<InferenceException>(() => ClipTokenizer.Load(folder.Path));

        Assert.Contains(file == "tokenizer_config.json" && content.Contains("nowhere", StringComparison.Ordinal) ? "pad_token" : file, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_a_tokenizer_says_what_is_missing()
    {
        using var folder = new TempFolder();

        var refusal = Assert.Throws<InferenceException>(() => ClipTokenizer.Load(folder.Path));

        Assert.Contains("vocab.json", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Words_merge_as_in_an_independent_implementation()
    {
        var merges = RealVocabularies.ClipMerges();
        var reference = Microsoft.ML.Tokenizers.BpeTokenizer.Create(new(RealVocabularies.ClipIds(merges)) { Merges = merges, EndOfWordSuffix = "</w>" });

        Gen.Char['a', 'z'].Array[1, 30].Select(letters => new string(letters)).Sample(word =>
            Assert.Equal([RealVocabularies.Clip.StartId, .. reference.EncodeToIds(word), RealVocabularies.Clip.EndId], RealVocabularies.Clip.EncodeUncut(word)));
    }

    private static void AssertIs(int[] uncut, JsonElement expected, ClipTokenizer tokenizer, string text)
    {
        var tokens = tokenizer.Encode(text);
        int[] cut = uncut.Length > tokenizer.ContextLength ? [.. uncut[..(tokenizer.ContextLength - 1)], tokenizer.EndId] : uncut;

        Assert.Equal([.. cut, .. Enumerable.Repeat(tokenizer.PadId, tokenizer.ContextLength - cut.Length)], tokens.Ids);
        Assert.Equal(expected.GetProperty("tokens").GetInt32(), tokens.Tokens);
        Assert.Equal(expected.GetProperty("truncated").GetBoolean(), tokens.Truncated);
    }

    private static IEnumerable<(string Text, JsonElement Expected)> Cases() => _texts.Zip(_expected.GetProperty("texts").EnumerateArray());

    private static JsonElement Json(string file) => JsonElement.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Clip, file)));

    private static TempFolder CopyOf(params string[] files)
    {
        var folder = new TempFolder();
        foreach (var file in files) File.Copy(Path.Combine(_checkpoint, file), folder.File(file));
        return folder;
    }
}
