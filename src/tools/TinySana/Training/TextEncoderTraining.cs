using System.Globalization;
using System.Text.Json.Nodes;
using Sana.GraphBuilder.Configs;
using Sana.Inference.Text;
using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Networks;
using TinySana.Publishing;
using TinySana.Scenes;
using TinySana.Tokenizers;
using TinySana.Torch;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>Trains the text encoder: learns a vocabulary from captions, then a language model of captions. The transformer uses its hidden states.</summary>
internal static class TextEncoderTraining
{
    private const int ScenesForVocabulary = 20_000;
    private const int LeastCount = 20;
    private const int HardFrom = 1_600;

    private static TrainingOptions Options { get; } = new()
    {
        Steps = 3_600,
        BatchSize = 48,
        LearningRate = 3e-3,
        WarmUp = 60,
        WeightDecay = 0.02,
        EmaDecay = 0.99,
        CheckpointEvery = 250,
        Seed = 11,
    };

    private static Gemma2Config Config(int vocabulary) => new()
    {
        VocabSize = vocabulary,
        HiddenSize = 128,
        IntermediateSize = 384,
        NumHiddenLayers = 4,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = 32,
        QueryPreAttnScalar = 32,
        AttnLogitSoftcapping = 50,
        RmsNormEps = 1e-6,
        RopeTheta = 10_000,
        MaxPositionEmbeddings = 8_192,
        SlidingWindow = 4_096,
        SlidingLayers = [true, false, true, false],
    };

    /// <param name="models">The folder that contains <c>tiny-sana</c>.</param>
    /// <param name="artifacts">The folder of checkpoint and log.</param>
    public static void Run(string models, string artifacts)
    {
        var folder = Path.Combine(models, "tiny-sana");
        WriteTokenizer(folder);
        var tokenizer = GemmaTokenizer.Load(Path.Combine(folder, "tokenizer"));
        var instruction = ComplexHumanInstruction.Load(folder, tokenizer)!;
        Console.WriteLine($"{tokenizer.VocabularySize} tokens, {instruction.Tokens} of them in the instruction");

        random.manual_seed((long)Options.Seed);
        var config = Config(tokenizer.VocabularySize);
        using var network = new Gemma2Module(config);
        using var run = new TrainingRun(Path.Combine(artifacts, "text_encoder"), network, Options);
        var batches = new TextEncoderBatches(tokenizer, Options.Seed, HardFrom);
        var prefix = tensor(instruction.Ids[..^1].Select(id => (long)id).ToArray(), 1, instruction.Tokens - 1);
        run.Train(step => Loss(network, batches.Create(step, Options.BatchSize, step % 2 == 0 ? instruction : null), step % 2 == 0 ? prefix : null, tokenizer.PadId));
        run.UseEma();
        TextEncoderFolder.Write(Path.Combine(folder, "text_encoder"), network, config);
        foreach (var (change, share) in new TextEncoderReport(network, tokenizer).Measure())
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"wrong {change}: the true caption is likelier in {share:p1}"));
    }

    // Mean negative log-likelihood of the next token. The instruction is the same for all captions, so it is encoded once.
    private static Tensor Loss(Gemma2Module network, Tensor ids, Tensor? instruction, int pad)
    {
        var past = instruction is null ? [] : network.Encode(instruction, []).Present;
        var hidden = network.Encode(ids.narrow(1, 0, ids.shape[1] - 1), past).Hidden; // [b, s - 1, hidden]
        var next = ids.narrow(1, 1, ids.shape[1] - 1).flatten(); // [b · (s - 1)]
        var counted = next.ne(pad);
        var logits = network.Logits(hidden.flatten(0, 1)[counted]); // [counted, vocabulary]
        return nn.functional.cross_entropy(logits, next[counted]);
    }

    private static void WriteTokenizer(string folder)
    {
        Directory.CreateDirectory(folder);
        PromptInstruction.Write(folder);
        var training = new GemmaMergeTraining();
        training.Add(PromptInstruction.Text, times: LeastCount);
        for (var seed = 0UL; seed < ScenesForVocabulary; seed++)
        {
            var random = new SceneRandom(~seed);
            training.Add(CaptionGrammar.Paraphrase(SceneGenerator.Draw(seed), random));
        }

        // These words start captions too, where no space is before them. After the instruction they follow a space, so they need a merge with it.
        foreach (var word in Enum.GetValues<Colour>().Select(SceneWords.Of).Concat(Enumerable.Range(2, 3).Select(SceneWords.Number)))
            training.Add(" " + word);
        GemmaTokenizerWriter.Write(Path.Combine(folder, "tokenizer"), training.Merges(LeastCount));
    }
}

/// <summary>
/// The training texts: several captions of one scene, a line each.
/// To predict the later ones, the encoder must remember from the first which colour belongs to which shape, how many objects there are and where they are.
/// </summary>
/// <param name="tokenizer">The tokenizer of the checkpoint.</param>
/// <param name="seed">The seed of the scenes.</param>
/// <param name="hardFrom">
/// From this step on most scenes have different objects and every caption states their places: it is hardest to remember which colour and place belong to which
/// object.
/// </param>
internal sealed class TextEncoderBatches(GemmaTokenizer tokenizer, ulong seed, int hardFrom)
{
    private const double DifferentObjects = 0.7;

