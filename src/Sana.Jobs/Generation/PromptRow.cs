namespace Sana.Jobs.Generation;

/// <summary>One line of a prompt file: what to draw, or why it cannot be used.</summary>
/// <param name="Row">The line's number in the file, from 1.</param>
/// <param name="Prompt">What to draw; null when <paramref name="Rejection"/> says why not.</param>
/// <param name="Rejection">Why the line is left out.</param>
public sealed record PromptRow(long Row, PromptSpec? Prompt, Rejection? Rejection);

/// <summary>A prompt and what its line overrides; what is null comes from the command.</summary>
public sealed record PromptSpec(string Text)
{
    /// <value>The user's own name of the row, unique in the file; null for none. It goes into records, never into blob names.</value>
    public string? Id { get; init; }

    /// <value>What the image should not show.</value>
    public string? NegativePrompt { get; init; }

    /// <value>Distinct seeds; each gets <see cref="Images"/> images.</value>
    public IReadOnlyList<ulong>? Seeds { get; init; }

    /// <value>Images per seed, 1…10,000.</value>
    public int? Images { get; init; }

    /// <value>Pixels.</value>
    public int? Width { get; init; }

    /// <value>Pixels.</value>
    public int? Height { get; init; }

    /// <value>Model evaluations per image.</value>
    public int? Steps { get; init; }

    /// <value>Guidance scale.</value>
    public float? GuidanceScale { get; init; }
}

/// <summary>Why a row is left out.</summary>
/// <param name="Reason">One of <see cref="RejectReason"/>.</param>
/// <param name="Message">One sentence for people.</param>
public sealed record Rejection(string Reason, string Message);

/// <summary>The reason codes of rejected rows.</summary>
public static class RejectReason
{
    /// <summary>Not a JSON object with a prompt, or longer than a line may be.</summary>
    public const string BadRow = "bad_row";

    /// <summary>Not UTF-8.</summary>
    public const string BadEncoding = "bad_encoding";

    /// <summary>A field has another JSON type than it should.</summary>
    public const string WrongType = "wrong_type";

    /// <summary>The prompt or negative prompt is empty, too long, or has control characters or half a surrogate pair.</summary>
    public const string BadPrompt = "bad_prompt";

    /// <summary>An earlier row has the same id.</summary>
    public const string DuplicateId = "duplicate_id";

    /// <summary>A size, count, seed or scale is out of range.</summary>
    public const string BadRequest = "bad_request";
}
