using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Sana.Curation.Sources;
using Sana.Jobs.Durable;
using Sana.Storage;
using Sana.Storage.Blobs;
using Sana.Storage.Hub;
using Sana.Storage.Sources;

namespace Sana.Jobs.Curation;

/// <summary>How a curation run becomes an instance: what was asked for goes into a blob, and the instance gets its name.</summary>
public static partial class CurationSubmission
{
    /// <summary>Four shards at once: captioners and networks have bounds of their own.</summary>
    public static Pace Pace { get; } = new(InFlight: 4);

    /// <summary>The instance of a dataset's version. Long names end with a hash: Azure takes ids of 100 characters.</summary>
    public static string InstanceId(string dataset, string version)
    {
        var id = $"curate-{dataset}-{version}";
        return id.Length <= 100 ? id : $"{id[..67]}-{Digest.Sha256(id)[..32]}";
    }

    /// <summary>Starts a run, or finds the one of the same dataset and version; one that had failed or was canceled starts again and goes on from what it wrote.</summary>
    /// <param name="client">The engine.</param>
    /// <param name="blobs">Where the dataset goes.</param>
    /// <param name="job">What to do.</param>
    /// <param name="pace">Shards at once.</param>
    /// <param name="cancellationToken">Stops before the start.</param>
    /// <exception cref="SanaException">A name or number is not allowed, the source holds a key, the blobs cannot be written, or the run is under way with other settings.</exception>
    public static async Task<(WorkflowInstance Instance, bool IsNew)> Start(WorkflowClient client, IBlobs blobs, CurationJob job, Pace pace, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(job);
        job = await Pinned(job, cancellationToken);
        var name = await Write(blobs, job, cancellationToken);
        var id = InstanceId(job.Dataset, job.Version);
        var there = await client.Get(id);
        if (there is { IsFinished: false } && await Difference(blobs, there, job, cancellationToken) is { } difference)
            throw new UnusableJobException($"Dataset {job.Dataset} {job.Version} is under way with {difference}; give it another version.");
        var isOther = there is { IsFinished: true } && (there.Status != WorkflowStatus.Completed || JobOf(there) != name);
        return await client.Start(CurateDataset.Workflow, new CurateRequest(name, job.Dataset, job.Version, pace), id, restartFinished: isOther);
    }

    /// <summary>Writes what a job says under a name that follows from it.</summary>
    internal static async Task<string> Write(IBlobs blobs, CurationJob job, CancellationToken cancellationToken)
    {
        Check(job);
        var (name, json) = Named(job);
        await blobs.PutOrRepair(name, json, cancellationToken);
        return name;
    }

