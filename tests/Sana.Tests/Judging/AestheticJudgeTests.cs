using System.Text;
using Sana.GraphBuilder;
using Sana.Inference;
using Sana.Inference.Judging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Judging;

/// <summary>Files of aesthetic heads, and the CLIP that they need.</summary>
public sealed class AestheticJudgeTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("linear", "linearMSE", 5, 1)]
    [InlineData("relu", "reluMSE", 5, 5)]
    [InlineData("single", "linear", 1, 1)]
    public void A_layout_is_known_by_its_tensors_and_layers_with_nothing_between_become_one(string form, string name, int layers, int maps)
    {
        var file = AestheticFile.Open(JudgeReference.Head(form));

        Assert.Equal((name, layers), (file.Form, file.Layers.Count));
        Assert.Equal(maps, new AestheticHead(JudgeReference.Layers(form)).Maps);
        Assert.False(file.Layers[^1].HasRelu);
    }

    /// <summary>Layer after layer, as PyTorch does it.</summary>
    [Theory]
    [InlineData("linear"), InlineData("relu")]
    public void Multiplying_out_changes_nothing(string form)
    {
        var layers = JudgeReference.Layers(form);
        var head = new AestheticHead(layers);
        var vector = Enumerable.Range(0, head.Width).Select(i => (float)Math.Sin(i + 1)).ToArray();

        var x = Array.ConvertAll(vector, number => (double)number);
        foreach (var layer in layers)
        {
            x = [.. Enumerable.Range(0, layer.To).Select(row => layer.Bias[row] + Enumerable.Range(0, layer.From).Sum(i => (double)layer.Weight[(row * layer.From) + i] * x[i]))];
            x = layer.HasRelu ? Array.ConvertAll(x, number => Math.Max(number, 0)) : x;
        }

        Assert.Equal(x[0], head.Score(vector), 1e-12);
    }

    [Fact]
    public void A_folder_with_one_file_is_that_file()
    {
        File.Copy(JudgeReference.Head("single"), _folder.File("sa_0_4_vit_b_32.safetensors"));

        Assert.Equal(AestheticFile.Open(JudgeReference.Head("single")).Sha256, AestheticFile.Open(_folder.Path).Sha256);
        File.Copy(JudgeReference.Head("relu"), _folder.File("other.safetensors"));
        Refused(_folder.Path, "no model.safetensors and not just one other");
        File.Copy(JudgeReference.Head("relu"), _folder.File("model.safetensors"));
        Assert.Equal("reluMSE", AestheticFile.Open(_folder.Path).Form);
    }

    public static TheoryData<string, string> Bad => new()
    {
        { """{"weight":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]},"bias":{"dtype":"F32","shape":[2],"data_offsets":[32,40]}}""", "weight has shape [2, 4]" },
        { """{"weight":{"dtype":"F32","shape":[1,4],"data_offsets":[0,16]},"bias":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}""", "bias [2]" },
        { """{"weight":{"dtype":"F32","shape":[1,4],"data_offsets":[0,16]}}""", "lacks weight or bias" },
        { """{"weight":{"dtype":"I32","shape":[1,4],"data_offsets":[0,16]},"bias":{"dtype":"F32","shape":[1],"data_offsets":[16,20]}}""", "of type I32" },
        { """{"weight":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"bias":{"dtype":"F32","shape":[1],"data_offsets":[16,20]}}""", "weight has shape [4]" },
        { """{"weight":{"dtype":"F32","shape":[1,4],"data_offsets":[0,16]},"bias":{"dtype":"F32","shape":[1],"data_offsets":[16,20]},"norm.mean":{"dtype":"F32","shape":[1],"data_offsets":[20,24]}}""", "has 3 tensors" },
        { """{"layers.0.weight":{"dtype":"F32","shape":[1,4],"data_offsets":[0,16]},"layers.0.bias":{"dtype":"F32","shape":[1],"data_offsets":[16,20]}}""", "lacks layers.2.weight" },
    };

    [Theory, MemberData(nameof(Bad))]
    public void A_file_of_another_layout_is_refused(string header, string sentence)
    {
        var end = System.Text.Json.Nodes.JsonNode.Parse(header)!.AsObject().Max(tensor => (int)tensor.Value!["data_offsets"]![1]!);
        File.WriteAllBytes(_folder.File("bad.safetensors"), SafetensorsBytes.Of(header, end));

        Refused(_folder.File("bad.safetensors"), sentence, "LAION's layers.0, .2, .4, .6, .7");
    }

    [Fact]
    public void A_weight_that_is_no_number_and_a_file_that_is_no_safetensors_are_refused()
    {
        var bytes = File.ReadAllBytes(JudgeReference.Head("single"));
        BitConverter.GetBytes(float.NaN).CopyTo(bytes, bytes.Length - 4);
        File.WriteAllBytes(_folder.File("bad.safetensors"), bytes);
        Refused(_folder.File("bad.safetensors"), "values that are not numbers");

        File.WriteAllBytes(_folder.File("bad.safetensors"), Encoding.ASCII.GetBytes("PK\u0003\u0004 a torch zip"));
        Refused(_folder.File("bad.safetensors"), "bad.safetensors");
    }

    [Theory]
    [InlineData(33, "head reads CLIP's vectors of 33 numbers; vit-b-8 is CLIP with vectors of", "write its name as \"clip\" of the file's __metadata__")]
    [InlineData(768, "head reads CLIP's vectors of 768 numbers, those of openai/clip-vit-large-patch14", "Say \"clip\": \"openai/clip-vit-large-patch14\", or name its folder clip-vit-large-patch14.")]
    [InlineData(512, "head reads CLIP's vectors of 512 numbers, those of openai/clip-vit-base-patch32", "clip-vit-base-patch32")]
    public void Another_CLIP_than_the_head_needs_is_refused_by_name(int width, string sentence, string fix)
    {
        using var built = new BuiltClip();
        using var clip = built.Scorer();
        var layer = new HeadLayer(width, 1, new float[width], [0], HasRelu: false);

        var error = Assert.Throws<InferenceException>(() => new AestheticJudge("head", "0", [layer], clip));
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
        Assert.Contains(fix, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_head_names_the_CLIP_that_it_was_trained_on_and_its_scale()
    {
        using var built = new BuiltClip();
        using var clip = built.Scorer();
        var layer = new HeadLayer(clip.Width, 1, new float[clip.Width], [3], HasRelu: false);

        using var judge = new AestheticJudge("head", "0", [layer], clip, clip.Name, "tidiness, 1…10");
        Assert.Equal("tidiness, 1…10", judge.Scale.Unit);
        Assert.Contains("those of some-clip", Assert.Throws<InferenceException>(() => new AestheticJudge("head", "0", [layer], clip, "some-clip")).Message, StringComparison.Ordinal);
        var wide = new HeadLayer(clip.Width + 1, 1, new float[clip.Width + 1], [3], HasRelu: false);
        Assert.Contains($"vectors of {clip.Width + 1} numbers", Assert.Throws<InferenceException>(() => new AestheticJudge("head", "0", [wide], clip, clip.Name)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("clip", "\\u0000"), InlineData("clip", ""), InlineData("scale", "a\\nb")]
    public void A_name_that_cannot_be_shown_is_refused(string key, string text)
    {
        var header = $$$"""{"__metadata__":{"{{{key}}}":"{{{text}}}"},"weight":{"dtype":"F32","shape":[1,4],"data_offsets":[0,16]},"bias":{"dtype":"F32","shape":[1],"data_offsets":[16,20]}}""";
        File.WriteAllBytes(_folder.File("bad.safetensors"), SafetensorsBytes.Of(header, 20));

        Assert.Contains($"for '{key}' of its __metadata__", Assert.Throws<CheckpointException>(() => AestheticFile.Open(_folder.File("bad.safetensors"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SigLIP_is_no_CLIP()
    {
        using var built = new BuiltSiglip();
        using var siglip = built.Scorer();
        var layer = new HeadLayer(siglip.Width, 1, new float[siglip.Width], [0], HasRelu: false);

        Assert.Contains("is SigLIP with vectors of", Assert.Throws<InferenceException>(() => new AestheticJudge("head", "0", [layer], siglip)).Message, StringComparison.Ordinal);
    }

    private static void Refused(string place, params string[] parts)
    {
        var error = Assert.Throws<CheckpointException>(() => AestheticFile.Open(place));
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }
}
