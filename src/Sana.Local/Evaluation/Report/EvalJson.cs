using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sana.Local.Evaluation.Report;

/// <summary>How reports of evaluations are written: <c>eval.json</c> is read by people too.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(EvalReport))]
[JsonSerializable(typeof(EvalOutcome))]
[JsonSerializable(typeof(ImageRow))]
[JsonSerializable(typeof(LayoutOutcome))]
internal sealed partial class EvalJson : JsonSerializerContext
{
    public static EvalJson Indented { get; } = new(Written(indented: true));

    public static EvalJson Line { get; } = new(Written(indented: false));

    private static JsonSerializerOptions Written(bool indented) => new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = indented,
        NewLine = "\n",
    };
}

/// <summary>Of <c>sana eval --json</c>.</summary>
internal sealed record EvalOutcome(string Place, EvalReport Report, IReadOnlyList<Regression> Regressions, double Seconds);

/// <summary>Of <c>sana eval --layout --json</c>.</summary>
internal sealed record LayoutOutcome(string Place, string Layout, int Prompts, int Images, int Failed);
