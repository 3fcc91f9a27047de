using Sana.Curation;
using Sana.Curation.Export;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Storage.Blobs;
using Sana.Tests.Support;

namespace Sana.Tests.Export;

/// <summary>A dataset of two shards, written as the program writes it, and a folder for its exports.</summary>
internal sealed class SomeDataset : IDisposable
{
    private readonly TempFolder _folder = new();

    private SomeDataset(IReadOnlyList<ShardStats> shards) => Dataset = new ExportDataset
    {
        Dataset = "some",
        Version = "v1",
        ManifestSha256 = new string('a', 64),
        ImageExtension = "jpg",
        Scorer = SomeRows.Settings.Scorer,
        Shards = shards,
        Captioners = SomeRows.Settings.Labels,
        Open = (name, _) => Task.FromResult<Stream?>(File.Exists(Shard(name)) ? File.OpenRead(Shard(name)) : null),
    };

    public ExportDataset Dataset { get; }

    /// <summary>Rows that are in the shards.</summary>
    public IndexRow[] Samples { get; } = [.. SomeRows.Of(30, 0).Concat(SomeRows.Of(12, 1)).Where(row => row.Status == RowStatus.Success)];

    public static async Task<SomeDataset> Create()
    {
        var shards = new List<ShardStats>();
        var dataset = new SomeDataset(shards);
        shards.Add(await SomeRows.Write(dataset._folder.File("shards"), 30, 0));
        shards.Add(await SomeRows.Write(dataset._folder.File("shards"), 12, 1));
        return dataset;
    }

    public string Shard(string name) => Path.Combine(_folder.File("shards"), name);

    public string Out(string name = "out") => _folder.File(name);

    public Task<ExportSummary> Export(ExportFormat format, string captions = ExportOptions.Chosen, string? selection = null, long maxFileBytes = 500_000_000,
        string name = "out") =>
        Export(new ExportOptions { Format = format, Captions = captions, Selection = selection, MaxFileBytes = maxFileBytes }, FileBlobs.Open(Out(name)));

    public Task<ExportSummary> Export(ExportOptions options, IBlobs target) => DatasetExport.Run(Dataset, options, target, default);

    /// <summary>Chooses again, so that some images have another caption and some none.</summary>
    public async Task Select(string label, SelectionOptions options)
    {
        foreach (var shard in Dataset.Shards)
        {
            await using var index = File.OpenRead(Shard(new ShardNames(shard.Shard).Parquet));
            await new Reselection(SomeRows.Settings with { Selection = options }, label).Run(shard.Shard, index, FileBlobs.Open(_folder.File("shards")), "", $"selections/{label}/",
                default);
        }
    }

    public void Dispose() => _folder.Dispose();
}
