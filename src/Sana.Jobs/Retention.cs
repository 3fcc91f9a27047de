using System.Globalization;
using System.Text;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Http;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs;

/// <summary>
/// Forgets what is old: instances, results with the images of their jobs, timings, dead letters, work in progress that nobody goes on with, and the images of canceled batches that were asked for by HTTP.
/// What a user asked for by name stays: <c>runs/</c> and <c>datasets/</c> are never touched but for those batches, nor are <c>cache/</c>, <c>quarantine/</c>, <c>inputs/</c> and <c>config/</c>;
/// <c>files/</c> goes when it was told to expire, and the images of an uploaded batch stay as long as a file of its answers.
/// </summary>
/// <param name="blobs">Results, work and images.</param>
/// <param name="queue">Dead letters.</param>
/// <param name="client">Instances.</param>
/// <param name="clock">Says what is old. Times of blobs are those of their place.</param>
/// <param name="keep">How long; null keeps everything.</param>
public sealed class Retention(IBlobs blobs, IJobQueue queue, WorkflowClient client, TimeProvider clock, TimeSpan? keep)
{
    /// <summary>How many days, unless somebody says otherwise.</summary>
    public const int DefaultDays = 30;

    /// <summary>The longest time, in days.</summary>
    public const int MostDays = 36_500;

    /// <summary>The time of so many days, 1…36,500; null for 0, which keeps everything.</summary>
    /// <exception cref="SanaException">Another number.</exception>
    public static TimeSpan? Days(int days, string setting) => days switch
    {
        0 => null,
        > 0 and <= MostDays => TimeSpan.FromDays(days),
        _ => throw new SanaException($"{setting} is {days}; give days in 1…{MostDays}, or 0 to keep everything."),
    };

    /// <summary>Removes what is older than the time to keep. What it cannot remove now it removes the next time.</summary>
    /// <returns>How many instances, blobs and dead letters.</returns>
    /// <exception cref="SanaException">Blobs or queue do not answer.</exception>
    public async Task<RetentionCounts> Purge(CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var files = await new StoredFiles(blobs, clock).Purge(keep is { } age ? now - age : DateTimeOffset.MinValue, cancellationToken);
        if (keep is not { } time)
            return new RetentionCounts(0, files.Removed, 0);
        var before = now - time;
        var (instances, deleted) = (0, files.Removed);
        await foreach (var old in client.FinishedBefore(before).WithCancellation(cancellationToken))
        {
            deleted += await DeleteCanceledBatch(old, cancellationToken);
            instances += await client.Purge(old.Id) ? 1 : 0;
        }

        var kept = files.Batches.ToDictionary(batch => batch, _ => true, StringComparer.Ordinal);
        foreach (var prefix in new[] { "results/", "jobs/" })
            deleted += await Delete(prefix, before, group => IsOfBatch(group[prefix.Length..], kept), cancellationToken);
        foreach (var prefix in new[] { "timings/", "deadletter/" })
            deleted += await Delete(prefix, before, _ => Task.FromResult(false), cancellationToken);
        deleted += await DeleteWork(before, cancellationToken);
        return new RetentionCounts(instances, deleted, await queue.PurgeDead(before, cancellationToken));
    }

    /// <summary>A batch of the HTTP API is known by its id alone; one that was canceled has no manifest and nobody who waits for it.</summary>
    private async Task<int> DeleteCanceledBatch(WorkflowInstance old, CancellationToken cancellationToken)
    {
        if (old is not { Status: WorkflowStatus.Canceled, CustomStatus: { } status } || old.Workflow != GenerateImages.Workflow.Name || WorkflowJson.Read<GenerateRequest>(old.Input).Target is not null)
            return 0;
        var names = new RunNames(WorkflowJson.Read<RunStatus>(status).RunId);
        return names.RunId.Length == 0 || await blobs.Exists(names.Manifest, cancellationToken) ? 0 : await Delete(names.Root + '/', DateTimeOffset.MaxValue, _ => Task.FromResult(false), cancellationToken);
    }

    /// <summary>Whether a job is a line of an uploaded batch that still runs or whose answers are still there.</summary>
    private async Task<bool> IsOfBatch(string job, Dictionary<string, bool> kept)
    {
        if (BatchFiles.OfJob(job) is not { } batch)
            return false;
        if (!kept.TryGetValue(batch, out var isKept))
            kept[batch] = isKept = !await client.IsOver(batch);
        return isKept;
    }

