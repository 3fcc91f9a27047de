using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Config;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Captioning;

public sealed class CaptionerFileTests
{
    private const string Whole = """
        {
          // two captioners
          "captioners": [
            {
              "label": "InternVL2-26B", "endpoint": "https://vlm.example/v1", "model": "OpenGVLab/InternVL2-26B", "revision": "abc", "api_key_env": "VLM_KEY", "auth": "api-key", "api_version": "2024-10-21",
              "prompt": "Describe it. Alt text: {original}. {{as is}} {width}x{height} {aspect} {orientation} {label} {model}", "system": "Be brief.",
              "decoding": { "temperature": 0.5, "top_p": 0.9, "max_tokens": 300, "seed": 7, "repetition_penalty": 1.05, "stop": ["###"], "extra": { "top_k": 40, "chat_template_kwargs": { "enable_thinking": false } } },
              "concurrency": 16, "requests_per_minute": 600, "tokens_per_minute": 100000, "price": { "per_million_input": 0.15, "per_million_output": 0.6, "currency": "EUR" },
              "licence": "mit", "deadline_seconds": 30, "max_attempts": 5, "fallback": { "endpoint": "http://localhost:11434/v1", "model": "llava", "api_key_file": "/run/secrets/vlm" },
              "image_max_side": 1536, "image_detail": "high", "max_tokens_field": "max_completion_tokens", "language": "de", "min_words": 5, "max_words": 200, "refusal_patterns": ["nope"], "strip_opener": true,
            },
            { "label": "local", "kind": "onnx", "checkpoint": "models/small", "price": { "currency": "EUR" } },
            {
              "label": "florence", "kind": "onnx", "checkpoint": "florence-community/Florence-2-base", "task": "more_detailed_caption", "beams": 3, "no_repeat_ngram_size": 0,
              "decoding": { "max_tokens": 100 }, "price": { "currency": "EUR" },
            },
          ],
        }
        """;

    [Fact]
    public void Every_field_is_read()
    {
        var all = CaptionerFile.Parse(Whole).Captioners;
        var one = all[0];

        Assert.Equal(("InternVL2-26B", CaptionerKind.Chat, "OpenGVLab/InternVL2-26B", "abc", "mit"), (one.Label, one.Kind, one.Model, one.Revision, one.Licence));
        Assert.Equal((new Uri("https://vlm.example/v1"), "api-key", "2024-10-21", "VLM_KEY"), (one.Target!.Endpoint, one.Target.Auth, one.Target.ApiVersion, one.Target.Key!.Variable));
        Assert.Equal((new Uri("http://localhost:11434/v1"), "llava", "/run/secrets/vlm"), (one.Fallback!.Endpoint, one.Fallback.Model, one.Fallback.Key!.File));
        Assert.Equal((0.5, 0.9, 300, 7, 1.05), (one.Decoding.Temperature, one.Decoding.TopP, one.Decoding.MaxTokens, one.Decoding.Seed, one.Decoding.RepetitionPenalty));
        Assert.Equal(["###"], one.Decoding.Stop);
        Assert.Equal(["chat_template_kwargs", "top_k"], one.Decoding.Extra.Keys);
        Assert.Equal((16, 600, 100_000, 30d, 5, 1536), (one.Concurrency, one.RequestsPerMinute, one.TokensPerMinute, one.DeadlineSeconds, one.MaxAttempts, one.ImageMaxSide));
        Assert.Equal((0.15m, 0.6m, "EUR", "high", "max_completion_tokens"), (one.Price.PerMillionInput, one.Price.PerMillionOutput, one.Price.Currency, one.ImageDetail, one.MaxTokensField));
        Assert.Equal(("de", 5, 200, true), (one.Rules.Language, one.Rules.MinWords, one.Rules.MaxWords, one.Rules.StripOpener));
        Assert.Equal((CaptionerKind.Onnx, "models/small", "local"), (all[1].Kind, all[1].Checkpoint, all[1].Model));
        Assert.Equal((null, null, null, 0d), (all[1].Task, all[1].Beams, all[1].NoRepeatNgramSize, all[1].Decoding.Temperature));
        Assert.Equal(("more_detailed_caption", 3, 0, 0d), (all[2].Task, all[2].Beams, all[2].NoRepeatNgramSize, all[2].Decoding.Temperature));
    }

