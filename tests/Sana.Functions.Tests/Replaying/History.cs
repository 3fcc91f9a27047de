using System.Text.Json;

namespace Sana.Functions.Tests.Replaying;

/// <summary>What an orchestration is told, in the order in which it is told.</summary>
/// <param name="At">The time of the episode that took it, UTC.</param>
internal abstract record HistoryEvent(DateTime At);

/// <summary>A task, child or timer of this number ended; <paramref name="Output"/> is JSON, or null when it failed.</summary>
internal sealed record Ended(DateTime At, int Number, string? Output, string? ErrorType = null, string? Error = null) : HistoryEvent(At);

/// <summary>An event came from outside.</summary>
internal sealed record Raised(DateTime At, string Name, string Payload) : HistoryEvent(At);

/// <summary>What an orchestration asked for, in the order in which it asked: the same on every replay.</summary>
internal abstract record Wish;

internal sealed record ActivityWish(string Name, string Input) : Wish;

internal sealed record ChildWish(string Name, string Input, string Id) : Wish;

internal sealed record TimerWish(DateTime Due) : Wish;

internal sealed record EventWish(string Id, string Name, string Payload) : Wish;

/// <summary>Durable's way with values: System.Text.Json with its own defaults.</summary>
internal static class Wire
{
    public static string Write(object? value) => JsonSerializer.Serialize(value);

    public static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json)!;
}
