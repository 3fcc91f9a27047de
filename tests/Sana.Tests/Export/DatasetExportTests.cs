using System.Text.Json.Nodes;
using Sana.Curation;
using Sana.Curation.Export;
using Sana.Curation.Selection;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Export;

/// <summary>What holds of every layout: it goes on, it is the same bytes, it keeps off what is somebody's, it counts what it leaves out.</summary>
public sealed class DatasetExportTests
{
    [Theory]
    [InlineData(ExportFormat.ImageFolder, "chosen"), InlineData(ExportFormat.Folder, "all"), InlineData(ExportFormat.Parquet, "all"),
        InlineData(ExportFormat.SanaImg, "all")]
    public async Task Stopped_at_any_file_it_goes_on_to_the_same_bytes(ExportFormat format, string captions)
    {
        using var dataset = await SomeDataset.Create();
        var options = new ExportOptions { Format = format, Captions = captions, MaxFileBytes = 2000 };
        var whole = await dataset.Export(options, FileBlobs.Open(dataset.Out("whole")));
        var expected = await Tree.Of(FileBlobs.Open(dataset.Out("whole")), "");

        var target = FileBlobs.Open(dataset.Out("stopped"));
        for (var writes = 1; writes < 5; writes++)
            await Assert.ThrowsAsync<InvalidOperationException>(() => dataset.Export(options, new StoppingBlobs(target, writes)));
        var marker = JsonNode.Parse((await target.Read(DatasetExport.Marker, default))!)!;
        var rest = await dataset.Export(options, target);
        var again = await dataset.Export(options, target);

        Assert.False((bool)marker["complete"]!);
        Assert.Equal(expected, await Tree.Of(target, ""));
        Assert.True(rest.Kept > 0, "Nothing was kept.");
        Assert.Equal(whole.Written, rest.Written + rest.Kept);
        // What lists the others is written again, nothing else.
        Assert.InRange(again.Written, 0, 1);
        Assert.True((bool)JsonNode.Parse((await target.Read(DatasetExport.Marker, default))!)!["complete"]!);
    }

    [Fact]
    public async Task A_folder_that_holds_something_else_is_refused()
    {
        using var dataset = await SomeDataset.Create();
        Directory.CreateDirectory(dataset.Out());
        await File.WriteAllTextAsync(Path.Combine(dataset.Out(), "thesis.txt"), "mine");

        var refused = await Assert.ThrowsAsync<CurationException>(() => dataset.Export(ExportFormat.Folder));

        Assert.Contains("thesis.txt", refused.Message, StringComparison.Ordinal);
        Assert.Equal([Path.Combine(dataset.Out(), "thesis.txt")], Directory.GetFiles(dataset.Out()));
    }

