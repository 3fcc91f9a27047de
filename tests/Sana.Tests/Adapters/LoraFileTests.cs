using System.Text;
using System.Text.Json;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Adapters;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Adapters;

/// <summary>Files of adapters, as tools write them and as they should not be.</summary>
public sealed class LoraFileTests : IDisposable
{
    private const string Query = "transformer_blocks.0.attn1.to_q";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("transformer.transformer_blocks.0.attn1.to_q.lora_A.weight", "transformer.transformer_blocks.0.attn1.to_q.lora_B.weight", "diffusers")]
    [InlineData("transformer_blocks.0.attn1.to_q.lora_A.weight", "transformer_blocks.0.attn1.to_q.lora_B.weight", "diffusers")]
    [InlineData("transformer_blocks.0.attn1.to_q.lora_A.default.weight", "transformer_blocks.0.attn1.to_q.lora_B.default.weight", "diffusers")]
    [InlineData("base_model.model.transformer_blocks.0.attn1.to_q.lora_A.weight", "base_model.model.transformer_blocks.0.attn1.to_q.lora_B.weight", "PEFT")]
    [InlineData("transformer.transformer_blocks.0.attn1.to_q.lora.down.weight", "transformer.transformer_blocks.0.attn1.to_q.lora.up.weight", "diffusers")]
    [InlineData("transformer.transformer_blocks.0.attn1.processor.to_q_lora.down.weight", "transformer.transformer_blocks.0.attn1.processor.to_q_lora.up.weight", "diffusers")]
    [InlineData("lora_transformer_transformer_blocks_0_attn1_to_q.lora_down.weight", "lora_transformer_transformer_blocks_0_attn1_to_q.lora_up.weight", "kohya")]
    [InlineData("lora_unet_transformer_blocks_0_attn1_to_q.lora_down.weight", "lora_unet_transformer_blocks_0_attn1_to_q.lora_up.weight", "kohya")]
    public void Every_way_to_name_a_layer_is_read(string a, string b, string format)
    {
        var file = Open((a, [2, 8]), (b, [8, 2]));

        Assert.Equal((format, "no settings: alpha is the rank"), (file.Format, file.ScaleFrom));
        Assert.Equal([new LoraLayer(Query, 2, 8, 8, 1, HasBias: false)], file.Layers);
    }

    [Theory]
    [InlineData("transformer_blocks.0.attn1.to_out", "transformer_blocks.0.attn1.to_out.0")]
    [InlineData("transformer_blocks.3.ff.conv_inverted", "transformer_blocks.3.ff.conv_inverted")]
    [InlineData("patch_embed.proj", "patch_embed.proj")]
    [InlineData("proj_out", "proj_out")]
    [InlineData("time_embed.emb.timestep_embedder.linear_1", "time_embed.emb.timestep_embedder.linear_1")]
    [InlineData("caption_projection.linear_2", "caption_projection.linear_2")]
    public void Layers_of_every_kind_are_known(string written, string layer) =>
        Assert.Equal(layer, Assert.Single(Open(($"{written}.lora_A.weight", [1, 4, 1, 1]), ($"{written}.lora_B.weight", [4, 1, 1, 1])).Layers).Name);

    [Theory]
    [InlineData("attention", "the file's header")]
    [InlineData("attention-no-metadata", "no settings: alpha is the rank")]
    [InlineData("attention-peft", "adapter_config.json")]
    [InlineData("attention-kohya", "alpha tensors")]
    public void The_same_numbers_come_of_every_form_and_only_the_scale_differs_where_none_is_said(string name, string from)
    {
        foreach (var checkpoint in Directory.EnumerateDirectories(Path.Combine(Fixtures.Adapters, "lora")))
        {
            var file = LoraFile.Open(Path.Combine(checkpoint, name));
            var expected = LoraFile.Open(Path.Combine(checkpoint, "attention")).Read();

            Assert.Equal(from, file.ScaleFrom);
            foreach (var (one, other) in file.Read().Zip(expected))
            {
                Assert.Equal((other.Name, other.Rank, name == "attention-no-metadata" ? 1 : other.Scale), (one.Name, one.Rank, one.Scale));
                Assert.NotEqual(1, other.Scale);
                Assert.Equal(other.A, one.A);
                Assert.Equal(other.B, one.B);
            }
        }
    }

    [Fact]
    public void Patterns_match_the_end_of_a_layers_name_and_the_root_scale_divides_by_the_root()
    {
        var settings = """{"transformer.lora_alpha":4,"transformer.alpha_pattern":{"attn1\\.to_q":8,"to_k":6},"transformer.use_rslora":true,"transformer.r":99}""";
        string[] layers = [Query, "transformer_blocks.0.attn1.to_k", "transformer_blocks.0.attn2.to_q"];
        var file = OpenWith(settings, [.. layers.SelectMany(layer => new[] { ($"{layer}.lora_A.weight", new long[] { 4, 8 }), ($"{layer}.lora_B.weight", [8, 4]) })]);

        Assert.Equal([(layers[1], 3), (layers[0], 4), (layers[2], 2.0)], file.Layers.Select(layer => (layer.Name, layer.Scale)));
    }

    [Theory]
    [InlineData("x.dora_scale", "is a DoRA")]
    [InlineData("transformer.transformer_blocks.0.attn1.to_q.lora_magnitude_vector", "is a DoRA")]
    [InlineData("lycoris_transformer_blocks_0_attn1_to_q.lokr_w1", "another method than LoRA (LyCORIS")]
    [InlineData("transformer_blocks.0.attn1.to_q.hada_w1_a", "another method than LoRA (LyCORIS")]
    [InlineData("text_encoder.layers.0.q.lora_A.weight", "adapts a text encoder")]
    [InlineData("transformer.single_blocks.0.q.lora_A.weight", "a tensor that is no part of an adapter for the transformer of Sana: 'transformer.single_blocks.0.q.lora_A.weight'")]
    [InlineData("transformer.transformer_blocks.0.attn1.to_q.lora_A.bias", "'transformer.transformer_blocks.0.attn1.to_q.lora_A.bias'")]
    [InlineData("transformer_blocks.0.attn1.norm_q.weight", "'transformer_blocks.0.attn1.norm_q.weight'")]
    public void What_is_of_another_method_or_not_known_is_refused_by_its_name(string tensor, string sentence)
    {
        Assert.Contains(sentence, Refused(() => Open(($"{Query}.lora_A.weight", [2, 8]), ($"{Query}.lora_B.weight", [8, 2]), (tensor, [8]))), StringComparison.Ordinal);
    }

    [Fact]
    public void Halves_shapes_and_layers_that_do_not_fit_are_refused_by_their_names()
    {
        Assert.Contains($"only one half of {Query}: B (lora_B, lora_up) is missing", Refused(() => Open(($"{Query}.lora_A.weight", [2, 8]))), StringComparison.Ordinal);
        Assert.Contains("A [2, 8] and B [8, 3]", Refused(() => Open(($"{Query}.lora_A.weight", [2, 8]), ($"{Query}.lora_B.weight", [8, 3]))), StringComparison.Ordinal);
        Assert.Contains("[rank, in] and [out, rank]", Refused(() => Open(($"{Query}.lora_A.weight", [2, 8, 3, 3]), ($"{Query}.lora_B.weight", [8, 2, 1, 1]))), StringComparison.Ordinal);
        Assert.Contains("rank 0", Refused(() => Open(("proj_out.lora_A.weight", [2, 8]), ("proj_out.lora_B.weight", [8, 2]), ($"{Query}.lora_A.weight", [0, 8]), ($"{Query}.lora_B.weight", [8, 0]))), StringComparison.Ordinal);
        Assert.Contains("depthwise convolution", Refused(() => Open(("transformer_blocks.0.ff.conv_depth.lora_A.weight", [2, 8]), ("transformer_blocks.0.ff.conv_depth.lora_B.weight", [8, 2]))), StringComparison.Ordinal);
        Assert.Contains("twice", Refused(() => Open(($"{Query}.lora_A.weight", [2, 8]), ($"{Query}.lora.down.weight", [2, 8]), ($"{Query}.lora_B.weight", [8, 2]))), StringComparison.Ordinal);
        Assert.Contains("it must be [8]", Refused(() => Open(($"{Query}.lora_A.weight", [2, 8]), ($"{Query}.lora_B.weight", [8, 2]), ($"{Query}.lora_B.bias", [7]))), StringComparison.Ordinal);
        Assert.Contains("has no tensors", Refused(() => Open()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", "is not a JSON object")]
    [InlineData("{", "is not JSON")]
    [InlineData("{\"lora_alpha\":\"8\"}", "must be a number")]
    [InlineData("{\"lora_alpha\":1e300}", "at most 1000000")]
    [InlineData("{\"use_dora\":true}", "use_dora")]
    [InlineData("{\"peft_type\":\"LOHA\"}", "'LOHA'")]
    [InlineData("{\"alpha_pattern\":{\"(\":1}}", "no regular expression")]
    [InlineData("{\"alpha_pattern\":{\"(?=to)\":1}}", "no regular expression")]
    [InlineData("{\"layer_replication\":[[0,1]]}", "layer_replication")]
    public void Settings_that_cannot_be_used_are_one_sentence(string settings, string sentence) =>
        Assert.Contains(sentence, Refused(() => OpenWith(settings, (($"{Query}.lora_A.weight"), [2, 8]), ($"{Query}.lora_B.weight", [8, 2]))), StringComparison.Ordinal);

    [Fact]
    public void A_pattern_that_would_take_for_ever_is_read_in_time()
    {
        var settings = """{"lora_alpha":4,"alpha_pattern":{"((a|aa|o)+)+x":8}}""";

        Assert.Equal(2, Assert.Single(OpenWith(settings, ($"{Query}.lora_A.weight", [2, 8]), ($"{Query}.lora_B.weight", [8, 2])).Layers).Scale);
    }

    [Fact]
    public void A_hostile_or_damaged_file_is_one_sentence()
    {
        var path = _folder.File("lora.safetensors");
        var sound = SafetensorsBytes.Of(($"{Query}.lora_A.weight", [2, 8]), ($"{Query}.lora_B.weight", [8, 2]));
        foreach (var bytes in new[] { sound[..^1], [.. sound, 0], sound[..20], Encoding.UTF8.GetBytes("version https://git-lfs"), new byte[64], SafetensorsBytes.Of("{\"__metadata__\":{\"a\":1}}") })
        {
            File.WriteAllBytes(path, bytes);

            Assert.DoesNotContain('\n', Refused(() => LoraFile.Open(path)));
        }

        Assert.Contains("does not exist", Refused(() => LoraFile.Open(_folder.File("none.safetensors"))), StringComparison.Ordinal);
        Directory.CreateDirectory(_folder.File("empty"));
        Assert.Contains("give the adapter's file itself", Refused(() => LoraFile.Open(_folder.File("empty"))), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_changes_after_it_was_opened_is_not_read()
    {
        var file = Open(($"{Query}.lora_A.weight", [2, 8]), ($"{Query}.lora_B.weight", [8, 2]));
        var bytes = File.ReadAllBytes(file.Path);
        bytes[^1] = 1;
        File.WriteAllBytes(file.Path, bytes);

        Assert.Contains("has been changed", Refused(() => file.Read()), StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_that_are_none_are_refused()
    {
        var path = _folder.File("lora.safetensors");
        var bytes = SafetensorsBytes.Of(($"{Query}.lora_A.weight", [2, 8]), ($"{Query}.lora_B.weight", [8, 2]));
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 4), float.NaN);
        File.WriteAllBytes(path, bytes);

        Assert.Contains("lora_B.weight", Refused(() => LoraFile.Open(path).Read()), StringComparison.Ordinal);
    }

    [Fact]
    public void Another_checkpoint_is_refused_with_the_layers_that_do_not_fit()
    {
        var checkpoint = Path.Combine(Fixtures.Sana, "checkpoints", BuiltCheckpoint.Plain);
        var wide = Open(($"{Query}.lora_A.weight", [2, 2240]), ($"{Query}.lora_B.weight", [2240, 2]));
        var deep = Open(("transformer_blocks.400.attn1.to_q.lora_A.weight", [2, 2240]), ("transformer_blocks.400.attn1.to_q.lora_B.weight", [2240, 2]));

        Assert.Matches($@"no adapter for {BuiltCheckpoint.Plain}: the widths differ in {Query} \(here 2240 to 2240, there \d+ to \d+\)", Refused(() => wide.RequireFit(checkpoint)));
        Assert.Contains("has no transformer_blocks.400.attn1.to_q", Refused(() => deep.RequireFit(checkpoint)), StringComparison.Ordinal);
        Assert.Equal(["Sana 1.6B and 1.5 1.6B", "Sana 1.5 4.8B", "Sana Sprint 1.6B"], wide.Fits);
        Assert.Empty(deep.Fits);
    }

    private static string Refused(Action action) => Assert.Throws<CheckpointException>(action).Message;

    private LoraFile Open(params (string Name, long[] Shape)[] tensors)
    {
        var path = _folder.File($"{Guid.NewGuid():N}.safetensors");
        File.WriteAllBytes(path, tensors.Length == 0 ? SafetensorsBytes.Of("{}") : SafetensorsBytes.Of(tensors));
        return LoraFile.Open(path);
    }

    private LoraFile OpenWith(string settings, params (string Name, long[] Shape)[] tensors)
    {
        var bytes = SafetensorsBytes.Of(tensors);
        var length = (int)BitConverter.ToInt64(bytes);
        var header = Encoding.UTF8.GetString(bytes, 8, length).Insert(1, $"\"__metadata__\":{{\"lora_adapter_metadata\":{JsonSerializer.Serialize(settings)}}},");
        var path = _folder.File("with.safetensors");
        File.WriteAllBytes(path, SafetensorsBytes.Of(header, bytes.Length - 8 - length));
        return LoraFile.Open(path);
    }
}
