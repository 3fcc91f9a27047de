using System.Globalization;
using Sana.Curation.Report;

namespace Sana.Jobs.Curation;

/// <summary>The rules of a run in words, for its report.</summary>
internal static class FilterFacts
{
    public static IReadOnlyList<ReportFact> Of(CurationSettings settings)
    {
        var (rules, facts) = (settings.Filters, new List<ReportFact>());
        Add(rules.MinSide, "shortest side", "at least {0} px");
        Add(rules.MaxAspect, "aspect", "at most {0} to 1");
        Add(rules.MinArea, "area", "at least {0} px");
        Add(rules.MaxArea, "area", "at most {0} px");
        Add(rules.MinWords, "caption", "at least {0} words");
        Add(rules.MinCharacters, "caption", "at least {0} characters");
        Add(rules.MaxCharacters, "caption", "at most {0} characters");
        Add(settings.Duplicates.MaxDistance, "duplicates", "equal bytes, or perceptual hashes that differ in at most {0} bits");
        foreach (var concept in settings.Concepts)
            Add(concept.Threshold, concept.Name, "left out from a CLIP score of {0}");
        return facts;

        void Add(IFormattable? value, string name, string words)
        {
            if (value is not null)
                facts.Add(new ReportFact(name, string.Format(CultureInfo.InvariantCulture, words, value)));
        }
    }
}
