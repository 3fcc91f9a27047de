using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Sana.Curation;
using Sana.Jobs.Control;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;

namespace Sana.Jobs.Http;

/// <summary>The native API of curation. A request names a source that the server's configuration lists: no path of the machine comes from outside.</summary>
public sealed partial class DatasetsApi(ApiParts parts)
{
    private const int BodyLimit = 1 << 16;

    /// <summary><c>POST /v1/datasets/{name}/runs</c>: 202. The same name and version is the same run.</summary>
    public Task<IResult> Post(HttpRequest request, string name) => ApiResponse.Handle(request, async () =>
    {
        var asked = await ApiJson.Read<CurationRequest>(request, BodyLimit);
        Check("name", name);
        Check("version", asked.Version);
        if (!parts.Sources.TryGetValue(asked.Source, out var place))
            throw ApiException.Invalid("source", $"The server has no source of this name; it has {Listed()}.");
        if (asked.ItemsPerShard is < 1 or > 10_000)
            throw ApiException.Invalid("items_per_shard", $"items_per_shard {asked.ItemsPerShard} is not in 1…10000.");
        if (asked.Since is { } since)
            Check("since", since);
        var job = Checked(new CurationJob(place, name, asked.Version, asked.Since, Settings(asked)));
        var there = await parts.Workflows.Get(CurationSubmission.InstanceId(name, asked.Version));
        if (there is not null && await CurationSubmission.Difference(parts.Blobs, there, job, request.HttpContext.RequestAborted) is { } difference)
            throw ApiException.Conflict($"This version of the dataset was begun with {(difference.IsPlace ? $"another {difference.Setting}" : difference)}; take a new version.");
        var outcome = await CurationSubmission.Start(parts.Workflows, parts.Blobs, job, CurationSubmission.Pace, request.HttpContext.RequestAborted);
        return Show(request, name, asked.Version, outcome.Instance);
    });

    /// <summary><c>GET /v1/datasets/{name}/runs/{version}</c>.</summary>
    public Task<IResult> Get(HttpRequest request, string name, string version) => ApiResponse.Handle(request, async () => Show(request, name, version, await Find(name, version)));

    /// <summary><c>DELETE /v1/datasets/{name}/runs/{version}</c>: asks a run to stop; what it wrote stays. 202, or 409 when it has ended.</summary>
    public Task<IResult> Delete(HttpRequest request, string name, string version) => Steer(request, name, version, instance => parts.Workflows.Cancel(instance, "canceled by request"), "canceled");

    /// <summary><c>POST /v1/datasets/{name}/runs/{version}/suspend</c>: what runs ends, nothing new begins. 202, or 409 when it does not run.</summary>
    public Task<IResult> Suspend(HttpRequest request, string name, string version) => Steer(request, name, version, parts.Workflows.Suspend, "suspended");

    /// <summary><c>POST /v1/datasets/{name}/runs/{version}/resume</c>: goes on with a run that is suspended, failed or canceled. 202, or 409 for another.</summary>
    public Task<IResult> Resume(HttpRequest request, string name, string version) => Steer(request, name, version, instance => RunControl.Resume(parts.Workflows, instance), "resumed");

    /// <summary><c>POST /v1/datasets/{name}/runs/{version}/retry?reason=captioner_timeout</c>: does again what failed for these reasons, and nothing else. 202, or 409 while it runs.</summary>
    public Task<IResult> Retry(HttpRequest request, string name, string version) =>
        Steer(request, name, version, instance => RunControl.Retry(parts.Workflows, instance, RequestQuery.Reasons(request)), "tried again before it has ended");

    private Task<IResult> Steer(HttpRequest request, string name, string version, Func<string, Task<bool>> steer, string done) => ApiResponse.Handle(request, async () =>
    {
        var instance = await Find(name, version);
        return await steer(instance.Id)
            ? Show(request, name, version, await Find(name, version))
            : throw ApiException.Conflict($"The run is {RunViews.StatusOf(instance)} and cannot be {done}.");
    });

    private static CurationJob Checked(CurationJob job)
    {
        try
        {
            CurationSubmission.Check(job);
            return job;
        }
        catch (Exception error) when (error is SanaException or CurationException)
        {
            throw ApiException.Invalid("settings", error.Message);
        }
    }

    private CurationSettings Settings(CurationRequest asked) => parts.Curation with
    {
        ItemsPerShard = asked.ItemsPerShard,
        Sample = asked.Sample,
        Selection = parts.Curation.Selection with
        {
            Tau = asked.Tau ?? parts.Curation.Selection.Tau,
            Threshold = asked.Threshold ?? parts.Curation.Selection.Threshold,
            Seed = asked.Seed ?? parts.Curation.Selection.Seed,
        },
    };

    private async Task<WorkflowInstance> Find(string name, string version)
    {
        Check("name", name);
        Check("version", version);
        return await parts.Workflows.Get(CurationSubmission.InstanceId(name, version)) ?? throw ApiException.NotFound($"There is no run {version} of dataset {name}.");
    }

    private static IResult Show(HttpRequest request, string name, string version, WorkflowInstance instance)
    {
        var view = RunViews.Of(instance, version, $"{request.PathBase}/v1/datasets/{name}/runs/{version}");
        var headers = request.HttpContext.Response.Headers;
        headers.CacheControl = "no-store";
        if (!HttpMethods.IsGet(request.Method))
            headers.Location = view.Url;
        if (!instance.IsFinished)
            headers.RetryAfter = "2";
        return ApiJson.Result(view, instance.IsFinished || HttpMethods.IsGet(request.Method) ? 200 : 202);
    }

    private string Listed() => parts.Sources.Count == 0 ? "none" : string.Join(", ", parts.Sources.Keys.Order(StringComparer.Ordinal));

    private static void Check(string field, string text)
    {
        if (!Word().IsMatch(text))
            throw ApiException.BadRequest(field, $"The {field} takes a-z, 0-9 and single hyphens or dots inside, 1…64 characters.");
    }

    [GeneratedRegex(@"^(?=.{1,64}\z)[a-z0-9]+([.-][a-z0-9]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Word();
}
