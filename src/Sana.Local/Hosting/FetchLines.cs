using System.Diagnostics;
using Sana.Storage.Hub;

namespace Sana.Local.Hosting;

/// <summary>The download of a repository, or a push, on stderr: one line that is written over where somebody watches, else a line at the start, every five seconds and at the end.</summary>
/// <param name="verb">What is done, the first word of a line.</param>
internal sealed class FetchLines(string verb = "fetch") : IProgress<HubProgress>
{
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(5);

    private readonly Lock _one = new();
    private readonly Stopwatch _last = new();

    public void Report(HubProgress value)
    {
        lock (_one)
        {
            if (Console.IsErrorRedirected)
            {
                if (value.Note is null && !value.IsLast && _last.IsRunning && _last.Elapsed < LineInterval)
                    return;
                _last.Restart();
                Console.Error.WriteLine($"{verb}: {value}");
                return;
            }

            // Carriage return, the line, and what erases the rest of the one before.
            Console.Error.Write($"\r{verb}: {value}\e[K{(value.IsLast || value.Note is not null ? "\n" : "")}");
        }
    }
}
