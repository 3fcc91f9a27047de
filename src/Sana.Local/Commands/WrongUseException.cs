using Sana.Curation;
using Sana.Inference;

namespace Sana.Local.Commands;

/// <summary>The command line asks for something that cannot be: exit code 2. The message names the fix.</summary>
internal sealed class WrongUseException(string message, Exception? innerException = null) : Exception(message, innerException)
{
    /// <summary>Runs what only looks at what was asked for: whatever is refused there is wrong use, and not a failure.</summary>
    public static T Unless<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is SanaException or CurationException or InferenceException)
        {
            throw new WrongUseException(error.Message, error);
        }
    }
}
