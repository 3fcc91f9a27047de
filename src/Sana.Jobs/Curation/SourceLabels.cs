using Sana.Curation;
using Sana.Curation.Sources;

namespace Sana.Jobs.Curation;

/// <summary>
/// The captions that came with an image, each under a label: the first is <c>prompt</c>, the others have the name of their field where it is a label, or a
/// number.
/// </summary>
internal static class SourceLabels
{
    /// <summary>The note of an image of an earlier version whose captions have changed since.</summary>
    public const string Edited = "captions_edited";

    /// <summary>Every caption that came with an image.</summary>
    public static IEnumerable<string> All(IndexRow row) => new[] { row.Original }.Concat((row.MoreOriginals ?? [])
        .Select(caption => caption.Text)).OfType<string>();

    /// <summary>The row with the captions of its source.</summary>
    /// <param name="row">The row.</param>
    /// <param name="fetched">What was read.</param>
    /// <param name="captioners">Labels that captioners have.</param>
    public static IndexRow Put(IndexRow row, FetchedItem fetched, IReadOnlyList<string> captioners) => Put(row, fetched.Captions, captioners);

    /// <summary>The row with more captions, those of images that are the same; a text that it has already stays once.</summary>
    public static IndexRow Add(IndexRow row, IEnumerable<string> texts, IReadOnlyList<string> captioners)
    {
        var there = new List<SourceCaption>();
        if (row.Original is { } original)
            there.Add(new SourceCaption(original, Candidate.OriginalLabel, row.CaptionEncoding, IsLabel: true));
        there.AddRange((row.MoreOriginals ?? []).Select(caption => new SourceCaption(caption.Text, caption.Label, IsLabel: true)));
        foreach (var text in texts.Where(text => !there.Any(caption => caption.Text == text)))
            there.Add(new SourceCaption(text));
        return Put(row, there, captioners);
    }

    private static IndexRow Put(IndexRow row, IReadOnlyList<SourceCaption> captions, IReadOnlyList<string> captioners)
    {
        if (captions.Count == 0)
            return row;
        var first = captions.FirstOrDefault(caption => caption.Field is not null && caption.Field.Equals(Candidate.OriginalLabel,
            StringComparison.OrdinalIgnoreCase) && caption.IsLabel)
            ?? captions.FirstOrDefault(caption => !caption.IsLabel);
        var (taken, more) = (new HashSet<string>(captioners, StringComparer.OrdinalIgnoreCase) { Candidate.OriginalLabel }, new List<LabelledCaption>());
        foreach (var caption in captions.Where(caption => caption != first))
        {
            var label = Label(caption) is { } own && taken.Add(own) ? own : Enumerable.Range(2, captions.Count + taken.Count)
                .Select(number => FormattableString.Invariant($"{Candidate.OriginalLabel}_{number}")).First(taken.Add);
            more.Add(new LabelledCaption(label, caption.Text));
        }

        return row with { Original = first?.Text, CaptionEncoding = first?.Encoding, MoreOriginals = more.Count == 0 ? null : more };
    }

    private static string? Label(SourceCaption caption)
    {
        if (caption.Field is not { Length: > 0 } field || (!caption.IsLabel && CaptionFields.IsPlain(field)))
            return null;
        var label = string.Concat(field.Take(64).Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' ? letter : '_'));
        try
        {
            return CaptionLabel.Check(label);
        }
        catch (CurationException)
        {
            // It means something else in shards.
            return null;
        }
    }
}
