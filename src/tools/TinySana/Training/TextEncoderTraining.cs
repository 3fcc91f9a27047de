using System.Globalization;
using Sana.GraphBuilder.Configs;
using Sana.Inference.Text;
using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Networks;
using TinySana.Publishing;
using TinySana.Tokenizers;
using TinySana.Torch;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>The text encoder: a vocabulary from the captions, then a language model of captions, of which the hidden states stay.</summary>
internal static class TextEncoderTraining
{
    private const int ScenesForVocabulary = 20_000;
    private const int LeastCount = 20;
    private const int BoundFrom = 1_600;

    public static TrainingOptions Options { get; } = new()
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

    public static Gemma2Config Config(int vocabulary) => new()
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

    /// <param name="models">Gets the folder <c>tiny-sana</c>.</param>
    /// <param name="artifacts">Where training leaves its checkpoint and log.</param>
    public static void Run(string models, string artifacts)
    {
        var folder = Path.Combine(models, "tiny-sana");
        WriteTokenizer(folder);
        var tokenizer = GemmaTokenizer.Load(Path.Combine(folder, "tokenizer"));
        var instruction = ComplexHumanInstruction.Load(folder, tokenizer)!;
        Console.WriteLine($"{tokenizer.VocabularySize} tokens, {instruction.Tokens} of them in the instruction");

        random.manual_seed((long)Options.Seed);
        var config = Config(tokenizer.VocabularySize);
        using var network = new Gemma2(config);
        using var run = new TrainingRun(Path.Combine(artifacts, "text_encoder"), network, Options);
        var pairs = new CaptionPairs(tokenizer, Options.Seed, BoundFrom);
        var before = tensor(instruction.Ids[..^1].Select(id => (long)id).ToArray(), 1, instruction.Tokens - 1);
        run.Train(step => Loss(network, pairs.Batch(step, Options.BatchSize, step % 2 == 0 ? instruction : null), step % 2 == 0 ? before : null, tokenizer.PadId));
        run.UseEma();
        TextEncoderFolder.Write(Path.Combine(folder, "text_encoder"), network, config);
        foreach (var (change, share) in new TextEncoderReport(network, tokenizer).Measure())
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"wrong {change}: the true caption is likelier in {share:p1}"));
    }

    /// <summary>Mean negative log-likelihood of the next token. The instruction is the same for all: it is read once.</summary>
    private static Tensor Loss(Gemma2 network, Tensor ids, Tensor? before, int pad)
    {
        var past = before is null ? [] : network.Encode(before, []).Present;
        var hidden = network.Encode(ids.narrow(1, 0, ids.shape[1] - 1), past).Hidden; // [b, s - 1, hidden]
        var next = ids.narrow(1, 1, ids.shape[1] - 1).flatten(); // [b · (s - 1)]
        var counted = next.ne(pad);
        var logits = network.Logits(hidden.flatten(0, 1)[counted]); // [counted, vocabulary]
        return nn.functional.cross_entropy(logits, next[counted]);
    }

    private static void WriteTokenizer(string folder)
    {
        Directory.CreateDirectory(folder);
        Instruction.Write(folder);
        var training = new BytePairTraining();
        training.Add(Instruction.Text, times: LeastCount);
        for (var seed = 0UL; seed < ScenesForVocabulary; seed++)
        {
            var random = new SceneRandom(~seed);
            training.Add(CaptionGrammar.Paraphrase(SceneGenerator.Draw(seed), random));
        }

        // Every word of the grammar follows a space somewhere, and a prompt with an instruction begins with one.
        foreach (var word in Enum.GetValues<Colour>().Select(SceneWords.Of).Concat(Enumerable.Range(2, 3).Select(SceneWords.Number)))
            training.Add(" " + word);
        GemmaTokenizerWriter.Write(Path.Combine(folder, "tokenizer"), training.Merges(LeastCount));
    }
}
