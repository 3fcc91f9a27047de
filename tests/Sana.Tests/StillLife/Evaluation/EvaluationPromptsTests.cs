using Sana.StillLife;
using Sana.StillLife.Analysis;
using Sana.StillLife.Captions;
using Sana.StillLife.Evaluation;
using Sana.StillLife.Rendering;
using Xunit;

namespace Sana.Tests.StillLife.Evaluation;

public sealed class EvaluationPromptsTests
{
    public static TheoryData<PromptCategory> Categories => [.. Enum.GetValues<PromptCategory>()];

    [Theory, MemberData(nameof(Categories))]
    public void Prompts_are_seeded_held_out_and_true_of_their_scene(PromptCategory category)
    {
        var prompts = EvaluationPrompts.Draw(category, 24, seed: 3);

        Assert.Equal(prompts.Select(prompt => prompt.Text), EvaluationPrompts.Draw(category, 24, seed: 3).Select(prompt => prompt.Text));
        Assert.All(prompts, prompt =>
        {
            Assert.Equal(category, prompt.Category);
            Assert.True(HeldOut.Contains(prompt.Scene));
            Assert.True(CaptionClaims.Parse(prompt.Text).Judge(prompt.Scene).IsTrue, prompt.Text);
        });
    }

    [Theory, MemberData(nameof(Categories))]
    public void A_picture_of_the_scene_meets_the_prompt(PromptCategory category) => Assert.All(EvaluationPrompts.Draw(category, 24, seed: 4), prompt =>
        Assert.True(prompt.IsMetBy(SceneAnalyser.Read(SceneRenderer.Render(prompt.Scene, 128), 128)), prompt.Text));

    [Theory]
    [InlineData(PromptCategory.SingleObject, Change.Shape)]
    [InlineData(PromptCategory.TwoObjects, Change.Shape)]
    [InlineData(PromptCategory.Counting, Change.Count)]
    [InlineData(PromptCategory.Colours, Change.Colour)]
    [InlineData(PromptCategory.Position, Change.Relation)]
    [InlineData(PromptCategory.AttributeBinding, Change.Binding)]
    public void A_picture_that_is_wrong_in_one_fact_does_not(PromptCategory category, Change change)
    {
        var random = new SceneRandom(9);
        foreach (var prompt in EvaluationPrompts.Draw(category, 24, seed: 5))
        {
            if (HardNegatives.Changed(prompt.Scene, change, random) is not { } other || CaptionGrammar.Describe(other, Richness.Placed) == CaptionGrammar.Describe(prompt.Scene, Richness.Placed))
                continue;
            Assert.False(prompt.IsMetBy(new SeenScene([.. Seen(other, change)], null)), $"{prompt.Text} is not {CaptionGrammar.Describe(other, Richness.Placed)}.");
        }
    }

    // A changed relation only exchanges the objects in the list, so their positions are exchanged here.
    private static IEnumerable<SeenObject> Seen(Scene scene, Change change) => scene.Objects.Select((one, i) =>
    {
        var at = change == Change.Relation ? scene.Objects[1 - i] : one;
        return new SeenObject(one.Shape, one.Colour, at.X, at.Y, one.Radius, 0.95);
    });
}
