namespace Sana.Curation.Shards;

/// <summary>A file of a shard, as manifests list it.</summary>
/// <param name="Name">Such as <c>00000.tar</c>.</param>
/// <param name="Sha256">Of its bytes, lower-case hexadecimal.</param>
/// <param name="Bytes">How long it is.</param>
/// <param name="Samples">Samples or rows that it holds.</param>
public sealed record ShardFile(string Name, string Sha256, long Bytes, int Samples);