    private async Task<int> DeleteWork(DateTimeOffset before, CancellationToken cancellationToken)
    {
        // An instance that is suspended for longer than the time to keep goes on with plans that are as old: then work waits for the next time.
        if (await client.OldestUnfinished() < before)
            return 0;
        var used = await DocumentsInUse(cancellationToken);
        HashSet<string>? pictures = null;
        return await Delete(
            "work/",
            before,
            async group => group is SanaJobs.LinkKey or "work/model.json" || used.Contains(group)
                || (group.StartsWith("work/images/", StringComparison.Ordinal) && (pictures ??= await PicturesOfJobs(cancellationToken)).Contains(group))
                || (RequestedJobs.OfMessage(group) is { } job && await client.Get(RequestedJobs.Instance(job)) is not null),
            cancellationToken);
    }

    /// <summary>Documents and prompts have names that follow from their bytes: a run of today may use those of a year ago.</summary>
    private async Task<HashSet<string>> DocumentsInUse(CancellationToken cancellationToken)
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var run in client.All("generate-").WithCancellation(cancellationToken))
        {
            var document = WorkflowJson.Read<GenerateRequest>(run.Input).Job;
            used.Add(document);
            if (await blobs.Read(document, cancellationToken) is { } json)
                used.UnionWith([.. GenerateSubmission.BlobsOf(json), .. GenerateSubmission.PicturesOfRows(blobs, json)]);
        }

        await foreach (var run in client.All("curate-").WithCancellation(cancellationToken))
            used.Add(CurationSubmission.JobOf(run));
        return used;
    }

    /// <summary>Pictures that requested jobs begin from, or that control networks read for them, while their instances are known; and those of lines of batches that have not ended.</summary>
    private async Task<HashSet<string>> PicturesOfJobs(CancellationToken cancellationToken)
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var job in client.All(RequestedJobs.Instance("")).WithCancellation(cancellationToken))
        {
            if (await blobs.Read(WorkflowJson.Read<JobTicket>(job.Input).Message, cancellationToken) is { } json && JobMessage.Parse(Encoding.UTF8.GetString(json)).Input is { } input)
                used.UnionWith(StartImages.BlobsOf(input.StartImage, input.Control));
        }

        await foreach (var batch in client.All(BatchFiles.IdPrefix).WithCancellation(cancellationToken))
        {
            if (batch.IsFinished || WorkflowJson.Read<BatchFileRequest>(batch.Input).Endpoint != BatchPictures.Endpoint)
                continue;
            await foreach (var chunk in blobs.List(BatchFiles.Lines(batch.Id), cancellationToken))
            {
                foreach (var line in BatchLine.ReadAll(await blobs.Read(chunk.Name, cancellationToken) ?? []))
                    used.UnionWith(BatchPictures.BlobsOf(line));
            }
        }

        return used;
    }

    /// <summary>Deletes groups of blobs whose newest one is old.</summary>
    private async Task<int> Delete(string prefix, DateTimeOffset before, Func<string, Task<bool>> keeps, CancellationToken cancellationToken)
    {
        var (count, group, names, isOld) = (0, "", new List<string>(), false);
        await foreach (var blob in blobs.List(prefix, cancellationToken))
        {
            if (GroupOf(blob.Name) is var mine && mine != group)
            {
                count += await DeleteGroup();
                (group, names, isOld) = (mine, [], !await keeps(mine));
            }

            isOld &= blob.Modified < before;
            if (isOld)
                names.Add(blob.Name);
        }

        return count + await DeleteGroup();

        async Task<int> DeleteGroup()
        {
            foreach (var name in isOld ? names : [])
                await blobs.Delete(name, cancellationToken);
            return isOld ? names.Count : 0;
        }
    }

    /// <summary>What goes together: the blobs of one job, of one run's plan, of one version of a dataset, of one prompt file; else each blob by itself.</summary>
    private static string GroupOf(string name)
    {
        var parts = name.Split('/');
        var depth = parts switch
        {
            ["work" or "timings", "datasets", _, _, ..] => 4,
            ["work", "prompts" or "previews" or "batches", _, ..] => 3,
            ["work", "jobs" or "images" or "keys" or "claims" or "attempts" or "repeats", ..] or ["results" or "deadletter", ..] => parts.Length,
            _ => 2,
        };
        return depth >= parts.Length ? name : string.Join('/', parts.Take(depth)) + '/';
    }
}

/// <summary>What was removed.</summary>
public readonly record struct RetentionCounts(int Instances, int Blobs, int DeadLetters)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Counted.Of(Instances, "instance")}, {Counted.Of(Blobs, "blob")}, {Counted.Of(DeadLetters, "dead letter")}");
}
