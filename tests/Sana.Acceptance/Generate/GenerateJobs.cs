namespace Sana.Acceptance.Generate;

/// <summary>Jobs that the small checkpoint finishes in a second.</summary>
internal static class GenerateJobs
{
    public const string Prompts = """
        {"prompt":"a red cat","id":"cat","seeds":[1,2]}
        {"prompt":"ein Boot – 船 🚤","negative_prompt":"blur","width":96}
        this row is not JSON
        {"prompt":"a house","images":2,"steps":3}
        {"prompt":"a tree","width":97}
        """;

    public static string[] Arguments(string checkpoint, string prompts, string place, params string[] more) =>
        ["generate", "--checkpoint", checkpoint, "--prompts", prompts, "--width", "64", "--height", "96", "--steps", "2", "--batch", "2", "--no-binning", "--out", place, .. more];
}
