using System.Text.Json;
using Sana.Curation.Captioning;
using Sana.Jobs.Curation;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Workflows;

/// <summary>Captioners and networks of the datasets of a server that runs for months.</summary>
public sealed class OpenDatasetsTests : IDisposable
{
    private const string TwoCaptioners = """
        {"captioners":[
          {"label":"a","endpoint":"http://127.0.0.1:9/v1","model":"a","prompt":"Describe it."},
          {"label":"b","endpoint":"http://127.0.0.1:9/v1","model":"b","prompt":"Describe it."}]}
        """;

    private readonly TempFolder _folder = new();
    private readonly List<ClosableCaptioner> _captioners = [];
    private readonly FileBlobs _blobs;
    private string? _fails;

    public OpenDatasetsTests() => _blobs = FileBlobs.Open(_folder.File("blobs"));

    private int Open => _captioners.Count(captioner => !captioner.IsClosed);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Idle_datasets_are_closed_and_used_ones_are_not()
    {
        var datasets = Datasets();
        var used = await datasets.Open(await Job("used"), default);
        for (var i = 0; i < OpenDatasets.MaxIdle + 3; i++)
            (await datasets.Open(await Job($"d{i}"), default)).Dispose();

        Assert.Equal((2 * (OpenDatasets.MaxIdle + 4), 2 * (OpenDatasets.MaxIdle + 1)), (_captioners.Count, Open));

        datasets.Dispose();
        Assert.Equal(2, Open);
        used.Dispose();
        used.Dispose();
        Assert.Equal(0, Open);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await datasets.Open(await Job("used"), default));
    }

    [Fact]
    public async Task Steps_of_one_job_meet_the_same_captioners()
    {
        using var datasets = Datasets();
        var job = await Job("one");
        using var first = await datasets.Open(job, default);
        using var second = await datasets.Open(job, default);

        Assert.Same(first.Dataset, second.Dataset);
    }

    [Fact]
    public async Task Captioners_opened_before_one_that_fails_are_closed_and_the_next_step_tries_again()
    {
        using var datasets = Datasets();
        var job = await Job("one");
        _fails = "b";
        await Assert.ThrowsAsync<SanaException>(() => datasets.Open(job, default));

        Assert.Equal((1, 0), (_captioners.Count, Open));
        _fails = null;
        using var opened = await datasets.Open(job, default);
        Assert.Equal(2, Open);
    }

    private OpenDatasets Datasets() => new(_blobs, new CurationTools
    {
        Captioner = (config, _) =>
        {
            if (config.Label == _fails)
                throw new SanaException("The test wants it so.");
            _captioners.Add(new ClosableCaptioner(new CaptionerCard(config.Label, config.Model, null, null, config.Prompt.Text, "{}")));
            return Task.FromResult<ICaptioner>(_captioners[^1]);
        },
        Scorer = (_, _, _) => throw new NotSupportedException(),
        Judge = (_, _, _) => throw new NotSupportedException(),
    });

    private async Task<string> Job(string name)
    {
        Directory.CreateDirectory(_folder.File("source"));
        var job = new CurationJob(_folder.File("source"), name, "v1", null, new CurationSettings { Captioners = TwoCaptioners });
        await _blobs.Put($"work/{name}.json", JsonSerializer.SerializeToUtf8Bytes(job, CurateJson.Readable.CurationJob), default);
        return $"work/{name}.json";
    }

    private sealed class ClosableCaptioner(CaptionerCard card) : ICaptioner, IDisposable
    {
        public CaptionerCard Card => card;

        public bool IsClosed { get; private set; }

        public Task<CaptionAnswer> Ask(CaptionAsk ask, CancellationToken cancellationToken) => throw new NotSupportedException();

        public void Dispose() => IsClosed = true;
    }
}
