using Sana.GraphBuilder;
using Sana.GraphBuilder.Adapters;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Jobs.Generation;
using Sana.Jobs.Networks;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Adapters;

/// <summary>Images with adapters and perturbed attention, through the loader and the graphs that it builds; and what a run's identity says of them.</summary>
public sealed class AdapterImagesTests : IDisposable
{
    private static readonly GenerateOptions _small = new() { Width = 96, Height = 64, Steps = 2, UseResolutionBinning = false };
    private static readonly ImageRequest[] _requests = [new("a red house", Seed: 7), new("a lighthouse", Seed: 8)];

    private readonly List<IDisposable> _owned = [];

    public void Dispose()
    {
        _owned.Reverse();
        _owned.ForEach(owned => owned.Dispose());
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.W8A8)]
    public async Task Order_changes_nothing_and_weight_zero_is_the_plain_image(Precision precision)
    {
        var plain = Made(await Load(precision), _small);
        var renderer = await Load(precision, ("attention", "attention"), ("wide", "wide"));

        var one = Made(renderer, With(new("attention", 0.7f), new("wide", 0.4f)));
        var other = Made(renderer, With(new("wide", 0.4f), new("attention", 0.7f)));

        Assert.Equal(one, other);
        Assert.NotEqual(plain[0], one[0]);
        Assert.Equal(plain, Made(renderer, _small));
        Assert.Equal(plain, Made(renderer, With(new AdapterUse("wide", 0))));
    }

    [Fact]
    public async Task Every_form_of_one_adapter_makes_the_same_image()
    {
        string[] forms = ["attention", "attention-peft", "attention-kohya"];
        var renderer = await Load(Precision.Float32, [.. forms.Select(form => (form, form)), ("unscaled", "attention-no-metadata")]);

        var expected = Made(renderer, With(new AdapterUse("attention")));

        Assert.All(forms, form => Assert.Equal(expected, Made(renderer, With(new AdapterUse(form)))));
        var scale = LoraFile.Open(Path.Combine(Fixtures.Adapters, "lora", BuiltCheckpoint.Plain, "attention")).Layers[0].Scale;
        Assert.Equal(expected, Made(renderer, With(new AdapterUse("unscaled", (float)scale))));
    }

    [Fact]
    public async Task Perturbed_attention_comes_when_it_is_first_asked_for_and_zero_is_the_plain_image()
    {
        var renderer = await Load(Precision.Float32);
        var plain = Made(renderer, _small);

        var zero = Made(renderer, _small with { Pag = new PerturbedAttention(0) });
        var perturbed = Made(renderer, _small with { Pag = new PerturbedAttention(2) });
        var alone = Convert.ToHexString(renderer.Generate(_requests[1..], renderer.Resolve(_small with { Pag = new PerturbedAttention(2) }), null, default)[0].Image!.Pixels);

        Assert.Equal(plain, zero);
        Assert.NotEqual(plain[1], perturbed[1]);
        Assert.Equal(perturbed[1], alone);
        Assert.Equal(plain, Made(renderer, _small));
    }

    [Fact]
    public async Task Graphs_of_adapters_share_the_weights_in_eight_bits()
    {
        var renderer = await Load(Precision.W8A8, ("wide", "wide"));
        Made(renderer, With(new AdapterUse("wide")));
        var folder = ((BuiltCheckpoint)_owned.First(owned => owned is BuiltCheckpoint)).Folder;

        var data = Directory.EnumerateFiles(folder, "*.data", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file)).Order(StringComparer.Ordinal);

        Assert.Equal(["text_encoder/model.w8a8.onnx.data", "transformer/model.w8a8.onnx.data"], data);
    }

    [Fact]
    public async Task What_cannot_be_used_is_refused_by_its_name()
    {
        var renderer = await Load(Precision.Float32, ("pixel", "attention"), ("twin", "attention"));

        Assert.Contains("Lora 'none' is not known here; known are pixel, twin.", Refused(renderer, With(new AdapterUse("none"))), StringComparison.Ordinal);
        Assert.Contains("weight 101", Refused(renderer, With(new AdapterUse("pixel", 101))), StringComparison.Ordinal);
        Assert.Contains("weight NaN", Refused(renderer, With(new AdapterUse("pixel", float.NaN))), StringComparison.Ordinal);
        Assert.Contains("'pixel' and 'twin' are the same file", Refused(renderer, With(new AdapterUse("pixel"), new AdapterUse("twin"))), StringComparison.Ordinal);
        Assert.Contains("is another file here", Refused(renderer, With(new AdapterUse("pixel", 1, new string('0', 64)))), StringComparison.Ordinal);
        Assert.Contains("Pag layers 99 are not in 0…", Refused(renderer, _small with { Pag = new PerturbedAttention(1) { Layers = [99] } }), StringComparison.Ordinal);
        Assert.Contains("Pag scale -1", Refused(renderer, _small with { Pag = new PerturbedAttention(-1) }), StringComparison.Ordinal);
        await Assert.ThrowsAsync<CheckpointException>(() => Load(Precision.Float32, ("other", "../none.safetensors")));
    }

    [Fact]
    public async Task A_run_is_decided_by_hashes_and_weights_and_not_by_names()
    {
        var (one, two) = (await Load(Precision.Float32, ("pixel", "attention")), await Load(Precision.Float32, ("renamed", "attention"), ("other", "wide")));

        Assert.Equal(Id(one, "pixel", 0.8f), Id(two, "renamed", 0.8f));
        Assert.NotEqual(Id(one, "pixel", 0.8f), Id(one, "pixel", 0.7f));
        Assert.NotEqual(Id(one, "pixel", 0.8f), Id(two, "other", 0.8f));
        Assert.NotEqual(Id(one, "pixel", 0.8f), RunIdentity.Of(Job(null), one).RunId);
        Assert.Equal(RunIdentity.Of(Job(null), one).RunId, RunIdentity.Of(Job(null), two).RunId);

        static string Id(IModel model, string name, float weight) => RunIdentity.Of(Job(new AdapterUses([new AdapterUse(name, weight)])), model).RunId;
    }

    [Fact]
    public async Task A_row_may_name_adapters_and_their_hashes_are_part_of_the_run()
    {
        const string rows = """
            {"prompt":"a","lora":"pixel:0.5"}
            {"prompt":"b","lora":[{"name":"pixel"},{"name":"wide","weight":0.25}]}
            {"prompt":"c","lora":"none"}
            {"prompt":"d","lora":7}
            {"prompt":"e","lora":[]}
            """;
        var job = new GenerateJob { Prompts = new PromptFile(() => new MemoryStream(System.Text.Encoding.UTF8.GetBytes(rows)), ".jsonl"), Options = With(new AdapterUse("wide")) };
        var (one, other) = (await Load(Precision.Float32, ("pixel", "attention"), ("wide", "wide")), await Load(Precision.Float32, ("pixel", "rslora"), ("wide", "wide")));

        var items = new RenderPlan(job, one).Items().ToArray();
        var batches = items.OfType<RenderBatch>().ToDictionary(batch => batch.Images[0].Request.Prompt, batch => batch.Options.Adapters);
        var rejected = items.OfType<RejectedRow>().ToDictionary(row => row.Row, row => row.Rejection);

        Assert.Equal([("pixel", 0.5f)], batches["a"]!.Items.Select(use => (use.Name, use.Weight)));
        Assert.Equal([("pixel", 1f), ("wide", 0.25f)], batches["b"]!.Items.Select(use => (use.Name, use.Weight)).Order());
        Assert.Null(batches["e"]);
        Assert.Equal((RejectReason.BadRequest, RejectReason.BadRow), (rejected[3].Reason, rejected[4].Reason));
        Assert.NotEqual(RunIdentity.Of(job, one).RunId, RunIdentity.Of(job, other).RunId);
        var (pinned, otherwise) = (GenerateSubmission.Pinned(job, one), GenerateSubmission.Pinned(job, other));
        Assert.Equal(one.Adapters["wide"], Assert.Single(pinned.Options.Adapters!.Items).Sha256);
        Assert.Equal(["pixel", "wide"], pinned.LoraOfRows!.Select(row => row.Name));
        Assert.NotEqual(pinned.LoraOfRows![0], otherwise.LoraOfRows![0]);
    }

    private static GenerateJob Job(AdapterUses? adapters) => new() { Prompts = PromptFile.Of(["a cat"]), Options = _small with { Adapters = adapters } };

    private static GenerateOptions With(params AdapterUse[] uses) => _small with { Adapters = new AdapterUses(uses) };

    private static string Refused(IRenderer renderer, GenerateOptions options) => Assert.Throws<InferenceException>(() => renderer.Resolve(options)).Message;

    private static string[] Made(IRenderer renderer, GenerateOptions options) =>
        [.. renderer.Generate(_requests, renderer.Resolve(options), null, default).Select(image => Convert.ToHexString(image.Image!.Pixels))];

    private async Task<IRenderer> Load(Precision precision, params (string Name, string Case)[] loras)
    {
        var checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);
        _owned.Add(checkpoint);
        var networks = new NetworkLoader
        {
            Checkpoint = checkpoint.Folder,
            Precision = precision,
            Loras = loras.ToDictionary(lora => lora.Name, lora => Path.Combine(Fixtures.Adapters, "lora", BuiltCheckpoint.Plain, lora.Case)),
        };
        _owned.Add(networks);
        return await networks.LoadPipeline(default);
    }
}
