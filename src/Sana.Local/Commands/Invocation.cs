using System.CommandLine;
using System.Runtime.InteropServices;
using DurableTask.Sqlite;
using Sana.Curation;
using Sana.GraphBuilder;
using Sana.Inference;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary>From arguments to exit code: one sentence on stderr for whatever goes wrong, and with <c>--json</c> an object on stdout too.</summary>
internal static class Invocation
{
    private const PosixSignal FileTooLarge = (PosixSignal)25; // SIGXFSZ

    // A prompt may start with @, which would otherwise read a file of arguments.
    private static readonly ParserConfiguration Parser = new() { ResponseFileTokenReplacer = null };

    private static readonly InvocationConfiguration Plain = new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };

    public static async Task<int> Run(RootCommand root, string[] args)
    {
        var json = args.Contains("--json");
        var parsed = root.Parse(args, Parser);
        if (parsed.Errors is [var first, ..])
        {
            var fault = parsed.UnmatchedTokens is [var unknown, ..] ? $"'{unknown}' is not a command or option" : first.Message.TrimEnd('.');
            var command = parsed.CommandResult.Command == root ? "" : parsed.CommandResult.Command.Name + " ";
            return Fail($"{fault}. See sana {command}--help.", ExitCode.WrongUse, json);
        }

        // Opened now: when no descriptor is left, it could not be.
        _ = (Console.Out, Console.Error);
        using var stop = new CancellationTokenSource();
        var signal = 0;
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, 2));
        // A limit of the size of files is like a full disk, and no reason to end.
        using var tooLarge = PosixSignalRegistration.Create(FileTooLarge, context => context.Cancel = true);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, 15));

        // The first signal ends the step that runs, the second ends the process.
        void Stop(PosixSignalContext context, int number)
        {
            context.Cancel = Interlocked.CompareExchange(ref signal, number, 0) == 0;
            stop.Cancel();
        }

        try
        {
            return await parsed.InvokeAsync(Plain, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return Fail("Stopped; the same command goes on from here.", ExitCode.Signal + signal, json);
        }
        catch (Exception error) when (DescriptorLimit.Explain(error) is { } sentence)
        {
            return Fail(sentence, ExitCode.Failed, json, error);
        }
        catch (WrongUseException error)
        {
            return Fail(error, ExitCode.WrongUse, json);
        }
        catch (Exception error) when (error is CheckpointException or InferenceException or CurationException or SanaException or JournalException or OrchestrationRefusedException)
        {
            return Fail(error, ExitCode.Failed, json);
        }
        catch (Exception error)
        {
            return Fail($"This should not happen: {error.GetType().Name}: {error.Message} Set SANA_DEBUG=1 to see where.", ExitCode.Failed, json, error);
        }
    }

    private static int Fail(Exception error, int exitCode, bool json) => Fail(error.Message, exitCode, json, error);

    private static int Fail(string message, int exitCode, bool json, Exception? error = null)
    {
        var sentence = message.ReplaceLineEndings(" ");
        Console.Error.WriteLine($"sana: {sentence}");
        if (error is not null && Environment.GetEnvironmentVariable("SANA_DEBUG") == "1")
        {
            Console.Error.WriteLine(error);
        }

        if (json)
        {
            Reports.WriteJson(new ErrorReport(sentence, exitCode), Reports.Json.ErrorReport);
        }

        return exitCode;
    }
}

/// <summary>What the program returns to the shell. Stopped by a signal it is 128 and the signal's number: 130 for Ctrl+C, 143 for SIGTERM.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int WrongUse = 2;
    public const int SomeFailed = 3;
    public const int Signal = 128;
}

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
