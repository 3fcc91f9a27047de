namespace Sana.Workflows.Contract;

/// <summary>A step or a sub-workflow failed for good. It carries what was recorded; the original exception never crosses the history.</summary>
public sealed class StepFailedException : Exception
{
    /// <summary>Creates the exception from what was recorded of the failure.</summary>
    public StepFailedException(string stepName, string errorType, string errorMessage, int attempts)
        : base($"{stepName} failed after {attempts} attempt{(attempts == 1 ? "" : "s")}: {errorMessage}")
    {
        StepName = stepName;
        ErrorType = errorType;
        ErrorMessage = errorMessage;
        Attempts = attempts;
    }

    /// <summary>The step, or the workflow when a sub-workflow failed.</summary>
    public string StepName { get; }

    /// <summary>Full name of the exception type that the last attempt threw.</summary>
    public string ErrorType { get; }

    /// <summary>What the last attempt said.</summary>
    public string ErrorMessage { get; }

    /// <summary>How often it was tried, 1 or more.</summary>
    public int Attempts { get; }
}
