using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Clip;

/// <summary><c>sana build</c> and <c>sana info</c> on a CLIP folder are those on a Sana folder.</summary>
public sealed class ClipFolderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public ClipFolderTests()
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Fixtures.Clip, "checkpoint")).Where(file => !file.EndsWith(".onnx", StringComparison.Ordinal)))
        {
            File.Copy(file, _folder.File(Path.GetFileName(file)));
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_folder_is_built_once_and_described()
    {
        var (first, second, info) = (
            await SanaProgram.Run("build", _folder.Path, "--json"), await SanaProgram.Run("build", _folder.Path, "--json"), await SanaProgram.Run("info", _folder.Path, "--json"));

        Assert.Equal((0, 0, 0), (first.ExitCode, second.ExitCode, info.ExitCode));
        Assert.True(JsonElement.Parse(first.Output).GetProperty("written").GetBoolean());
        Assert.False(JsonElement.Parse(second.Output).GetProperty("written").GetBoolean());
        var checkpoint = JsonElement.Parse(info.Output).GetProperty("checkpoint");
        Assert.Equal(JsonElement.Parse(first.Output).GetProperty("fingerprint").GetString(), checkpoint.GetProperty("fingerprint").GetString());
        Assert.Equal(["vision_model", "text_model"], checkpoint.GetProperty("towers").EnumerateArray().Select(tower => tower.GetProperty("name").GetString()!));
    }

    [Fact]
    public async Task People_read_sizes_and_towers()
    {
        var info = await SanaProgram.Run("info", _folder.Path);

        Assert.Equal(0, info.ExitCode);
        Assert.Contains("tokens, embeddings of", info.Output, StringComparison.Ordinal);
        Assert.Contains("text_model", info.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_of_another_model_is_refused_in_one_sentence()
    {
        File.WriteAllText(_folder.File("config.json"), """{"model_type": "blip"}""");

        var built = await SanaProgram.Run("build", _folder.Path);

        Assert.Equal(1, built.ExitCode);
        Assert.Contains("model_type", built.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", built.Error, StringComparison.Ordinal);
    }
}
