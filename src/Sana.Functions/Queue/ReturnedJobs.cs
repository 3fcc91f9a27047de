using Sana.Jobs.Queue;
using Sana.Jobs.Rendering;

namespace Sana.Functions.Queue;

/// <summary>How often a job was returned before: a queue that cannot delay a returned message gets a new one in its place, which would count its deliveries from one.</summary>
internal static class ReturnedJobs
{
    // Bodies come from outside, too: the sum with the queue's own count must stay a number.
    private const int Most = 1_000_000;

    public static int Of(string body) => Math.Clamp(Read(body)?.Returned ?? 0, 0, Most);

    /// <summary>The job of a body; null when it is none: the handler will say what is wrong with it.</summary>
    public static JobMessage? Read(string body)
    {
        try
        {
            return JobMessage.Parse(body);
        }
        catch (JobFaultException)
        {
            return null;
        }
    }
}
