using Sana.Curation.Shards;

namespace Sana.Tests.Support;

/// <summary>Shards into a folder.</summary>
internal sealed class FolderShards(string folder) : IShardOutput
{
    public List<string> Names { get; } = [];

    public async Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        await using (var stream = File.Create(Path.Combine(folder, name)))
            await write(stream, cancellationToken);
        Names.Add(name);
    }
}
