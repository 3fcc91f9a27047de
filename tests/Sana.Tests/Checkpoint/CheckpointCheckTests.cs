using Sana.GraphBuilder;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Checkpoint;

public sealed class CheckpointCheckTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public static TheoryData<string> Checkpoints =>
        [.. Directory.EnumerateDirectories(Path.Combine(Fixtures.Sana, "checkpoints")).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal)];

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(Checkpoints)), Trait("Category", "Parity")]
    public void The_transformer_s_config_implies_exactly_the_tensors_of_its_file(string checkpoint)
    {
        var folder = Path.Combine(Fixtures.Sana, "checkpoints", checkpoint, "transformer");

        Same(SanaTransformerTensors.All(SanaTransformerConfig.Load(Path.Combine(folder, "config.json"))), SafetensorsWeights.Open(folder, "diffusion_pytorch_model"));
    }

    [Theory, MemberData(nameof(Checkpoints)), Trait("Category", "Parity")]
    public void The_text_encoder_s_config_implies_exactly_the_tensors_of_its_file(string checkpoint)
    {
        var folder = Path.Combine(Fixtures.Sana, "checkpoints", checkpoint, "text_encoder");

        Same(Gemma2Tensors.All(Gemma2Config.Load(Path.Combine(folder, "config.json"))), SafetensorsWeights.Open(folder, "model"));
    }

    [Theory, MemberData(nameof(Checkpoints)), Trait("Category", "Parity")]
    public void The_autoencoder_s_config_implies_exactly_the_tensors_of_its_file(string checkpoint)
    {
        var folder = Path.Combine(Fixtures.Sana, "checkpoints", checkpoint, "vae");
        var config = AutoencoderDCConfig.Load(Path.Combine(folder, "config.json"));

        Same(AutoencoderDCTensors.All(config), SafetensorsWeights.Open(folder, "diffusion_pytorch_model"));
    }

    [Fact, Trait("Category", "Parity")]
    public void Clip_s_config_implies_exactly_the_tensors_of_its_file_but_for_position_ids()
    {
        var folder = Path.Combine(Fixtures.Clip, "checkpoint");

        Same(ClipTensors.All(ClipConfig.Load(Path.Combine(folder, "config.json"))), SafetensorsWeights.Open(folder, "model"));
    }

    [Fact]
    public void Known_leftovers_are_left_alone() =>
        Open(("a", [2, 3]), ("lm_head.weight", [9]), ("layers.0.self_attn.rotary_emb.inv_freq", [4]), ("text_model.embeddings.position_ids", [1, 7]), ("h.0.attn.masked_bias", [1])).Require([new("a", 2, 3)]);

    [Fact]
    public void Tensors_that_nothing_uses_are_refused_by_name_unless_asked_otherwise()
    {
        var weights = Open(("a", [2, 3]), ("blocks.3.attn1.norm_q.weight", [9]));

        var error = Assert.Throws<CheckpointException>(() => weights.Require([new("a", 2, 3)]));

        Assert.Contains("1 tensor that its config.json has no use for: 'blocks.3.attn1.norm_q.weight'", error.Message, StringComparison.Ordinal);
        weights.Require([new("a", 2, 3)], ignoreUnused: true);
    }

    [Fact]
    public void A_missing_tensor_is_named_with_the_shape_it_should_have()
    {
        var error = Assert.Throws<CheckpointException>(() => Open(("a", [2, 3])).Require([new("a", 2, 3), new("b", 4, 5)]));

        Assert.Contains("no tensor 'b' of shape [4, 5]", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new long[] { 3, 2 }), InlineData(new long[] { 6 }), InlineData(new long[] { 2, 3, 1 }), InlineData(new long[0])]
    public void Another_shape_is_named_beside_the_implied_one(long[] implied)
    {
        var error = Assert.Throws<CheckpointException>(() => Open(("a", [2, 3])).Require([new("a", implied)]));

        Assert.Contains("'a'", error.Message, StringComparison.Ordinal);
        Assert.Contains($"has shape [2, 3], but its config.json implies [{string.Join(", ", implied)}]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_quantised_tensor_is_refused()
    {
        File.WriteAllBytes(_folder.File("model.safetensors"), SafetensorsBytes.Of("""{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}""", 2));

        var error = Assert.Throws<CheckpointException>(() => SafetensorsWeights.Open(_folder.Path, "model").Require([new("a", 2)]));

        Assert.Contains("F8_E4M3; the networks take F32, F16 and BF16", error.Message, StringComparison.Ordinal);
    }

    private static void Same(IEnumerable<ExpectedTensor> expected, SafetensorsWeights weights)
    {
        static string Line(string name, long[] shape) => $"{name} [{string.Join(", ", shape)}]";
        var found = weights.Entries.Where(entry => !entry.Name.EndsWith(".position_ids", StringComparison.Ordinal));

        Assert.Equal(
            found.Select(entry => Line(entry.Name, entry.Shape)).Order(StringComparer.Ordinal),
            expected.Select(tensor => Line(tensor.Name, tensor.Shape)).Order(StringComparer.Ordinal));
        weights.Require(expected);
    }

    private SafetensorsWeights Open(params (string Name, long[] Shape)[] tensors)
    {
        File.WriteAllBytes(_folder.File("model.safetensors"), SafetensorsBytes.Of(tensors));
        return SafetensorsWeights.Open(_folder.Path, "model");
    }
}
