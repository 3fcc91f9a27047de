using Sana.Curation;
using Sana.Curation.Captioning.Config;
using Sana.GraphBuilder;
using Sana.Inference;
using Sana.Inference.Clip;
using Sana.Inference.Diffusion;
using Sana.Inference.Judging;
using Sana.Storage.Hub;

namespace Sana.Jobs.Networks;

/// <summary>Where judges of images are, and how their networks are put together.</summary>
internal static class JudgePlace
{
    /// <summary>The aesthetic head of a file, a folder or a repository, over a CLIP.</summary>
    /// <exception cref="CheckpointException">It is no such head.</exception>
    /// <exception cref="InferenceException">There is no CLIP, or another one than it needs.</exception>
    public static async Task<IJudge> OpenHead(JudgeConfig config, ClipScorer? clip, string place, IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        if (CheckpointPlace.Repository(place) is { } id)
            place = await HubRepository.Fetch(id, (names, _) => AestheticFile.Choose(id.ToString(), names), HubSettings.FromEnvironment(), progress, cancellationToken);
        var file = await Task.Run(() => AestheticFile.Open(place), cancellationToken);
        return new AestheticJudge(
            CheckpointPlace.IsRepository(config.Checkpoint) ? config.Checkpoint : LoraPlace.NameOf(config.Checkpoint),
            file.Sha256,
            [.. file.Layers.Select(layer => new HeadLayer(layer.From, layer.To, layer.Weight, layer.Bias, layer.HasRelu))],
            clip ?? throw new InferenceException($"The judge '{config.Label}' reads vectors of CLIP; give its \"clip\", or a checkpoint of CLIP for the run (--scorer)."),
            file.Clip,
            file.Scale);
    }

    /// <summary>The judges of generated images, all at once, so that one that cannot be opened is heard of before anything is made. Those that read the same CLIP share it.</summary>
    /// <exception cref="CheckpointException">A checkpoint is incomplete, damaged or of another kind.</exception>
    /// <exception cref="InferenceException">A judge does not fit, or its graph cannot be loaded.</exception>
    public static async Task<Gate?> OpenGate(GateConfig? gate, NetworkLoader networks, CancellationToken cancellationToken)
    {
        if (gate is null)
            return null;
        var judges = new List<(JudgeCard, IJudge)>();
        var (clips, readers) = (new Dictionary<(string, Precision), ClipScorer>(), new Dictionary<string, ShieldGemma>(StringComparer.Ordinal));
        try
        {
            foreach (var config in gate.Judges)
            {
                if (config.Kind == JudgeKind.Prompt)
                {
                    if (!readers.ContainsKey(config.Checkpoint))
                        readers.Add(config.Checkpoint, await networks.LoadShieldGemma(config, cancellationToken));
                    var reader = new PromptJudge(readers[config.Checkpoint], config.Policy!);
                    judges.Add((Card(config, reader, config.Precision), reader));
                    continue;
                }

                var place = config.Kind == JudgeKind.Clip ? config.Checkpoint : config.Clip;
                if (place is not null && !clips.ContainsKey((place, config.Precision)))
                    clips.Add((place, config.Precision), await networks.LoadClip(place, config.Precision, cancellationToken));
                var judge = await networks.LoadJudge(config, place is null ? null : clips[(place, config.Precision)], cancellationToken);
                judges.Add((Card(config, judge, config.Precision), judge));
            }

            return new Gate(judges, gate.OutsideLimits, [.. clips.Values, .. readers.Values]);
        }
        catch
        {
            new Gate(judges, gate.OutsideLimits, [.. clips.Values, .. readers.Values]).Dispose();
            throw;
        }
    }

    /// <summary>What is stated of a judge.</summary>
    /// <param name="config">Of the judge.</param>
    /// <param name="judge">Opened.</param>
    /// <param name="precision">Of the CLIP that it reads; float32 where it reads none.</param>
    public static JudgeCard Card(JudgeConfig config, IJudge judge, Precision precision) => new(config.Label, config.KindName, config.Column, judge.Name, judge.Fingerprint, judge.Scale.Unit)
    {
        IsFraction = judge.Scale.Most <= 1,
        Class = config.Class,
        Precision = precision == Precision.Float32 ? null : precision.Word(),
        Min = config.Min,
        Max = config.Max,
    };

    /// <summary>The language model of a judge of prompts whose graphs are built.</summary>
    /// <exception cref="InferenceException">It is of another kind.</exception>
    public static ShieldGemma LoadShieldGemma(JudgeConfig config, BuildReport built, JudgeOptions options)
    {
        RequireKind(config, built);
        return ShieldGemma.Load(built.Folder, options);
    }

    /// <summary>A classifier or a safety checker whose graph is built.</summary>
    /// <exception cref="InferenceException">It is of another kind, or lacks the label.</exception>
    public static IJudge Load(JudgeConfig config, BuildReport built, JudgeOptions options)
    {
        RequireKind(config, built);
        return config.Kind == JudgeKind.Classifier ? ImageClassifier.Load(built.Folder, config.Class!, options) : SafetyChecker.Load(built.Folder, options);
    }

    private static void RequireKind(JudgeConfig config, BuildReport built)
    {
        var (kind, words) = built.Metadata["model_type"] switch
        {
            "vit" => (JudgeKind.Classifier, "an image classifier; say \"kind\": \"classifier\""),
            "gemma2" => (JudgeKind.Prompt, "a language model that reads prompts; say \"kind\": \"prompt\""),
            _ => (JudgeKind.SafetyChecker, "a safety checker; say \"kind\": \"safety-checker\""),
        };
        if (kind != config.Kind)
            throw new InferenceException($"The judge '{config.Label}' is of the kind {config.KindName}, but {config.Checkpoint} is {words}.");
    }
}
