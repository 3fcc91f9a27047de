using System.Globalization;
using Sana.Curation;
using Sana.Jobs.Durable;

namespace Sana.Jobs.Curation;

/// <summary>What several steps ask of rows.</summary>
internal static class Rows
{
    /// <summary>The key of a row that is not in a shard.</summary>
    public static string Key(int shard, int row) => string.Create(CultureInfo.InvariantCulture, $"{shard:00000}-{row:0000}");

    /// <summary>Whether a retry is for this reason.</summary>
    public static bool Wants(this RetryOrder? retry, string? reason) => reason is not null && retry is not null && retry.Reasons.Contains(reason);

    /// <summary>Rows by what they came to: what a rule left out counts as done.</summary>
    public static ItemCounts Count(IEnumerable<IndexRow> rows)
    {
        var counts = ItemCounts.None;
        foreach (var row in rows)
        {
            counts = counts.Plus(row.Status switch
            {
                RowStatus.Failed => new ItemCounts(0, 1, 0),
                RowStatus.Rejected => new ItemCounts(0, 0, 1),
                _ => new ItemCounts(1, 0, 0),
            });
        }

        return counts;
    }
}
