using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.Inference.Clip;

namespace Sana.Jobs.Curation;

/// <summary>The settings that a dataset's content depends on. Budget, endpoints, concurrency and the share of failures are not among them: they only say how a run is operated.</summary>
internal static class ResultSettings
{
    private const int MostShown = 120;

    /// <summary>Those of a job.</summary>
    public static JsonObject Of(CurationJob job)
    {
        var settings = JsonSerializer.SerializeToNode(job, CurateJson.Readable.CurationJob)!["settings"]!.DeepClone().AsObject();
        settings.Remove("budget");
        settings.Remove("max_failures");
        settings["captioners"] = new JsonArray([.. job.Settings.ReadCaptioners().Select(captioner => captioner.Identity())]);
        // Runs of earlier versions of the program have no such setting.
        if (job.Settings.ReadJudges() is { Count: > 0 } judges)
            settings["judges"] = new JsonArray([.. judges.Select(judge => judge.Identity())]);
        settings["reading"]!.AsObject().Remove("links");
        // A threshold that is not given is that of the scorer, which earlier versions of the program wrote down.
        settings["selection"]!["threshold"] ??= job.Settings.Selection.For(FamilyOf(job.Settings.Clip)).Threshold;
        settings["source"] = job.Source;
        settings["since"] = job.Since;
        return settings;
    }

    /// <summary>Those of a dataset that was begun. Which files its source had is not a setting.</summary>
    public static JsonObject Of(DatasetConfig config)
    {
        var settings = JsonSerializer.SerializeToNode(config, CurateJson.Readable.DatasetConfig)!.AsObject();
        foreach (var name in (string[])["source", "items", "items_sha256"])
            settings.Remove(name);
        settings["reading"]!.AsObject().Remove("links");
        foreach (var captioner in settings["captioners"]!.AsArray())
            captioner!["decoding"] = JsonNode.Parse(captioner["decoding"]!.GetValue<string>());
        return settings;
    }

    /// <summary>The first setting that differs; null when all are the same.</summary>
    public static SettingChange? Difference(JsonNode? before, JsonNode? now, string path = "")
    {
        if (JsonNode.DeepEquals(before, now))
            return null;
        if (before is JsonObject one && now is JsonObject other)
            return one.Select(member => member.Key).Union(other.Select(member => member.Key)).Select(name => Difference(one[name], other[name], path.Length == 0 ? name : $"{path}.{name}")).First(found => found is not null);
        if (before is JsonArray list && now is JsonArray others && list.Count == others.Count)
            return list.Select((item, i) => Difference(item, others[i], $"{path}[{i}]")).First(found => found is not null);
        return new SettingChange(path, Shown(before), Shown(now));
    }

    // A folder that is not on this machine yet counts as CLIP's, on both sides of a comparison.
    private static ScorerFamily FamilyOf(string? folder) => folder is not null && ClipCheckpoint.IsSiglip(folder) ? ScorerFamily.Siglip : ScorerFamily.Clip;

    private static string Shown(JsonNode? value)
    {
        var text = value switch
        {
            null => "none",
            JsonArray captioners when captioners.Count > 0 && captioners.All(item => item is JsonObject one && one.ContainsKey("label")) => string.Join(" and ", captioners.Select(one => one!["label"])),
            _ => value.ToJsonString(CurateJson.Readable.Options),
        };
        return text.Length <= MostShown ? text : $"{text.AsSpan(0, MostShown)}…";
    }
}

/// <summary>A setting in which two runs differ. Its text is a part of a sentence: <c>selection.tau 0.1, not 0.2</c>.</summary>
/// <param name="Setting">Such as <c>selection.tau</c> or <c>captioners[0].prompt</c>.</param>
/// <param name="Before">The value that the run began with.</param>
/// <param name="Now">The value that is asked for.</param>
internal sealed record SettingChange(string Setting, string Before, string Now)
{
    /// <summary>Whether the values are places of this machine, which are not shown to clients of the HTTP API.</summary>
    public bool IsPlace => Setting is "source" or "clip" || Setting.StartsWith("other_scorers", StringComparison.Ordinal) || Setting.EndsWith(".checkpoint", StringComparison.Ordinal) || Setting.EndsWith(".clip", StringComparison.Ordinal);

    public override string ToString() => $"{Setting} {Before}, not {Now}";
}
