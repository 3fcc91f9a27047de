using Sana.Workflows.Queue;
using Sana.Workflows.Rendering;

namespace Sana.Functions.Queue;

/// <summary>How often a job was returned before: a queue that cannot delay a returned message gets a new one in its place, which would count its deliveries from one.</summary>
internal static class ReturnedJobs
{
    public static int Of(string body)
    {
        try
        {
            return JobMessage.Parse(body).Returned;
        }
        catch (JobFaultException)
        {
            // The handler will say what is wrong with it.
            return 0;
        }
    }
}
