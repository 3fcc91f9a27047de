using DurableTask.Sqlite.Tests;

/// <summary>
/// How the tests get a process that they may kill: this assembly once more, with <c>DOTNET_STARTUP_HOOKS</c> naming it, which has the runtime call this
/// before the test runner. The runtime looks for the class by this name, without a namespace.
/// </summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(Victim.Folder) is { } folder)
            Environment.Exit(Victim.Run(folder).GetAwaiter().GetResult());
    }
}
