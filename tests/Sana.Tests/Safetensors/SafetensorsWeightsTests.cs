using System.Diagnostics;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Safetensors;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Safetensors;

public sealed class SafetensorsWeightsTests : IDisposable
{
    private const string Stem = "diffusion_pytorch_model";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(null, "plain", "x.safetensors", "x.fp16.safetensors", "x.bf16.safetensors")]
    [InlineData(null, "fp16", "x.fp16.safetensors")]
    [InlineData("fp16", "fp16", "x.safetensors", "x.fp16.safetensors", "x.bf16.safetensors")]
    [InlineData("fp16", "fp16", "x.safetensors", "x.safetensors.index.fp16.json", "x.fp16-00001-of-00001.safetensors")]
    [InlineData("fp16", "fp16", "x.safetensors", "x.fp16.safetensors.index.json", "x.fp16-00001-of-00001.safetensors")]
    [InlineData(null, "plain", "x.safetensors.index.json", "x-00001-of-00001.safetensors", "x.fp16.safetensors")]
    [InlineData(null, "plain", "x.safetensors", "x.bin", "x.onnx", "xy.safetensors", "x.safetensors.part")]
    public void The_set_of_weights_is_chosen_by_variant(string? variant, string expected, params string[] files)
    {
        foreach (var file in files)
            Put(file);

        var weights = SafetensorsWeights.Open(_folder.Path, Stem, variant);

        Assert.Equal(expected, Assert.Single(weights.Entries).Name);
    }

    [Theory]
    [InlineData(null, "choose one with --variant", "x.fp16.safetensors", "x.bf16.safetensors")]
    [InlineData("int8", "no weights of variant 'int8'; there is", "x.fp16.safetensors", "x.safetensors")]
    [InlineData(null, "alone, a format that can run code", "x.bin")]
    [InlineData(null, "no diffusion_pytorch_model.safetensors", "x-00001-of-00002.safetensors")]
    public void A_set_that_is_not_there_is_refused_with_what_is(string? variant, string fault, params string[] files)
    {
        foreach (var file in files)
            Put(file);

        var error = Assert.Throws<CheckpointException>(() => SafetensorsWeights.Open(_folder.Path, Stem, variant));

        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
        Assert.All(files.Where(file => file.Contains("16.", StringComparison.Ordinal)), file =>
            Assert.Contains(file.Replace("x.", Stem + ".", StringComparison.Ordinal), error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Shards_make_one_set_and_the_index_decides_who_holds_a_tensor()
    {
        File.WriteAllBytes(_folder.File("one.safetensors"), SafetensorsBytes.Of(("a", [2]), ("b", [3]), ("left over", [1])));
        File.WriteAllBytes(_folder.File("two.safetensors"), SafetensorsBytes.Of(("b", [5])));
        WriteIndex("""{"metadata":{"total_size":28},"weight_map":{"b":"two.safetensors","a":"one.safetensors"}}""");

        var weights = SafetensorsWeights.Open(_folder.Path, Stem);

        Assert.Equal(["a", "b"], weights.Entries.Select(entry => entry.Name).Order(StringComparer.Ordinal));
        Assert.Equal(5, Assert.Single(weights["b"].Shape));
        Assert.Equal(_folder.File("two.safetensors"), weights["b"].File);
        Assert.Equal([_folder.File("one.safetensors"), _folder.File("two.safetensors")], weights.Files.Select(file => file.Path));
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../one.safetensors"}}""", "not a plain file name")]
    [InlineData("""{"weight_map":{"a":"/etc/passwd"}}""", "not a plain file name")]
    [InlineData("""{"weight_map":{"a":"..\\one.safetensors"}}""", "not a plain file name")]
    [InlineData("""{"weight_map":{"a":".."}}""", "not a plain file name")]
    [InlineData("""{"weight_map":{"a":""}}""", "not a plain file name")]
    [InlineData("""{"weight_map":{"a":"one\u0000.safetensors"}}""", "not a plain file name")]
    [InlineData("""{"weight_map":{"a":"one.safetensors","a":"one.safetensors"}}""", "'a' twice")]
    [InlineData("""{"weight_map":{"a":7}}""", "not mapped to a file name")]
    [InlineData("""{"weight_map":{"a":"missing.safetensors"}}""", "does not exist")]
    [InlineData("""{"weight_map":{"a":"one.safetensors","z":"one.safetensors"}}""", "does not hold it")]
    [InlineData("""{"weight_map":[]}""", "not an object")]
    [InlineData("""{"weight_map":{},"weight_map":{}}""", "twice")]
    [InlineData("""{}""", "no 'weight_map'")]
    [InlineData("""[]""", "not a JSON object")]
    [InlineData("""{"weight_map":{"a":"one.safetensors"}""", "not the JSON")]
    [InlineData("""{"metadata":[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]}""", "not the JSON")]
    public void A_wrong_index_is_refused_with_its_fault(string index, string fault)
    {
        File.WriteAllBytes(_folder.File("one.safetensors"), SafetensorsBytes.Of(("a", [2])));
        WriteIndex(index);

        var error = Assert.Throws<CheckpointException>(() => SafetensorsWeights.Open(_folder.Path, Stem));

        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_prefix_of_a_causal_model_is_taken_off()
    {
        File.WriteAllBytes(_folder.File("model.safetensors"), SafetensorsBytes.Of(("model.norm.weight", [2]), ("lm_head.weight", [3])));

        var weights = SafetensorsWeights.Open(_folder.Path, "model").WithPrefixRemoved("model.");

        Assert.Equal(["lm_head.weight", "norm.weight"], weights.Entries.Select(entry => entry.Name).Order(StringComparer.Ordinal));
        Assert.Equal("norm.weight", weights["norm.weight"].Name);
    }

    [Fact]
    public void A_tensor_that_is_not_there_is_named_in_the_error()
    {
        Put("x.safetensors");

        var error = Assert.Throws<CheckpointException>(() => SafetensorsWeights.Open(_folder.Path, Stem)["caption_norm.weight"]);

        Assert.Contains("'caption_norm.weight'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_in_place_of_the_file_is_refused()
    {
        Directory.CreateDirectory(_folder.File($"{Stem}.safetensors"));

        Assert.Contains("is a folder", Assert.Throws<CheckpointException>(() => SafetensorsWeights.Open(_folder.Path, Stem)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_is_not_there_is_refused() =>
        Assert.Throws<CheckpointException>(() => SafetensorsWeights.Open(_folder.File("nowhere"), Stem));

    [Fact]
    public void A_pipe_does_not_block()
    {
        var path = _folder.File($"{Stem}.safetensors");
        using (var process = Process.Start("mkfifo", path))
            process.WaitForExit();

        Assert.Contains("not a regular file", Assert.Throws<CheckpointException>(() => SafetensorsWeights.Open(_folder.Path, Stem)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_is_followed_and_a_dangling_one_refused()
    {
        File.WriteAllBytes(_folder.File("blob"), SafetensorsBytes.Of(("a", [2])));
        File.CreateSymbolicLink(_folder.File("model.safetensors"), "blob");
        File.CreateSymbolicLink(_folder.File($"{Stem}.safetensors"), "gone");

        Assert.Equal(1, SafetensorsWeights.Open(_folder.Path, "model").Count);
        Assert.Contains("gone", Assert.Throws<CheckpointException>(() => SafetensorsWeights.Open(_folder.Path, Stem)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_and_a_link_to_itself_are_refused()
    {
        File.CreateSymbolicLink(_folder.File("model.safetensors"), "/dev/zero");
        File.CreateSymbolicLink(_folder.File($"{Stem}.safetensors"), $"{Stem}.safetensors");

        Assert.Throws<CheckpointException>(() => SafetensorsWeights.Open(_folder.Path, "model"));
        Assert.Throws<CheckpointException>(() => SafetensorsWeights.Open(_folder.Path, Stem));
    }

    [Fact]
    public void A_file_without_read_permission_is_refused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, "The superuser may read every file, and Windows has no mode bits.");
        Put("x.safetensors");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder.File($"{Stem}.safetensors"), UnixFileMode.None);

        Assert.Throws<CheckpointException>(() => SafetensorsWeights.Open(_folder.Path, Stem));
    }

    /// <summary>Writes a set whose one tensor is called after its variant, or an index that leads to its shard.</summary>
    private void Put(string file)
    {
        var name = file.StartsWith("xy", StringComparison.Ordinal) ? file : Stem + file[1..];
        var variant = file.Contains("fp16", StringComparison.Ordinal) ? "fp16" : file.Contains("bf16", StringComparison.Ordinal) ? "bf16" : "plain";
        if (file.EndsWith(".json", StringComparison.Ordinal))
        {
            var shard = $"{Stem}{(variant == "plain" ? "" : "." + variant)}-00001-of-00001.safetensors";
            File.WriteAllText(_folder.File(name), $$$"""{"weight_map":{"{{{variant}}}":"{{{shard}}}"}}""");
        }
        else
        {
            File.WriteAllBytes(_folder.File(name), SafetensorsBytes.Of((variant, [2])));
        }
    }

    private void WriteIndex(string json) => File.WriteAllText(_folder.File($"{Stem}.safetensors.index.json"), json);
}
