using System.Diagnostics;

namespace Sana.Tests.Support;

/// <summary>Programs that others wrote, run to their end.</summary>
internal static class Commands
{
    /// <summary>What the program prints; a code other than 0 fails with what it complained of.</summary>
    public static Task<string> Run(string program, params string[] arguments) => Run(0, program, arguments);

    /// <summary>The same for a program that ends with another code when it found something.</summary>
    public static async Task<string> Run(int mostCode, string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return process.ExitCode <= mostCode ? await output : throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {await errors}");
    }
}