    [Fact]
    public async Task An_export_with_other_options_is_refused_with_the_difference()
    {
        using var dataset = await SomeDataset.Create();
        await dataset.Export(ExportFormat.Folder);

        var captions = await Assert.ThrowsAsync<CurationException>(() => dataset.Export(ExportFormat.Folder, ExportOptions.All));
        var format = await Assert.ThrowsAsync<CurationException>(() => dataset.Export(ExportFormat.SanaImg));

        Assert.Contains("the captions 'chosen', not 'all'", captions.Message, StringComparison.Ordinal);
        Assert.Contains("another format than sana-img", format.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Images_that_are_not_in_their_tar_are_counted_and_the_rest_is_exported()
    {
        using var dataset = await SomeDataset.Create();
        File.Delete(dataset.Shard("00001.tar"));
        // Half of the first tar is lost.
        await using (var tar = File.OpenWrite(dataset.Shard("00000.tar")))
            tar.SetLength(tar.Length / 2);

        var made = await dataset.Export(ExportFormat.Folder);

        Assert.Equal(dataset.Samples.Length, made.Images + made.LeftOut[ExportCounts.MissingImage]);
        Assert.InRange(made.Images, 5, 23);
        Assert.StartsWith("00000.tar!", made.FirstMissing, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_index_that_is_gone_is_counted_with_all_its_images()
    {
        using var dataset = await SomeDataset.Create();
        File.Delete(dataset.Shard("00001.jsonl"));

        var made = await dataset.Export(ExportFormat.Folder);

        Assert.Equal((24L, 10L, "00001.jsonl"), (made.Images, made.LeftOut[ExportCounts.MissingIndex], made.FirstMissing));
    }

    [Fact]
    public async Task A_selection_stands_for_the_chosen_captions_and_leaves_out_what_it_drops()
    {
        using var dataset = await SomeDataset.Create();
        await dataset.Select("strict", new SelectionOptions { Rule = SelectionRule.Max, ImageThreshold = 30 });

        var made = await dataset.Export(ExportFormat.Folder, selection: "strict");
        var kept = JsonNode.Parse(await File.ReadAllTextAsync(dataset.Shard("00000_strict.json")))!.AsObject().Concat(JsonNode.Parse(await File.ReadAllTextAsync(dataset.Shard("00001_strict.json")))!.AsObject()).ToArray();

        Assert.Equal(kept.Length, made.Images);
        Assert.InRange(kept.Length, 1, dataset.Samples.Length - 1);
        Assert.Equal((long)(dataset.Samples.Length - kept.Length), made.LeftOut[Reasons.NoCaption]);
        foreach (var (key, caption) in kept)
            Assert.Equal(((string)caption!["strict"]!).Replace('\n', ' '), await File.ReadAllTextAsync(Path.Combine(dataset.Out(), key + ".txt")));
        var none = await Assert.ThrowsAsync<CurationException>(() => dataset.Export(ExportFormat.Folder, selection: "other", name: "other"));
        Assert.Contains("sana select some --label other", none.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_label_that_the_dataset_has_not_is_refused_with_those_that_it_has()
    {
        using var dataset = await SomeDataset.Create();

        var refused = await Assert.ThrowsAsync<CurationException>(() => dataset.Export(ExportFormat.Folder, "Florence"));

        Assert.Contains("prompt, InternVL2-26B, VILA1-5-13B", refused.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(dataset.Out(), "00000")));
    }

    [Fact]
    public async Task Keys_that_are_there_twice_never_share_a_file()
    {
        using var dataset = await SomeDataset.Create();
        // The second shard is the first one again, under upper-case keys: one name on many file systems.
        foreach (var ending in (string[])["jsonl", "tar"])
            File.Copy(dataset.Shard($"00000.{ending}"), dataset.Shard($"00001.{ending}"), overwrite: true);

        var made = await dataset.Export(ExportFormat.Folder);

        Assert.Equal(48, made.Images);
        Assert.Equal(48, Directory.EnumerateFiles(dataset.Out(), "*.jpg").Select(file => file.ToUpperInvariant()).Distinct().Count());
    }

    /// <summary>Blobs that refuse from the n-th write on.</summary>
    private sealed class StoppingBlobs(IBlobs inner, int writes) : IBlobs
    {
        private int _left = writes;

        public string Place => inner.Place;

        public Task<bool> PutIfAbsent(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
            Take(() => inner.PutIfAbsent(name, bytes, cancellationToken));

        public Task Put(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => Take(() => inner.Put(name, bytes, cancellationToken));

        public Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) =>
            Take(() => inner.Write(name, write, cancellationToken));

        public Task<byte[]?> Read(string name, CancellationToken cancellationToken) => inner.Read(name, cancellationToken);

        public Task<Stream?> Open(string name, CancellationToken cancellationToken) => inner.Open(name, cancellationToken);

        public Task<bool> Exists(string name, CancellationToken cancellationToken) => inner.Exists(name, cancellationToken);

        public Task Delete(string name, CancellationToken cancellationToken) => inner.Delete(name, cancellationToken);

        public IAsyncEnumerable<BlobEntry> List(string prefix, CancellationToken cancellationToken) => inner.List(prefix, cancellationToken);

        private T Take<T>(Func<T> write) => _left-- > 0 ? write() : throw new InvalidOperationException("Stopped.");
    }
}