    private const int Eos = 1;
    private const int Longest = 120;

    private static readonly Richness[] WithPlaces = [Richness.Placed, Richness.Rich];

    /// <summary>Ids [b, s], padded on the right. With the instruction they start with its last token; without it, with <c>&lt;bos&gt;</c>.</summary>
    /// <param name="step">The step; each step has its own scenes.</param>
    /// <param name="size">Number of rows b.</param>
    /// <param name="instruction">The instruction before the captions; null for none.</param>
    public Tensor Create(int step, int size, ComplexHumanInstruction? instruction)
    {
        long[][] rows = [.. Enumerable.Range(0, size).Select(i => Row((seed << 32) + (ulong)(((long)step * size) + i), step >= hardFrom, instruction))];
        var length = rows.Max(row => row.Length);
        var ids = new long[size * length];
        Array.Fill(ids, tokenizer.PadId);
        for (var row = 0; row < size; row++)
            rows[row].CopyTo(ids, row * length);
        return tensor(ids, size, length);
    }

    private long[] Row(ulong at, bool hard, ComplexHumanInstruction? instruction)
    {
        var random = new SceneRandom(~at);
        var scene = SceneGenerator.Draw(at);
        if (hard && random.Chance(DifferentObjects))
        {
            while (scene.Arrangement is not (Arrangement.SideBySide or Arrangement.Stacked or Arrangement.Trio))
                scene = SceneGenerator.Draw(random.Next());
        }

        var captions = Enumerable.Range(0, random.Chance(0.5) ? 2 : 3)
            .Select(_ => hard ? CaptionGrammar.Paraphrase(scene, random.Pick(WithPlaces), random) : CaptionGrammar.Paraphrase(scene, random));
        var text = string.Join('\n', captions);
        long[] ids = [.. tokenizer.Encode((instruction?.Text ?? "") + text).Select(id => (long)id), Eos];
        return ids[(instruction is null ? 0 : instruction.Tokens - 1)..Math.Min(ids.Length, (instruction?.Tokens ?? 1) - 1 + Longest)];
    }
}

/// <summary>The instruction before every prompt. Like that of the published models it asks for details, in words that the small vocabulary has.</summary>
internal static class PromptInstruction
{
    // The lines of complex_human_instruction.json. The prompt follows directly after the last one.
    private static IReadOnlyList<string> Lines { get; } =
    [
        "say all that is in the picture of the prompt:",
        "- keep every shape, colour, size and number that it names;",
        "- add place and background where it names none.",
        "prompt: ",
    ];

    /// <summary>The text that the encoder reads.</summary>
    public static string Text => string.Join('\n', Lines);

    public static void Write(string checkpointFolder) =>
        JsonFile.Save(Path.Combine(checkpointFolder, "complex_human_instruction.json"), new JsonArray([.. Lines.Select(line => (JsonNode)line)]));
}

/// <summary>
/// Measures the language model on new scenes: how often, after a caption of a scene, another true caption is more likely than one that is wrong in one fact.
/// </summary>
internal sealed class TextEncoderReport(Gemma2Module network, GemmaTokenizer tokenizer)
{
    private const int Scenes = 400;

    /// <summary>For each change, the share of scenes in which the true caption is more likely.</summary>
    public IEnumerable<(Change Change, double Share)> Measure()
    {
        using var noGradient = no_grad();
        foreach (var change in Enum.GetValues<Change>())
        {
            var right = Enumerable.Range(0, Scenes).Select(i => IsRight(ScenePictures.Unseen + (ulong)i, change)).OfType<bool>().ToArray();
            yield return (change, right.Average(one => one ? 1.0 : 0.0));
        }
    }

    private bool? IsRight(ulong seed, Change change)
    {
        var scene = SceneGenerator.Draw(seed);
        if (HardNegatives.Write(scene, change, Richness.Placed, new SceneRandom(seed)) is not { } negative)
            return null;
        var first = CaptionGrammar.Describe(scene, Richness.Rich) + "\n";
        return LogLikelihood(first, CaptionGrammar.Describe(scene, Richness.Placed)) > LogLikelihood(first, negative);
    }

    // A mean over the tokens of the second caption, so that its length does not matter.
    private double LogLikelihood(string first, string second)
    {
        using var scope = NewDisposeScope();
        var (before, ids) = (tokenizer.Encode(first).Length, tokenizer.Encode(first + second).Select(id => (long)id).ToArray());
        var all = tensor(ids, 1, ids.Length);
        var hidden = network.Encode(all).squeeze(0).narrow(0, before - 1, ids.Length - before); // [tokens of the second, hidden]
        return -nn.functional.cross_entropy(network.Logits(hidden), all.squeeze(0).narrow(0, before, ids.Length - before)).item<float>();
    }
}
