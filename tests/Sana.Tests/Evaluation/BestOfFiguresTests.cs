using Sana.Inference.Imaging;
using Sana.Local.Evaluation;
using Sana.StillLife.Analysis;
using Sana.StillLife.Evaluation;
using Xunit;

namespace Sana.Tests.Evaluation;

public sealed class BestOfFiguresTests
{
    private static readonly EvaluationPrompt Prompt = EvaluationPrompts.Draw(PromptCategory.Colours, 1, seed: 0)[0];
    private static readonly SeenObject Asked = new(Prompt.Scene.Objects[0].Shape, Prompt.Scene.Objects[0].Colour, X: 0.5, Y: 0.5, Radius: 0.1, Confidence: 1);

    [Fact]
    public void The_best_of_every_group_is_chosen_and_a_broken_image_only_for_want_of_another()
    {
        bool[] met = [false, true, false, false, true, false, false, false];
        double[] scores = [10, 20, 30, 5, double.NaN, 1, double.NaN, double.NaN];

        var rows = BestOfFigures.Rows([.. met.Select(isMet => new Drawn(Prompt, new RgbImage(1, 1, [0, 0, 0]), new SeenScene(isMet ? [Asked] : [], Word: null)))], images: 4, scores);

        Assert.Equal([1, 2, 4], rows.Select(row => row.N));
        Assert.Equal([8, 4, 2], rows.Select(row => row.Figure.Images));
        Assert.Equal([2, 1, 0], rows.Select(row => row.Figure.Met));
        Assert.Equal([13.2, 17, 15.5], rows.Select(row => row.Figure.ClipScore!.Value));
    }
}
