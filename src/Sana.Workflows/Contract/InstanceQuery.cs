namespace Sana.Workflows.Contract;

/// <summary>Which instances to list.</summary>
public sealed record InstanceQuery
{
    /// <value>Only these; empty means all. Default empty.</value>
    public IReadOnlyList<WorkflowStatus> Statuses { get; init; } = [];

    /// <value>Only this orchestration. Default all.</value>
    public string? Workflow { get; init; }

    /// <value>Only ids that begin so. Default all.</value>
    public string IdPrefix { get; init; } = "";

    /// <value>Only those that no other instance called. Default true.</value>
    public bool TopOnly { get; init; } = true;

    /// <value>At most so many, 1…10,000. Default 100.</value>
    public int Limit
    {
        get;
        init => field = value is >= 1 and <= 10_000
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Limit), value, $"Limit {value} is outside 1…10,000.");
    } = 100;

    /// <value>Leave out so many of the newest, 0 or more. Default 0.</value>
    public int Skip
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(Skip), value, $"Skip {value} must not be negative.");
    }
}
