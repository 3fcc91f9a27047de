namespace Sana.Workflows.Contract;

/// <summary>The name of an orchestration with the types it takes and gives.</summary>
/// <param name="Name">Unique among orchestrations; stays the same as long as instances of it may run.</param>
public readonly record struct Workflow<TIn, TOut>(string Name);
