using Sana.Inference.Diffusion;
using Sana.Local.Evaluation;
using Sana.Local.Evaluation.Layouts;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Evaluation;

public sealed class BenchmarkLayoutTests : IDisposable
{
    private readonly BuiltCheckpoint _checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _checkpoint.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void GenEval_finds_its_metadata_and_samples()
    {
        const string row = """{"tag": "counting", "include": [{"class": "bench", "count": 2}], "prompt": "a photo of two benches"}""";
        File.WriteAllText(_folder.File("evaluation_metadata.jsonl"), row + "\n\n" + row.Replace("two", "three", StringComparison.Ordinal) + "\n");
        var prompts = BenchmarkPrompt.GenEval(_folder.File("evaluation_metadata.jsonl"));

        var (images, failed) = Lay((layout, out_) => layout.GenEval(prompts, 2, out_));

        Assert.Equal((4, 0), (images, failed));
        Assert.Equal(row + "\n", File.ReadAllText(_folder.File("out/00000/metadata.jsonl")));
        Assert.Equal(["00000/samples/00000.png", "00000/samples/00001.png", "00001/samples/00000.png", "00001/samples/00001.png"], Images());
        Assert.Equal((0, 0), Lay((layout, out_) => layout.GenEval(prompts, 2, out_)));
    }

    [Fact]
    public void Dpg_finds_two_rows_of_two_under_the_names_of_the_prompts()
    {
        Directory.CreateDirectory(_folder.File("prompts"));
        File.WriteAllText(_folder.File("prompts/partiprompts12.txt"), "a red circle\n");
        File.WriteAllText(_folder.File("prompts/COCOval.txt"), "a blue square\n");

        var (images, failed) = Lay((layout, out_) => layout.Dpg(BenchmarkPrompt.Dpg(_folder.File("prompts")), 4, out_));

        Assert.Equal((8, 0), (images, failed));
        Assert.Equal(["COCOval.png", "partiprompts12.png"], Images());
        using var grid = NetVips.Image.NewFromFile(_folder.File("out/COCOval.png"));
        Assert.Equal((2 * Side, 2 * Side), (grid.Width, grid.Height));
    }

    [Fact]
    public void A_line_without_a_prompt_is_named()
    {
        File.WriteAllText(_folder.File("bad.jsonl"), "{\"prompt\": \"a\"}\n{\"tag\": \"x\"}\n");

        Assert.Contains("Line 2", Assert.Throws<SanaException>(() => BenchmarkPrompt.GenEval(_folder.File("bad.jsonl"))).Message, StringComparison.Ordinal);
    }

    private int Side { get; set; }

    private (int Images, int Failed) Lay(Func<BenchmarkLayout, string, (int, int)> lay)
    {
        _checkpoint.Build();
        using var pipeline = SanaPipeline.Load(_checkpoint.Folder, new PipelineOptions { Threads = 1 });
        var options = pipeline.Resolve(new GenerateOptions { Width = 64, Height = 64, Steps = 1, UseResolutionBinning = false });
        Side = options.Width!.Value;
        return lay(new BenchmarkLayout(new Drawing(pipeline, 4, 0, CancellationToken.None), options, 0, _ => { }), _folder.File("out"));
    }

    private IEnumerable<string> Images() => Directory.EnumerateFiles(_folder.File("out"), "*.png", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(_folder.File("out"), file)).Order(StringComparer.Ordinal);
}
