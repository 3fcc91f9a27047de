using Sana.Inference.Diffusion;
using Sana.StillLife.Evaluation;

namespace Sana.Local.Evaluation;

/// <summary>What the options and reports call a solver.</summary>
internal static class SolverName
{
    public static string Of(SolverKind solver) => solver switch
    {
        SolverKind.FlowDpm => "flow-dpm",
        SolverKind.FlowEuler => "flow-euler",
        _ => "scm",
    };

    public static SolverKind? Parse(string name) => Enum.GetValues<SolverKind>().Cast<SolverKind?>().FirstOrDefault(solver => Of(solver!.Value) == name);
}

/// <summary>What GenEval calls a category.</summary>
internal static class CategoryName
{
    public static string Of(PromptCategory category) => category switch
    {
        PromptCategory.SingleObject => "single_object",
        PromptCategory.TwoObjects => "two_object",
        PromptCategory.Counting => "counting",
        PromptCategory.Colours => "colors",
        PromptCategory.Position => "position",
        _ => "color_attr",
    };
}
