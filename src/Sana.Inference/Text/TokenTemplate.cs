namespace Sana.Inference.Text;

/// <summary>The ids that stand before and after every text: for Gemma <c>&lt;bos&gt;</c> before it.</summary>
internal sealed record TokenTemplate(int[] Before, int[] After)
{
    private const int MaxIds = 16;

    /// <summary>The "post_processor" of tokenizer.json, or without one what tokenizer_config.json says.</summary>
    public static TokenTemplate Parse(JsonPart? processor, JsonPart? config, Vocabulary vocabulary) =>
        processor is { } part ? FromProcessor(part, vocabulary) : FromConfig(config, vocabulary);

    private static TokenTemplate FromConfig(JsonPart? config, Vocabulary vocabulary)
    {
        return new TokenTemplate(Ids("add_bos_token", true, "bos_token", "<bos>"), Ids("add_eos_token", false, "eos_token", "<eos>"));

        int[] Ids(string flag, bool otherwise, string name, string usual) => config?.Flag(flag, otherwise) ?? otherwise
            ? [vocabulary.Require(config.SpecialToken(name) ?? usual, $"\"{name}\"")]
            : [];
    }

    private static TokenTemplate FromProcessor(JsonPart processor, Vocabulary vocabulary)
    {
        var type = processor.Get("type").Text();
        if (type != "TemplateProcessing")
            throw processor.Refuse($"has the type \"{JsonPart.Shorten(type)}\", not \"TemplateProcessing\"", "use the checkpoint's own tokenizer.json");

        var special = processor.Get("special_tokens");
        var (before, after, seen) = (new List<int>(), new List<int>(), 0);
        foreach (var item in processor.Get("single").Items())
        {
            if (item.Find("Sequence") is not null) seen++;
            else (seen == 0 ? before : after).AddRange(special.Get(item.Get("SpecialToken").Get("id").Text()).Get("ids").Items().Select(id => Known(id, vocabulary)));
            if (before.Count + after.Count > MaxIds) throw item.Refuse($"makes the template longer than {MaxIds} ids");
        }

        if (seen != 1) throw processor.Refuse($"places the text {seen} times, not once");
        return new TokenTemplate([.. before], [.. after]);
    }

    private static int Known(JsonPart part, Vocabulary vocabulary)
    {
        var id = part.Integer();
        return vocabulary.Text(id) is not null ? id : throw part.Refuse($"is {id}, an id that no token has");
    }
}
