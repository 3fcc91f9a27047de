using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Sana.Curation.Ingest;
using Sana.Workflows.Blobs;
using Sana.Workflows.Contract;

namespace Sana.Workflows.Curation;

/// <summary>The steps of a curation run. Each may run twice: what it writes has names and bytes that follow from its input and the source.</summary>
/// <param name="blobs">Where everything goes.</param>
public sealed partial class CurateSteps(IBlobs blobs)
{
    private static readonly IngestOptions _ingestOptions = new();
    private static readonly ImageIngest _ingest = new(_ingestOptions);

    /// <summary>Adds the steps to those of a host.</summary>
    public WorkflowRegistry Register(WorkflowRegistry registry) => registry
        .Add(Steps.PlanShards, PlanShards)
        .Add(Steps.ExamineShard, ExamineShard)
        .Add(Steps.CloseDataset, CloseDataset);

    /// <summary>Refuses what cannot be run, or must not be kept in a history; whoever starts a run asks before.</summary>
    /// <exception cref="WorkflowException">A name or number is not allowed, or the source holds a key.</exception>
    public static void Check(CurateRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (!IsName(request.Dataset) || !IsName(request.Version))
            throw new WorkflowException("Dataset and version take a-z, 0-9, and hyphens and dots inside, 1…64 characters.");
        if (request.ItemsPerShard is < 1 or > 10_000)
            throw new WorkflowException($"A shard of {request.ItemsPerShard} items is outside 1…10,000; use 1000.");
        SourcePlace.RefuseKeys(request.Source);
    }

    private static bool IsName(string name) => DatasetName().IsMatch(name);

    private async Task<ShardPlan> PlanShards(CurateRequest request, CancellationToken cancellationToken)
    {
        Check(request);
        var names = new DatasetNames(request.Dataset, request.Version);
        var source = await SourcePlace.Open(request.Source, cancellationToken);
        var isClaimed = await blobs.Exists(names.Config, cancellationToken);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (shards, items, lines, inShard) = (0, 0L, new MemoryStream(), 0);
        await foreach (var (name, bytes) in source.Files.List(cancellationToken))
        {
            Line(lines, new SourceItem(name, bytes), CurateJson.Readable.SourceItem);
            items++;
            if (++inShard == request.ItemsPerShard)
                await Cut();
        }

        if (inShard > 0)
            await Cut();
        var config = new DatasetConfig("sana.dataset/1", request.Source, request.ItemsPerShard, items, Convert.ToHexStringLower(hash.GetHashAndReset()));
        var json = JsonSerializer.SerializeToUtf8Bytes(config, CurateJson.Readable.DatasetConfig);
        await blobs.PutIfAbsent(names.Config, json, cancellationToken);
        if (!(await Existing(names.Config, cancellationToken)).AsSpan().SequenceEqual(json))
            throw new WorkflowException($"Dataset {request.Dataset} {request.Version} in {blobs.Place} was made from other files; give it another version.");
        return new ShardPlan(shards, items);

        async Task Cut()
        {
            var list = lines.ToArray();
            hash.AppendData(list);
            // A version that stands for other files is refused below; its lists are not touched.
            if (isClaimed)
                await blobs.PutIfAbsent(names.Items(shards), list, cancellationToken);
            else
                await blobs.PutOrRepair(names.Items(shards), list, cancellationToken);
            shards++;
            lines.SetLength(0);
            inShard = 0;
        }
    }

