namespace Sana.Workflows.Contract;

/// <summary>The name of a step with the types it takes and gives, so that a call is checked by the compiler.</summary>
/// <param name="Name">Unique among steps; stays the same as long as instances that recorded it may run.</param>
public readonly record struct Step<TIn, TOut>(string Name);
