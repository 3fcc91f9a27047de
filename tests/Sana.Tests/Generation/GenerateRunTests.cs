using System.Security.Cryptography;
using System.Text.Json;
using CsCheck;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Generation;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Generation;

public sealed class GenerateRunTests : IDisposable
{
    // Three settings in turn, bad rows between, an image that fails, several seeds.
    private const string Prompts = """
        {"prompt":"one","id":"first"}
        {"prompt":"two","width":96}
        not json
        {"prompt":"three","seeds":[7,8]}
        {"prompt":"four","width":96,"images":3}
        {"prompt":"broken"}
        {"prompt":"five","width":33}
        {"prompt":"six","negative_prompt":"blur"}
        """;

    private static readonly CancellationToken None = CancellationToken.None;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_row_ends_as_an_outcome()
    {
        var summary = await Run("out");

        var lines = File.ReadLines(_folder.File($"out/runs/{summary.RunId}/outcomes/00000.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal((9, 0, 1, 2), ((int)summary.Made, (int)summary.Skipped, (int)summary.Failed, (int)summary.Rejected));
        Assert.Equal(["bad_request", "bad_row", "nan"], summary.Reasons.Keys);
        Assert.Equal(11, lines.Length);
        Assert.Equal([1L, 2, 3, 4, 5, 6, 7, 8], lines.Select(line => line.GetProperty("row").GetInt64()).Distinct().Order());
    }

    [Fact]
    public async Task The_manifest_leads_to_every_image_by_its_hash()
    {
        var summary = await Run("out");

        var manifest = JsonDocument.Parse(File.ReadAllBytes(_folder.File($"out/{summary.Manifest}"))).RootElement;
        var list = Assert.Single(manifest.GetProperty("outcomes").EnumerateArray());
        var bytes = File.ReadAllBytes(_folder.File($"out/{list.GetProperty("name").GetString()}"));
        var images = File.ReadLines(_folder.File($"out/{list.GetProperty("name").GetString()}"))
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("image"))
            .Where(image => image.ValueKind == JsonValueKind.Object)
            .ToDictionary(image => image.GetProperty("name").GetString()!, image => image.GetProperty("sha256").GetString());
        Assert.Equal(Hash(bytes), list.GetProperty("sha256").GetString());
        Assert.Equal(8, images.Count);
        Assert.All(images, image => Assert.Equal(Hash(File.ReadAllBytes(_folder.File($"out/{image.Key}"))), image.Value));
    }

    [Fact]
    public async Task The_same_job_again_renders_nothing_and_changes_no_byte()
    {
        await Run("out");
        var first = Tree("out", all: true);
        var renderer = new FakeRenderer();

        var again = await Run("out", renderer);

        Assert.Empty(renderer.Batches);
        Assert.Equal((0, 9), ((int)again.Made, (int)again.Skipped));
        Assert.Equal(first, Tree("out", all: true));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public async Task Dying_at_any_write_and_running_again_gives_the_same_tree(int batchSize)
    {
        await Run("whole", batchSize: batchSize);
        var expected = Tree("whole");
        var (names, deadline, crashed) = (Names("whole"), 1, true);

        for (; crashed; deadline += 3)
        {
            foreach (var afterwards in new[] { false, true })
            {
                var place = $"{deadline}-{afterwards}";
                crashed = await Die(place, deadline, afterwards, batchSize);

                await Run(place, batchSize: batchSize);

                Assert.Equal(expected, Tree(place));
                Assert.Equal(names, Names(place));
            }
        }

        Assert.InRange(deadline, 20, 200);
    }

    [Fact]
    public async Task Dying_again_and_again_gives_the_same_tree()
    {
        await Run("whole", batchSize: 3);
        var expected = Tree("whole");
        var n = 0;

        await Gen.Select(Gen.Int[1, 12], Gen.Bool).Array[1, 6].SampleAsync(
            async deaths =>
            {
                var place = $"deaths-{Interlocked.Increment(ref n)}";
                foreach (var (deadline, afterwards) in deaths)
                    await Die(place, deadline, afterwards, 3);
                await Run(place, batchSize: 3);
                return expected.SequenceEqual(Tree(place));
            },
            iter: 5,
            threads: 1);
    }

    [Theory]
    [InlineData(".png")]
    [InlineData(".json")]
    public async Task What_somebody_damaged_is_made_again(string extension)
    {
        var summary = await Run("out");
        var expected = Tree("out");
        var images = Directory.EnumerateFiles(_folder.File($"out/runs/{summary.RunId}/images"), "*" + extension, SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToArray();
        File.Delete(images[0]);
        File.WriteAllText(images[1], "half");

        await Run("out");

        Assert.Equal(expected, Tree("out"));
    }

    [Fact]
    public async Task Only_the_batch_that_lacks_something_is_rendered_and_as_a_whole()
    {
        var summary = await Run("out", batchSize: 4);
        File.Delete(Directory.EnumerateFiles(_folder.File($"out/runs/{summary.RunId}/images/b000000000"), "*.json", SearchOption.AllDirectories).First());
        var renderer = new FakeRenderer();

        await Run("out", renderer, batchSize: 4);

        // Values that are not numbers get a second attempt.
        Assert.Equal(2, renderer.Batches.Count);
        Assert.All(renderer.Batches, batch => Assert.Equal(["one", "three", "three", "broken"], batch.Select(request => request.Prompt)));
    }

    [Fact]
    public void The_run_id_changes_with_everything_that_decides_a_pixel()
    {
        var job = Job(2);
        GenerateJob[] jobs =
        [
            job,
            job with { Options = job.Options with { Steps = 3 } },
            job with { Options = job.Options with { Guidance = 2 } },
            job with { Options = job.Options with { NegativePrompt = "x" } },
            job with { Options = job.Options with { UseInstruction = false } },
            job with { Seed = 1 },
            job with { Images = 2 },
            job with { BatchSize = 3 },
            job with { Format = ImageFormat.Webp },
            job with { Format = ImageFormat.Webp, Quality = 80 },
            job with { Device = "cuda:0" },
            job with { Prompts = PromptFile.Of(["other"]) },
        ];

        string[] ids = [.. jobs.Select(j => GenerateSubmission.Check(j, new FakeRenderer())), GenerateSubmission.Check(job, new FakeRenderer { Fingerprint = "g" })];

        Assert.Equal(ids.Length, ids.Distinct().Count());
        Assert.Equal(ids[0], GenerateSubmission.Check(Job(2), new FakeRenderer()));
        Assert.Equal(ids[0], GenerateSubmission.Check(Job(2), new FakeRenderer { ModelName = "acme/other-name" }));
        Assert.Equal(ids[0], GenerateSubmission.Check(job with { Options = job.Options with { Width = 64 }, Quality = 80 }, new FakeRenderer()));
    }

    [Fact]
    public async Task A_name_stands_for_one_run()
    {
        var blobs = FileBlobs.Open(_folder.File("out"));
        var job = Job(1) with { Run = "posters-2" };
        await Run(blobs, new FakeRenderer(), job);

        var error = await Assert.ThrowsAsync<SanaException>(() => Run(blobs, new FakeRenderer(), job with { Seed = 9 }));

        Assert.Contains("--run", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_checkpoint_of_another_name_goes_on_with_the_run_and_leaves_it_as_it_was()
    {
        await Run("whole");
        await Run("out");

        var again = await Run("out", new FakeRenderer { ModelName = "acme/other-name" });

        Assert.Equal((0, 9), ((int)again.Made, (int)again.Skipped));
        Assert.Equal(Tree("whole"), Tree("out"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("A")]
    [InlineData("../x")]
    [InlineData("a/b")]
    [InlineData("-a")]
    public void A_name_that_is_no_name_is_refused(string name) =>
        Assert.Throws<UnusableJobException>(() => GenerateSubmission.Check(Job(1) with { Run = name }, new FakeRenderer()));

    [Fact]
    public void Options_that_do_not_fit_are_refused_before_anything_is_written() =>
        Assert.Throws<InferenceException>(() => GenerateSubmission.Check(Job(1) with { Options = new GenerateOptions { Width = 33 } }, new FakeRenderer()));

    [Fact]
    public async Task An_image_whose_batch_was_given_up_was_not_there_before()
    {
        var job = new GenerateJob { Prompts = PromptFile.Of(["one", "two"]), Options = new GenerateOptions { Width = 64, Height = 32, Steps = 2 } };

        var summary = await MemoryHost.Run(FileBlobs.Open(_folder.File("out")), new FaultyRenderer { Deadly = "two" }, job);

        Assert.Equal((1, 0, 1), ((int)summary.Made, (int)summary.Skipped, (int)summary.Failed));
    }

    [Fact]
    public async Task A_place_that_cannot_be_written_ends_the_run_and_says_why()
    {
        var error = await Assert.ThrowsAsync<SanaException>(() => Run(new FullBlobs(FileBlobs.Open(_folder.File("out"))), new FakeRenderer(), Job(2)));

        Assert.Equal("The disk is full.", error.Message);
    }

    [Fact]
    public async Task A_stop_leaves_a_run_that_goes_on()
    {
        await Run("whole");
        await using (var host = await MemoryHost.Open(FileBlobs.Open(_folder.File("out")), new FakeRenderer { Pause = TimeSpan.FromMilliseconds(50) }))
        {
            await GenerateSubmission.Start(host.Client, host.Blobs, new FakeRenderer().Fingerprint, Job(2), pace: null, None);
            while (host.Worker.Handled < 2)
                await Task.Delay(5);
        }

        var summary = await Run("out");

        Assert.InRange(summary.Skipped, 1, 8);
        Assert.Equal(Tree("whole"), Tree("out"));
    }

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private Task<RunSummary> Run(string place, FakeRenderer? renderer = null, int batchSize = 2) =>
        Run(FileBlobs.Open(_folder.File(place)), renderer ?? new FakeRenderer(), Job(batchSize));

    private static Task<RunSummary> Run(IBlobs blobs, FakeRenderer renderer, GenerateJob job) => MemoryHost.Run(blobs, renderer, job);

    /// <summary>A run whose process dies at a write; false when it ended before.</summary>
    private async Task<bool> Die(string place, int deadline, bool afterwards, int batchSize)
    {
        var blobs = new CrashingBlobs(FileBlobs.Open(_folder.File(place)), deadline, afterwards);
        await using var host = await MemoryHost.Open(blobs, new FakeRenderer());
        var started = await GenerateSubmission.Start(host.Client, host.Blobs, new FakeRenderer().Fingerprint, Job(batchSize), pace: null, None);
        return await Task.WhenAny(blobs.Crash, host.Client.Wait(started.Instance.Id)) == blobs.Crash;
    }

    private GenerateJob Job(int batchSize)
    {
        var file = _folder.File("prompts.jsonl");
        if (!File.Exists(file))
        {
            File.WriteAllText(file, Prompts);
        }

        return new GenerateJob { Prompts = PromptFile.Open(file), BatchSize = batchSize };
    }

    /// <summary>Every file under runs/ with its hash; with <paramref name="all"/> the timings too.</summary>
    private string[] Tree(string place, bool all = false) => [.. Names(place)
        .Where(name => all || name.StartsWith("runs/", StringComparison.Ordinal))
        .Select(name => $"{name} {Hash(File.ReadAllBytes(_folder.File($"{place}/{name}")))}")];

    private string[] Names(string place) => [.. Directory.EnumerateFiles(_folder.File(place), "*", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(_folder.File(place), file))
        .Order(StringComparer.Ordinal)];

    /// <summary>A place where images cannot be written.</summary>
    private sealed class FullBlobs(IBlobs inner) : IBlobs
    {
        public string Place => inner.Place;

        public Task<bool> PutIfAbsent(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
            name.EndsWith(".png", StringComparison.Ordinal) ? Task.FromException<bool>(new SanaException("The disk is full.")) : inner.PutIfAbsent(name, bytes, cancellationToken);

        public Task Put(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => inner.Put(name, bytes, cancellationToken);

        public Task<byte[]?> Read(string name, CancellationToken cancellationToken) => inner.Read(name, cancellationToken);

        public Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) => inner.Write(name, write, cancellationToken);

        public Task<Stream?> Open(string name, CancellationToken cancellationToken) => inner.Open(name, cancellationToken);

        public Task<bool> Exists(string name, CancellationToken cancellationToken) => inner.Exists(name, cancellationToken);

        public Task Delete(string name, CancellationToken cancellationToken) => inner.Delete(name, cancellationToken);

        public IAsyncEnumerable<BlobEntry> List(string prefix, CancellationToken cancellationToken) => inner.List(prefix, cancellationToken);
    }
}
