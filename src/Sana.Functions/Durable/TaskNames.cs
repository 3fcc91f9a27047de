using System.Text;

namespace Sana.Functions.Durable;

/// <summary>A function's name takes letters, digits and underscores where a workflow's has hyphens: <c>generate-images</c> is <c>GenerateImages</c>, and back.</summary>
internal static class TaskNames
{
    /// <summary>The one activity: it runs the step that its input names.</summary>
    public const string RunStep = "RunStep";

    public static string Of(string workflow) => string.Concat(workflow.Split('-').Select(word => char.ToUpperInvariant(word[0]) + word[1..]));

    public static string Workflow(string function)
    {
        var name = new StringBuilder();
        foreach (var letter in function)
        {
            if (char.IsUpper(letter) && name.Length > 0)
                name.Append('-');
            name.Append(char.ToLowerInvariant(letter));
        }

        return name.ToString();
    }
}
