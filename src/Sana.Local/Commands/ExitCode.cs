namespace Sana.Local.Commands;

/// <summary>What the program returns to the shell. Stopped by a signal it is 128 and the signal's number: 130 for Ctrl+C, 143 for SIGTERM.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int WrongUse = 2;
    public const int SomeFailed = 3;
    public const int Signal = 128;
}
