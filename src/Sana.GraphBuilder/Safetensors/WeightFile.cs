namespace Sana.GraphBuilder.Safetensors;

/// <summary>One file of a checkpoint, with what tells cheaply whether it is still the same file.</summary>
/// <param name="Path">Full path.</param>
/// <param name="Length">Bytes of the whole file.</param>
/// <param name="HeaderSha256">SHA-256 of the header in lower-case hex: names, types, shapes and offsets, not the weights.</param>
internal sealed record WeightFile(string Path, long Length, string HeaderSha256);
