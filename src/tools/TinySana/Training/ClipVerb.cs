using Sana.Inference.Text;
using TinySana.Judging;
using TinySana.Publishing;
using TinySana.Tokenizers;
using TinySana.Torch;

namespace TinySana.Training;

/// <summary>The verb <c>clip</c>: trains CLIP after the stronger captioner, writes its checkpoint and judges it.</summary>
internal static class ClipVerb
{
    private const string Name = "tiny-clip";
    private const int Context = 64;

    /// <param name="arguments"><c>--as-is</c> takes the last checkpoint of a training that goes on elsewhere.</param>
    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        var (training, folder) = (Path.Combine("artifacts", "training"), Path.Combine("models", Name));
        var seen = Path.Combine(training, CaptionerRecipe.Rich.Name);
        Gpt2TokenizerTraining.Write(seen, CaptionerRecipe.Positions);
        ClipTokenizerTraining.Write(folder, Context);
        var seer = CaptionerTraining.Run(CaptionerRecipe.Rich, seen, new Gpt2Tokenizer(seen), train: false);
        var clip = ClipTraining.Run(Path.Combine(training, Name), ClipTokenizer.Load(folder), seer, train: !arguments.Contains("--as-is"));
        ClipFolder.Write(folder, clip);
        ClipJudge.Report(folder, UnseenScenes.Usual(400), "new scenes");
        ClipJudge.Report(folder, UnseenScenes.HeldOutOnly(400), "held-out combinations");
        return 0;
    }
}
