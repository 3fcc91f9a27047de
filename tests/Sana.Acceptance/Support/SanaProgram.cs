using System.Diagnostics;

namespace Sana.Acceptance.Support;

/// <summary>The <c>sana</c> executable as a process of its own. <c>SANA_EXE</c> names another one, such as the published build.</summary>
internal static class SanaProgram
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static readonly string Executable = Environment.GetEnvironmentVariable("SANA_EXE") is { Length: > 0 } path ? path : Path.Combine(AppContext.BaseDirectory, "sana");

    public static async Task<Finished> Run(params string[] arguments)
    {
        using var process = Start(arguments);
        return await Finish(process);
    }

    public static Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo(Executable, arguments)
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        RedirectStandardInput = true,
    })!;

    public static async Task<Finished> Finish(Process process)
    {
        process.StandardInput.Close();
        using var tooLong = new CancellationTokenSource(Patience);
        var output = process.StandardOutput.ReadToEndAsync(tooLong.Token);
        var error = process.StandardError.ReadToEndAsync(tooLong.Token);
        try
        {
            await process.WaitForExitAsync(tooLong.Token);
            return new Finished(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"sana did not end within {Patience}.");
        }
    }

    /// <summary>Sends a signal by its name, such as <c>INT</c>.</summary>
    public static void Signal(Process process, string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{process.Id}"]);
        kill.WaitForExit();
    }
}

/// <summary>What a finished process left.</summary>
internal sealed record Finished(int ExitCode, string Output, string Error);