    private async Task<ItemCounts> ExamineShard(ShardTicket ticket, CancellationToken cancellationToken)
    {
        var names = new DatasetNames(ticket.Dataset, ticket.Version);
        var source = await SourcePlace.Open(ticket.Source, cancellationToken);
        var (lines, counts, place) = (new MemoryStream(), ItemCounts.None, 0);
        await foreach (var item in Rows(names.Items(ticket.Shard), CurateJson.Readable.SourceItem, cancellationToken))
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"{ticket.Shard:00000}{place++:0000}");
            var record = await Examine(source.Files, key, item, cancellationToken);
            Line(lines, record, CurateJson.Readable.IndexRecord);
            counts = counts.Plus(record.Reason is null ? new ItemCounts(1, 0, 0) : new ItemCounts(0, 0, 1));
        }

        await blobs.PutOrRepair(names.Index(ticket.Shard), lines.ToArray(), cancellationToken);
        return counts;
    }

    private static async Task<IndexRecord> Examine(Sana.Curation.Sources.ISourceFiles source, string key, SourceItem item, CancellationToken cancellationToken)
    {
        if (item.Bytes > _ingestOptions.MaxBytes)
            return Rejected(null, "too_many_bytes", $"The file has {item.Bytes} bytes; the limit is {_ingestOptions.MaxBytes}.");
        if (await Read(source, item.Name, cancellationToken) is not { } bytes)
            return Rejected(null, "gone", "The file was there when the source was listed and is not now.");
        var examined = _ingest.Ingest(bytes, item.Name, cancellationToken);
        var sha256 = examined.Sha256;
        return examined.Reason is null
            ? new IndexRecord(key, sha256[..32], item.Name, sha256, bytes.Length, "success", null, null, examined.Format, examined.Width, examined.Height)
            : Rejected(sha256, examined.Reason, examined.Message);

        IndexRecord Rejected(string? hash, string reason, string? message) =>
            new(key, hash?[..32], item.Name, hash, item.Bytes, "rejected", reason, message, null, null, null);
    }

    private static async Task<byte[]?> Read(Sana.Curation.Sources.ISourceFiles source, string name, CancellationToken cancellationToken)
    {
        await using var file = await source.Open(name, cancellationToken);
        if (file is null)
            return null;
        using var bytes = new MemoryStream();
        await file.CopyToAsync(bytes, cancellationToken);
        return bytes.ToArray();
    }

    private async Task<CurateSummary> CloseDataset(CloseDataset close, CancellationToken cancellationToken)
    {
        var names = new DatasetNames(close.Dataset, close.Version);
        var status = new SortedDictionary<string, long>(StringComparer.Ordinal);
        var reasons = new SortedDictionary<string, long>(StringComparer.Ordinal);
        var index = new List<IndexList>();
        for (var shard = 0; shard < close.Shards; shard++)
        {
            var rows = 0;
            await foreach (var record in Rows(names.Index(shard), CurateJson.Readable.IndexRecord, cancellationToken))
            {
                rows++;
                status[record.Status] = status.GetValueOrDefault(record.Status) + 1;
                if (record.Reason is not null)
                    reasons[record.Reason] = reasons.GetValueOrDefault(record.Reason) + 1;
            }

            var bytes = await Existing(names.Index(shard), cancellationToken);
            index.Add(new IndexList(names.Index(shard), Convert.ToHexStringLower(SHA256.HashData(bytes)), bytes.Length, rows));
        }

        var json = await Existing(names.Config, cancellationToken);
        var manifest = new DatasetManifest(
            "sana.dataset-manifest/1",
            close.Dataset,
            close.Version,
            $"sana {typeof(CurateSteps).Assembly.GetName().Version!.ToString(3)}",
            Convert.ToHexStringLower(SHA256.HashData(json)),
            JsonSerializer.Deserialize(json, CurateJson.Readable.DatasetConfig)!,
            status,
            reasons,
            index);
        await blobs.PutOrRepair(names.Manifest, JsonSerializer.SerializeToUtf8Bytes(manifest, CurateJson.Readable.DatasetManifest), cancellationToken);
        return new CurateSummary(close.Dataset, close.Version, names.Manifest, status.GetValueOrDefault("success"), status.GetValueOrDefault("rejected"), reasons);
    }

    private async IAsyncEnumerable<T> Rows<T>(
        string name, JsonTypeInfo<T> type, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var line in Encoding.UTF8.GetString(await Existing(name, cancellationToken)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            yield return JsonSerializer.Deserialize(line, type)!;
    }

    private async Task<byte[]> Existing(string name, CancellationToken cancellationToken) =>
        await blobs.Read(name, cancellationToken) ?? throw new WorkflowException($"{blobs.Place} has no {name}; start the run again.");

    private static void Line<T>(MemoryStream lines, T row, JsonTypeInfo<T> type)
    {
        JsonSerializer.Serialize(lines, row, type);
        lines.WriteByte((byte)'\n');
    }

    [GeneratedRegex(@"^(?=.{1,64}\z)[a-z0-9]+([.-][a-z0-9]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex DatasetName();
}
