using Sana.Curation.Shards;

namespace Sana.Curation.Captioning;

/// <summary>What a captioner came to over many images. Reports add up, in any order.</summary>
public sealed record CaptionerReport
{
    /// <value>The captioner.</value>
    public required string Label { get; init; }

    /// <value>Candidates, usable or not.</value>
    public long Asked { get; init; }

    /// <value>Candidates that may be chosen.</value>
    public long Usable { get; init; }

    /// <value>Candidates by flag.</value>
    public SortedDictionary<string, long> Flags { get; init; } = new(StringComparer.Ordinal);

    /// <value>Unusable candidates by reason.</value>
    public SortedDictionary<string, long> ByReason { get; init; } = new(StringComparer.Ordinal);

    /// <value>Candidates by finish reason; <c>none</c> where the endpoint did not say.</value>
    public SortedDictionary<string, long> FinishReasons { get; init; } = new(StringComparer.Ordinal);

    /// <value>Tokens asked with.</value>
    public long InputTokens { get; init; }

    /// <value>Tokens answered.</value>
    public long OutputTokens { get; init; }

    /// <value>Price of all.</value>
    public decimal Cost { get; init; }

    /// <value>Requests sent.</value>
    public long Attempts { get; init; }

    /// <value>Words of all usable captions.</value>
    public long Words { get; init; }

    /// <value>Words of a usable caption on average; 0 when there is none.</value>
    public double MeanWords => Usable == 0 ? 0 : (double)Words / Usable;

    /// <summary>One report for each captioner that has candidates here, in ordinal order of the labels. The original caption is no captioner's.</summary>
    public static IReadOnlyList<CaptionerReport> Of(IEnumerable<Candidate> candidates)
    {
        ArgumentNullException.ThrowIfNull(candidates);
        var captioners = candidates.Where(candidate => candidate.Label != Candidate.OriginalLabel).GroupBy(candidate => candidate.Label);
        return [.. captioners.OrderBy(group => group.Key, StringComparer.Ordinal).Select(Of)];
    }

    /// <summary>The reports of several parts as one for each captioner.</summary>
    public static IReadOnlyList<CaptionerReport> Sum(IEnumerable<CaptionerReport> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        return [.. parts.GroupBy(part => part.Label).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => group.Aggregate(Plus))];
    }

    private static CaptionerReport Of(IGrouping<string, Candidate> group)
    {
        var (all, usable) = (group.ToList(), group.Where(candidate => candidate.Reason is null).ToList());
        return new CaptionerReport
        {
            Label = group.Key,
            Asked = all.Count,
            Usable = usable.Count,
            Flags = Count(all.SelectMany(candidate => candidate.Flags.Distinct())),
            ByReason = Count(all.Select(candidate => candidate.Reason).OfType<string>()),
            FinishReasons = Count(all.Select(candidate => candidate.FinishReason ?? "none")),
            InputTokens = all.Sum(candidate => (long)candidate.InputTokens),
            OutputTokens = all.Sum(candidate => (long)candidate.OutputTokens),
            Cost = all.Sum(candidate => candidate.Cost),
            Attempts = all.Sum(candidate => (long)candidate.Attempts),
            Words = usable.Sum(candidate => (long)candidate.Words),
        };
    }

    private static CaptionerReport Plus(CaptionerReport one, CaptionerReport other) => one with
    {
        Asked = one.Asked + other.Asked,
        Usable = one.Usable + other.Usable,
        Flags = Plus(one.Flags, other.Flags),
        ByReason = Plus(one.ByReason, other.ByReason),
        FinishReasons = Plus(one.FinishReasons, other.FinishReasons),
        InputTokens = one.InputTokens + other.InputTokens,
        OutputTokens = one.OutputTokens + other.OutputTokens,
        Cost = one.Cost + other.Cost,
        Attempts = one.Attempts + other.Attempts,
        Words = one.Words + other.Words,
    };

    private static SortedDictionary<string, long> Count(IEnumerable<string> codes) =>
        new(codes.CountBy(code => code).ToDictionary(code => code.Key, code => (long)code.Value), StringComparer.Ordinal);

    private static SortedDictionary<string, long> Plus(SortedDictionary<string, long> one, SortedDictionary<string, long> other) =>
        new(one.Concat(other).GroupBy(code => code.Key).ToDictionary(code => code.Key, code => code.Sum(part => part.Value)), StringComparer.Ordinal);
}