    [Theory]
    [InlineData("\"temperature\": 0.5", "captioners[2].beams is 3, which cannot be had with a temperature")]
    [InlineData("\"repetition_penalty\": 1.2", "captioners[2].beams is 3, which cannot be had with a temperature or a repetition penalty")]
    public void Beams_with_what_draws_are_refused(string decoding, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<CurationException>(() => CaptionerFile.Parse(Whole.Replace("\"max_tokens\": 100", decoding, StringComparison.Ordinal))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_prompt_takes_what_is_known_of_the_image()
    {
        var one = CaptionerFile.Parse(Whole).Captioners[0];
        var ask = new CaptionAsk(new byte[1], "image/png", 300, 200, "a cat");

        Assert.Equal("Describe it. Alt text: a cat. {as is} 300x200 1.50 landscape InternVL2-26B OpenGVLab/InternVL2-26B", one.Prompt.Fill(ask, one.Label, one.Model));
        Assert.Contains("Alt text: none.", one.Prompt.Fill(ask with { Original = null }, one.Label, one.Model), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://vlm.example/v1", "https://other.example/v1")]
    [InlineData("VLM_KEY", "OTHER_KEY")]
    [InlineData("/run/secrets/vlm", "/run/secrets/other")]
    [InlineData("2024-10-21", "2025-01-01")]
    [InlineData("\"concurrency\": 16", "\"concurrency\": 1")]
    [InlineData("\"requests_per_minute\": 600, ", "")]
    [InlineData("100000", "200000")]
    [InlineData("0.15", "0.3")]
    [InlineData("\"deadline_seconds\": 30", "\"deadline_seconds\": 60")]
    [InlineData("\"max_attempts\": 5", "\"max_attempts\": 1")]
    [InlineData("http://localhost:11434/v1", "http://localhost:11435/v1")]
    public void What_only_says_how_a_run_is_operated_is_not_part_of_the_identity(string old, string other)
    {
        var (before, after) = (CaptionerFile.Parse(Whole).Captioners[0], CaptionerFile.Parse(Whole.Replace(old, other, StringComparison.Ordinal)).Captioners[0]);

        Assert.NotEqual(before, after);
        Assert.Equal(before.Identity().ToJsonString(), after.Identity().ToJsonString());
        Assert.Equal(before.SettingsJson(), after.SettingsJson());
    }

    [Theory]
    [InlineData("\"model\": \"OpenGVLab", "\"model\": \"Other")]
    [InlineData("\"revision\": \"abc\"", "\"revision\": \"abd\"")]
    [InlineData("Describe it.", "Say what you see.")]
    [InlineData("Be brief.", "Be long.")]
    [InlineData("\"seed\": 7", "\"seed\": 8")]
    [InlineData("\"top_k\": 40", "\"top_k\": 41")]
    [InlineData("\"licence\": \"mit\"", "\"licence\": \"cc0\"")]
    [InlineData("\"model\": \"llava\"", "\"model\": \"llava-2\"")]
    [InlineData("1536", "1024")]
    [InlineData("\"image_detail\": \"high\"", "\"image_detail\": \"low\"")]
    [InlineData("\"min_words\": 5", "\"min_words\": 6")]
    public void What_captions_depend_on_is_part_of_the_identity(string old, string other)
    {
        var (before, after) = (CaptionerFile.Parse(Whole).Captioners[0], CaptionerFile.Parse(Whole.Replace(old, other, StringComparison.Ordinal)).Captioners[0]);

        Assert.NotEqual(before.Identity().ToJsonString(), after.Identity().ToJsonString());
    }

    [Theory]
    [InlineData("\"label\": \"a.b\"", "captioners[0].label is \"a.b\": Captioner label")]
    [InlineData("\"label\": \"prompt\"", "captioners[0].label is \"prompt\": Captioner label")]
    [InlineData("\"label\": \"x_clip_score\"", "captioners[0].label is \"x_clip_score\"")]
    [InlineData("\"endpoint\": \"vlm\"", "captioners[0].endpoint is \"vlm\"; it is an http or https address")]
    [InlineData("\"endpoint\": \"file:///etc\"", "captioners[0].endpoint is")]
    [InlineData("\"endpoint\": \"http://a:b@h/v1\"", "captioners[0].endpoint has a user")]
    [InlineData("\"endpoint\": \"http://h/v1/chat/completions\"", "captioners[0].endpoint ends in /chat/completions")]
    [InlineData("\"kind\": \"tgi\"", "captioners[0].kind is \"tgi\"; it is one of chat, onnx")]
    [InlineData("\"kind\": \"onnx\"", "captioners[0].checkpoint is missing")]
    [InlineData("\"checkpoint\": \"x\"", "captioners[0].checkpoint belongs to the kind onnx")]
    [InlineData("\"task\": \"caption\"", "captioners[0].task belongs to the kind onnx")]
    [InlineData("\"beams\": 3", "captioners[0].beams belongs to the kind onnx")]
    [InlineData("\"no_repeat_ngram_size\": 3", "captioners[0].no_repeat_ngram_size belongs to the kind onnx")]
    [InlineData("\"precision\": \"w8a8\"", "captioners[0].precision belongs to the kind onnx")]
    [InlineData("\"precision\": \"mixed\"", "captioners[0].precision is \"mixed\"; it is one of float32, w8a8")]
    [InlineData("\"task\": \"ocr\"", "captioners[0].task is \"ocr\"; it is one of caption, detailed_caption, more_detailed_caption")]
    [InlineData("\"beams\": 9", "captioners[0].beams is 9; it is a whole number from 1 to 8")]
    [InlineData("\"concurrency\": 0", "captioners[0].concurrency is 0; it is a whole number from 1 to 256")]
    [InlineData("\"concurrency\": 257", "from 1 to 256")]
    [InlineData("\"concurrency\": 1.5", "captioners[0].concurrency is 1.5")]
    [InlineData("\"concurrency\": \"4\"", "captioners[0].concurrency is not a number")]
    [InlineData("\"requests_per_minute\": 0", "from 1 to 1000000")]
    [InlineData("\"tokens_per_minute\": 999", "from 1000 to 1000000000")]
    [InlineData("\"deadline_seconds\": 0.5", "captioners[0].deadline_seconds is 0.5; it goes from 1 to 3600")]
    [InlineData("\"deadline_seconds\": 3601", "from 1 to 3600")]
    [InlineData("\"max_attempts\": 21", "from 1 to 20")]
    [InlineData("\"image_max_side\": 63", "from 64 to 8192")]
    [InlineData("\"image_detail\": \"best\"", "low, high, auto")]
    [InlineData("\"max_tokens_field\": \"n\"", "max_tokens, max_completion_tokens")]
    [InlineData("\"language\": \"xx\"", "captioners[0].language is \"xx\"; it is one of any, en,")]
    [InlineData("\"min_words\": 0", "from 1 to 1000")]
    [InlineData("\"min_words\": 10, \"max_words\": 9", "captioners[0].max_words is 9, less than min_words 10")]
    [InlineData("\"refusal_patterns\": [\"(\"]", "captioners[0].refusal_patterns has \"(\"")]
    [InlineData("\"refusal_patterns\": [\"(a)\\\\1\"]", "no regular expression without back-references")]
    [InlineData("\"prompt\": \"{colour}\"", "captioners[0].prompt has the variable {colour}; there are {original}")]
    [InlineData("\"prompt\": \"a { b\"", "captioners[0].prompt has a brace alone at character 3")]
    [InlineData("\"prompt\": \"a } b\"", "captioners[0].prompt has a brace alone at character 3")]
    [InlineData("\"prompt\": \"\"", "captioners[0].prompt has 0 characters; it has 1 to 8000")]
    [InlineData("\"decoding\": { \"temperature\": 2.1 }", "captioners[0].decoding.temperature is 2.1; it goes from 0 to 2")]
    [InlineData("\"decoding\": { \"max_tokens\": 0 }", "captioners[0].decoding.max_tokens is 0")]
    [InlineData("\"decoding\": { \"stop\": [\"a\",\"b\",\"c\",\"d\",\"e\"] }", "captioners[0].decoding.stop has 5 entries; the limit is 4")]
    [InlineData("\"decoding\": { \"extra\": { \"messages\": [] } }", "captioners[0].decoding.extra.messages has a setting of its own")]
    [InlineData("\"decoding\": { \"extra\": { \"a.b\": 1 } }", "captioners[0].decoding.extra has the field \"a.b\"")]
    [InlineData("\"price\": { \"per_million_input\": -1 }", "captioners[0].price.per_million_input is -1")]
    [InlineData("\"price\": { \"currency\": \"usd\" }", "captioners[0].price.currency is \"usd\"")]
    [InlineData("\"tempersture\": 1", "captioners[0].tempersture is no field of this object; it has api_key_env,")]
    [InlineData("\"fallback\": { \"model\": \"x\" }", "captioners[0].fallback.endpoint is missing")]
    [InlineData("\"api_key_env\": \"A\", \"api_key_file\": \"b\"", "are both there; keep one")]
    public void A_value_out_of_range_is_refused_with_its_place_and_limit(string field, string sentence)
    {
        var error = Assert.Throws<CurationException>(() => CaptionerFile.Parse(One(field)));

        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"api_key\": \"sk-very-secret\"")]
    [InlineData("\"authorization\": \"sk-very-secret\"")]
    [InlineData("\"api_key_env\": \"sk-very-secret\"")]
    [InlineData("\"decoding\": { \"token\": \"sk-very-secret\" }")]
    public void A_key_in_the_file_is_refused_and_not_repeated(string field)
    {
        var error = Assert.Throws<CurationException>(() => CaptionerFile.Parse(One(field)));

        Assert.DoesNotContain("secret\"", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("sk-very", error.Message, StringComparison.Ordinal);
        Assert.Contains("key", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "not JSON")]
    [InlineData("[]", "the file is not a JSON object")]
    [InlineData("{}", "captioners is missing or empty")]
    [InlineData("{\"captioners\": [1]}", "captioners[0] is not a JSON object")]
    [InlineData("{\"captioners\": [], \"more\": 1}", "more is no field")]
    [InlineData("{\"captioners\": [{\"label\":\"a\",\"label\":\"b\"}]}", "not JSON")]
    public void A_file_of_another_form_is_refused(string json, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<CurationException>(() => CaptionerFile.Parse(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void Labels_and_currencies_are_checked_over_the_whole_file()
    {
        var twice = """{"captioners":[{"label":"a","endpoint":"http://h/v1","model":"m"},{"label":"A","endpoint":"http://h/v1","model":"m"}]}""";
        var mixed = """{"captioners":[{"label":"a","endpoint":"http://h/v1","model":"m"},{"label":"b","endpoint":"http://h/v1","model":"m","price":{"currency":"EUR"}}]}""";

        Assert.Contains("twice", Assert.Throws<CurationException>(() => CaptionerFile.Parse(twice)).Message, StringComparison.Ordinal);
        Assert.Contains("USD and EUR", Assert.Throws<CurationException>(() => CaptionerFile.Parse(mixed)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_named()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("bad.json"), "{");

        Assert.Contains("none.json", Assert.Throws<CurationException>(() => CaptionerFile.Load(folder.File("none.json"))).Message, StringComparison.Ordinal);
        Assert.Contains("bad.json", Assert.Throws<CurationException>(() => CaptionerFile.Load(folder.File("bad.json"))).Message, StringComparison.Ordinal);
    }

    // The field given replaces or follows what a captioner needs.
    private static string One(string field)
    {
        var needed = new[] { "\"label\": \"a\"", "\"endpoint\": \"http://h/v1\"", "\"model\": \"m\"" }.Where(part => !field.StartsWith(part.Split(':')[0], StringComparison.Ordinal));
        return $"{{\"captioners\": [{{{string.Join(", ", [.. needed, field])}}}]}}";
    }
}
