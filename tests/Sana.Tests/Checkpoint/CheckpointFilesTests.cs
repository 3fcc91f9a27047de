using Sana.GraphBuilder;
using Xunit;

namespace Sana.Tests.Checkpoint;

/// <summary>Which files of a published repository are fetched.</summary>
public sealed class CheckpointFilesTests
{
    private static readonly string[] _configs =
        ["model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json", "tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json", "transformer/config.json", "vae/config.json"];

    private static readonly string[] _shards = ["text_encoder/model-00001-of-00002.safetensors", "text_encoder/model-00002-of-00002.safetensors", "text_encoder/model.safetensors.index.json"];

    private static readonly string[] _plain = ["transformer/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"];

    private static readonly string[] _fp16 =
    [
        "text_encoder/model.fp16-00001-of-00002.safetensors", "text_encoder/model.fp16-00002-of-00002.safetensors", "text_encoder/model.safetensors.index.fp16.json",
        "transformer/diffusion_pytorch_model.fp16.safetensors",
    ];

    private static readonly string[] _others =
    [
        ".gitattributes", "README.md", "assets/a.png", "tokenizer/tokenizer.model", "text_encoder/pytorch_model.bin", "transformer/diffusion_pytorch_model.bin", "sana.safetensors",
        "text_encoder/generation_config.json", "text_encoder/model.onnx", "vae/old/diffusion_pytorch_model.safetensors", "transformer/diffusion_pytorch_model-00001-of-00003.safetensors",
    ];

    private static readonly string[] _all = [.. _configs, .. _shards, .. _plain, .. _fp16, .. _others];

    [Fact]
    public void Of_Sana_the_plain_weights_come_and_nothing_else_does() => Same([.. _configs, .. _shards, .. _plain], Choose(_all));

    [Fact]
    public void A_variant_is_taken_where_it_is_published() => Same([.. _configs, .. _fp16, "vae/diffusion_pytorch_model.safetensors"], Choose(_all, "fp16"));

    [Fact]
    public void The_only_variant_is_taken_without_being_named() => Same([.. _configs, .. _fp16, "vae/diffusion_pytorch_model.safetensors"], Choose([.. _all.Except(_shards).Except(_plain[..1])]));

    [Fact]
    public void Of_variants_without_a_plain_set_bf16_is_the_first()
    {
        string[] names = ["config.json", "model.fp16.safetensors", "model.bf16.safetensors", "model.8bit.safetensors"];

        Same(["config.json", "model.bf16.safetensors"], Choose(names));
        Same(["config.json", "model.8bit.safetensors"], Choose(names[..1].Append(names[3]).ToArray()));
    }

    [Fact]
    public void A_set_that_is_wholly_here_is_taken_before_one_that_is_not()
    {
        Same([.. _configs, .. _fp16, "vae/diffusion_pytorch_model.safetensors"], Choose(_all, isHere: _fp16.Contains));
        Same([.. _configs, .. _shards, .. _plain], Choose(_all, isHere: _fp16[1..3].Contains));
        Same([.. _configs, .. _shards, .. _plain], Choose(_all, isHere: _ => true));
    }

    [Fact]
    public void One_file_wins_over_shards_of_the_same_set() =>
        Same(["config.json", "model.safetensors"], Choose(["config.json", "model.safetensors", "model.safetensors.index.json", "model-00001-of-00001.safetensors"]));

    [Fact]
    public void Of_Clip_and_captioners_the_files_of_the_root_come()
    {
        string[] wanted =
        [
            "added_tokens.json", "config.json", "generation_config.json", "merges.txt", "model.safetensors", "preprocessor_config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.json",
        ];

        Same(wanted, Choose([.. wanted, "flax_model.msgpack", "tf_model.h5", "pytorch_model.bin", "README.md", "onnx/model.onnx", "onnx/config.json", "training_args.bin"]));
    }

    [Theory]
    [InlineData(null, "owner/name has neither model_index.json nor config.json, so it is no checkpoint of Sana, CLIP or a captioner; give another repository.", "README.md")]
    [InlineData(null, "owner/name has no model.safetensors, no variant of it and no whole set of shards: weights in other formats are not read; give a repository that has them.", "config.json", "pytorch_model.bin")]
    [InlineData(null, "owner/name has no model.safetensors", "config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors")]
    [InlineData(null, "owner/name, folder text_encoder, has no model.safetensors", "model_index.json", "text_encoder/config.json")]
    [InlineData("fp16", "owner/name has no weights of variant 'fp16'; there is the plain set (no --variant), bf16.", "config.json", "model.safetensors", "model.bf16.safetensors")]
    public void What_cannot_be_built_is_not_fetched(string? variant, string sentence, params string[] names) =>
        Assert.StartsWith(sentence, Assert.Throws<CheckpointException>(() => Choose(names, variant)).Message, StringComparison.Ordinal);

    private static IReadOnlyList<string> Choose(string[] names, string? variant = null, Func<string, bool>? isHere = null) => CheckpointFiles.Choose("owner/name", names, variant, isHere ?? (_ => false));

    private static void Same(string[] expected, IReadOnlyList<string> found) => Assert.Equal(expected.Order(StringComparer.Ordinal), found);
}
