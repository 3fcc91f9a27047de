namespace Sana.Inference.Text;

/// <summary>The "normalizer" of a Gemma tokenizer.json: nothing, a replacement of a fixed string, or a sequence of these.</summary>
internal sealed class TextNormalizer
{
    /// <summary>Published files have one step; a few allow for variants and bound what a hostile file can multiply.</summary>
    private const int MaxSteps = 8;

    private readonly List<Step> _steps = [];

    public TextNormalizer(JsonPart? normalizer)
    {
        if (normalizer is { } part) Add(part);
    }

    /// <summary>True when no text that comes out holds the string, so that splitting at it does nothing.</summary>
    public bool Removes(string text)
    {
        var removed = _steps.FindLastIndex(step => step.Pattern == text);
        return text.Length == 1 && removed >= 0 && _steps.Skip(removed).All(step => !step.Content.Contains(text, StringComparison.Ordinal));
    }

    /// <exception cref="InferenceException">The text grows beyond the limit.</exception>
    public string Apply(string text)
    {
        foreach (var step in _steps)
        {
            var grown = text.Length + (text.AsSpan().Count(step.Pattern) * ((long)step.Content.Length - step.Pattern.Length));
            if (grown > UnicodeText.MaxLength * 2L)
                throw new InferenceException($"The tokenizer's normalizer turns the text into {grown:N0} characters, the limit is {UnicodeText.MaxLength * 2L:N0}; shorten the text or replace tokenizer.json.");
            text = text.Replace(step.Pattern, step.Content, StringComparison.Ordinal);
        }

        return text;
    }

    /// <summary>The reverse, as far as there is one: a typed "▁" comes back as a space.</summary>
    public string Undo(string text)
    {
        foreach (var step in Enumerable.Reverse(_steps))
        {
            if (step.Content.Length > 0) text = text.Replace(step.Content, step.Pattern, StringComparison.Ordinal);
        }

        return text;
    }

    private void Add(JsonPart part)
    {
        switch (part.Get("type").Text())
        {
            case "Sequence":
                foreach (var item in part.Get("normalizers").Items()) Add(item);
                return;
            case "Replace" when part.Get("pattern").Text("String") is { Length: > 0 } pattern:
                _steps.Add(new Step(pattern, part.Get("content").Text()));
                break;
            case "Replace":
                throw part.Refuse("replaces by a regular expression or an empty pattern, which no Gemma tokenizer does", "use the checkpoint's own tokenizer.json");
            case var other:
                throw part.Refuse($"has the type \"{JsonPart.Shorten(other)}\", which no Gemma tokenizer has", "use the checkpoint's own tokenizer.json");
        }

        if (_steps.Count > MaxSteps) throw part.Refuse($"is one of more than {MaxSteps} steps", "use the checkpoint's own tokenizer.json");
    }

    private readonly record struct Step(string Pattern, string Content);
}