    private static (string Name, byte[] Json) Named(CurationJob job)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(job, CurateJson.Readable.CurationJob);
        return ($"work/jobs/{Digest.Sha256(json)}.json", json);
    }

    /// <summary>The first setting in which a job would come to other results than the run that is there; null when there is none.</summary>
    internal static async Task<SettingChange?> Difference(IBlobs blobs, WorkflowInstance there, CurationJob job, CancellationToken cancellationToken)
    {
        if (await blobs.Read(JobOf(there), cancellationToken) is not { } json)
            return null;
        var begun = JsonSerializer.Deserialize(json, CurateJson.Readable.CurationJob)!;
        return ResultSettings.Difference(ResultSettings.Of(begun), ResultSettings.Of(job));
    }

    /// <summary>The job of an instance.</summary>
    internal static string JobOf(WorkflowInstance instance) => WorkflowJson.Read<CurateRequest>(instance.Input).Job;

    /// <summary>Does again what failed in a finished run for one of these reasons, and writes shards and report anew.</summary>
    /// <returns>False when no finished curation run has this id.</returns>
    public static async Task<bool> Retry(WorkflowClient client, string id, IReadOnlyList<string> reasons)
    {
        ArgumentNullException.ThrowIfNull(client);
        if (await client.Get(id) is not { IsFinished: true } run || run.Workflow != CurateDataset.Workflow.Name)
            return false;
        var request = WorkflowJson.Read<CurateRequest>(run.Input);
        var retry = new RetryOrder(reasons, (request.Retry?.Round ?? 0) + 1);
        return (await client.Start(CurateDataset.Workflow, request with { Retry = retry, Cursor = null }, id, restartFinished: true)).IsNew;
    }

    /// <summary>
    /// The version that a run without one makes: the one that is under way, or the next, which adds what is new since the last finished one. Versions that
    /// came out empty are passed over.
    /// </summary>
    public static async Task<(string Version, string? Since)> NextVersion(IBlobs blobs, string dataset, CancellationToken cancellationToken)
    {
        var (version, since, _) = await Versions(blobs, dataset, cancellationToken);
        return (version, since);
    }

    // The next version, the last one that was published, and the last one that came out empty after it.
    private static async Task<(string Next, string? Published, string? Empty)> Versions(IBlobs blobs, string dataset, CancellationToken cancellationToken)
    {
        var (published, empty) = ((string?)null, (string?)null);
        for (var number = 1; ; number++)
        {
            var version = string.Create(CultureInfo.InvariantCulture, $"v{number}");
            var names = new DatasetNames(dataset, version);
            if (await blobs.Exists(names.Manifest, cancellationToken))
                (published, empty) = (version, null);
            else if (await blobs.Exists(names.Empty, cancellationToken))
                empty = version;
            else
                return (version, published, empty);
        }
    }

    /// <summary>The job with the version that a run without one makes; when the source has nothing that the last finished version was not made from, it is that one again.</summary>
    public static async Task<CurationJob> Next(IBlobs blobs, CurationJob job, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(blobs);
        ArgumentNullException.ThrowIfNull(job);
        Check(job);
        job = await Pinned(job, cancellationToken);
        var (version, last, empty) = await Versions(blobs, job.Dataset, cancellationToken);
        if (last is null && empty is null)
            return job with { Version = version };
        var place = await SourcePlace.Open(job.Source, job.Settings.Reading.Links, cancellationToken);
        using var source = SourceReader.Open(place.Files, place.Path, job.Settings.Reading, download: null);
        var (_, sha256, stamp) = await ItemList.Count(source, job.Settings, cancellationToken);
        foreach (var made in new[] { empty, last }.OfType<string>())
        {
            var names = new DatasetNames(job.Dataset, made);
            if (await blobs.Read(names.Config, cancellationToken) is not { } bytes || JsonSerializer.Deserialize(bytes,
                CurateJson.Readable.DatasetConfig) is not { } config)
                continue;
            // Files that were changed and are as long as before may be edited captions, which only reading tells.
            var isSame = (config.Source, config.ItemsSha256) == (job.Source, sha256) && (await blobs.Read(names.Stamp, cancellationToken) is not { } stamped
                || Encoding.ASCII.GetString(stamped) == stamp);
            var again = job with { Version = made, Since = config.Since };
            if (isSame && (made == last ? job.Settings.EditedCaptions != true : await blobs.Read(names.Empty, cancellationToken) is { } was
                && Encoding.ASCII.GetString(was) == Named(again).Name))
                return again;
        }

        return job with { Version = version, Since = job.Since ?? last };
    }

    // Every step of a run, in whatever process, reads one commit of a repository.
    private static async Task<CurationJob> Pinned(CurationJob job, CancellationToken cancellationToken) =>
        job with { Source = await HubSource.Pin(job.Source, HubSettings.FromEnvironment(), cancellationToken) };

    /// <summary>Refuses what cannot be run, or must not be kept in a blob; whoever starts a run asks before.</summary>
    /// <exception cref="SanaException">A name or number is not allowed, or the source holds a key.</exception>
    public static void Check(CurationJob job)
    {
        ArgumentNullException.ThrowIfNull(job);
        foreach (var name in (string?[])[job.Dataset, job.Version, job.Since ?? job.Version])
        {
            if (!DatasetName().IsMatch(name!))
                throw new SanaException($"'{name}' is not a dataset's name or version: a-z, 0-9, and hyphens and dots inside, 1…64 characters.");
        }

        SourcePlace.RefuseKeys(job.Source);
        job.Settings.Check();
    }

    /// <summary>A dataset's name from what its source is called.</summary>
    public static string NameOf(string source)
    {
        var last = (HubId.TryParseDataset(source, out var id) ? id.Repository : BlobPlace.Parts(source).Path).Split('/', '\\', ':').LastOrDefault(part => part.Length > 0) ?? "";
        var slug = NotInNames().Replace(last.ToLowerInvariant(), "-").Trim('-');
        return slug.Length == 0 ? "dataset" : slug[..Math.Min(slug.Length, 64)].Trim('-');
    }

    [GeneratedRegex(@"^(?=.{1,64}\z)[a-z0-9]+([.-][a-z0-9]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex DatasetName();

    [GeneratedRegex("[^a-z0-9]+", RegexOptions.CultureInvariant)]
    private static partial Regex NotInNames();
}
