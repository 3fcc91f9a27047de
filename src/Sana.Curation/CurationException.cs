namespace Sana.Curation;

/// <summary>
/// Bad input from outside: a source, a configuration or a finished dataset that cannot be used. The message has the value, the limit and the fix. A bad item is
/// never this: it is a row.
/// </summary>
public sealed class CurationException : SanaException
{
    /// <summary>Creates the exception.</summary>
    public CurationException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception over what caused it.</summary>
    public CurationException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
