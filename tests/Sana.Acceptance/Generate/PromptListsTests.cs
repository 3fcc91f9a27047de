using System.Diagnostics;
using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Generate;

public sealed class PromptListsTests(SmallCheckpoint checkpoint) : IDisposable
{
    private readonly TempFolder _folder = new();

    private string[] Small => ["generate", "-c", checkpoint.Path, "--size", "64X64", "--steps", "1", "--no-binning", "-o", _folder.File("out")];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_table_on_the_standard_input_is_drawn_and_what_it_says_in_vain_is_counted()
    {
        using var process = SanaProgram.Start([.. Small, "--prompts", "-", "--format", "JPEG", "--json"]);
        await process.StandardInput.WriteAsync("{\"prompt\":\"a cat\",\"style\":\"oil\"}\n{\"prompt\":\"a dog\",\"num_inference_steps\":1.0,\"n\":1}\n");

        var run = await SanaProgram.Finish(process);

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains("1 row has something that means nothing here and had no effect (unknown_field): style", run.Error, StringComparison.Ordinal);
        Assert.Equal(1, JsonDocument.Parse(run.Output).RootElement.GetProperty("flags").GetProperty("unknown_field").GetInt32());
        Assert.Equal(2, Directory.GetFiles(_folder.File("out"), "*.jpg", SearchOption.AllDirectories).Length);
        Assert.Equal(
            ["a cat unknown_field", "a dog "],
            Directory.GetFiles(_folder.File("out"), "0000-*.json", SearchOption.AllDirectories).Select(file => JsonDocument.Parse(File.ReadAllText(file)).RootElement)
                .Select(record => $"{record.GetProperty("prompt").GetString()} {string.Join(',', record.GetProperty("flags").EnumerateArray())}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Each_image_of_a_run_can_be_made_alone_by_the_seed_in_its_record()
    {
        var all = await SanaProgram.Run([.. Small, "-p", "a cat", "--seed", "41", "--images", "3"]);
        var alone = await SanaProgram.Run([.. Small[..^1], _folder.File("alone"), "-p", "a cat", "--seed", "43"]);

        Assert.True((all.ExitCode, alone.ExitCode) == (0, 0), all.Error + alone.Error);
        Assert.StartsWith("3 images in", all.Output, StringComparison.Ordinal);
        Assert.StartsWith("1 image in", alone.Output, StringComparison.Ordinal);
        var images = Directory.GetFiles(_folder.File("out"), "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(["0000-41.png", "0000-42.png", "0000-43.png"], images.Select(Path.GetFileName));
        Assert.Equal(Pixels(images[2]), Pixels(Assert.Single(Directory.GetFiles(_folder.File("alone"), "*.png", SearchOption.AllDirectories))));
    }

    [Fact]
    public async Task A_reader_that_leaves_ends_the_output_and_nothing_else()
    {
        var start = new ProcessStartInfo("sh", ["-c", "\"$@\" > /dev/full", "sh", SanaProgram.Executable, .. Small, "-p", "a cat"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };

        var run = await SanaProgram.Finish(Process.Start(start)!);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Single(Directory.GetFiles(_folder.File("out"), "*.png", SearchOption.AllDirectories));
    }

    private static byte[] Pixels(string file)
    {
        using var image = NetVips.Image.NewFromFile(file);
        return image.WriteToMemory<byte>();
    }
}
