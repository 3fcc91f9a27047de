using System.CommandLine;
using System.Runtime.InteropServices;
using DurableTask.Sqlite;
using Sana.Curation;
using Sana.GraphBuilder;
using Sana.Inference;

namespace Sana.Local.Commands;

/// <summary>From arguments to exit code: one sentence on stderr for whatever goes wrong, and with <c>--json</c> an object on stdout too.</summary>
internal static class Invocation
{
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

        using var stop = new CancellationTokenSource();
        var signal = 0;
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, 2));
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
