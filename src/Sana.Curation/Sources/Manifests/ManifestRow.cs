namespace Sana.Curation.Sources.Manifests;

/// <summary>What a row has in one column. The default is a column that is not there.</summary>
/// <param name="IsThere">Whether the row has the column.</param>
/// <param name="Text">The value; null for none.</param>
/// <param name="Bytes">The value where only its reader knows the encoding.</param>
/// <param name="WrongType">What stands there instead of a text.</param>
internal readonly record struct Cell(bool IsThere, string? Text = null, byte[]? Bytes = null, string? WrongType = null);

/// <summary>One row of a manifest, or what is wrong where one should be.</summary>
/// <param name="Number">From 1; 0 for the manifest as a whole.</param>
/// <param name="Cells">One for each <see cref="Column"/>; empty for a fault.</param>
/// <param name="Reason">Why there is no row; null for a good one.</param>
/// <param name="Message">One sentence to that.</param>
internal readonly record struct ManifestRow(long Number, Cell[] Cells, string? Reason = null, string? Message = null)
{
    public Cell this[Column column] => Cells[(int)column];

    public static ManifestRow Fault(long number, string reason, string message) => new(number, [], reason, message);
}
