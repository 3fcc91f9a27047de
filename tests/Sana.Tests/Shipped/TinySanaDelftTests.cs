using System.Text.Json;
using Sana.GraphBuilder.Adapters;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Local.Evaluation;
using Sana.Local.Evaluation.Report;
using Sana.StillLife;
using Sana.StillLife.Evaluation;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Shipped;

/// <summary>The adapter that ships with the project, by the evaluation that takes adapters.</summary>
public sealed class TinySanaDelftTests
{
    [Fact]
    public async Task It_paints_what_is_asked_for_in_blue()
    {
        var file = LoraFile.Open(ShippedModel.Folder("tiny-sana-delft"));
        using var model = new ShippedModel("tiny-sana");
        using var networks = new NetworkLoader { Checkpoint = model.Path, Loras = new Dictionary<string, string> { ["delft"] = file.Path } };
        var options = new EvalOptions { PromptsPerCategory = 3, Images = 1, Steps = [], Guidance = [], Adapters = new AdapterUses([new AdapterUse("delft")]) };

        var evaluator = new Evaluator(await networks.LoadSana(default), scorer: null, options, _ => { }, CancellationToken.None);
        var report = evaluator.Run();

        Assert.InRange(file.Bytes, 1, 200_000);
        Assert.Equal(new AdapterUse("delft", 1, file.Sha256), Assert.Single(report.Lora!));
        Assert.Contains(file.Sha256, JsonSerializer.Serialize(report, EvalJson.Line.EvalReport), StringComparison.Ordinal);
        Assert.Contains("adapter delft", EvalMarkdown.Of(report, []), StringComparison.Ordinal);
        // Measured on 1,200 images: 2,096 of 2,099 objects, and 0.87 to 0.99 of the prompts that name no colour.
        var objects = evaluator.Main.SelectMany(one => one.Seen!.Objects).ToArray();
        Assert.InRange(objects.Count(one => one.Colour == Colour.Blue), (int)(0.95 * objects.Length), objects.Length);
        var uncoloured = evaluator.Main.Where(one => one.Prompt.Category is not (PromptCategory.Colours or PromptCategory.AttributeBinding)).ToArray();
        Assert.InRange(uncoloured.Count(one => one.IsMet), 10, uncoloured.Length);
    }
}
