using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Networks;
using TinySana.Publishing;
using TinySana.Torch;

namespace TinySana.Training;

/// <summary>
/// Trains a low-rank adapter that paints every still life as on a tile from Delft: all objects blue, the background plain cream. Shapes, numbers, sizes and places are as the captions say, which
/// still name the colours. The transformer's own weights stay as they are. The autoencoder knows these colours; it cannot show what no scene of its own training had, such as dark backgrounds.
/// </summary>
internal sealed class LoraTraining(string checkpoint, string artifacts, FrozenAutoencoder autoencoder)
{
    /// <summary>Rank of all layers, and alpha.</summary>
    public const int Rank = 4;

    private const int Side = 128; // of a picture, in pixels
    private const int Scenes = 4_096;

    private static readonly TrainingOptions Options = new()
    {
        Steps = 300,
        BatchSize = 32,
        LearningRate = 3e-3,
        WarmUp = 20,
        WeightDecay = 0,
        EmaDecay = 0.98,
        CheckpointEvery = 150,
        Seed = 11,
    };

    private static Scene Delft(Scene scene) => scene with { Objects = [.. scene.Objects.Select(one => one with { Colour = Colour.Blue })], Background = new Background(Tone.Cream, Texture.Plain) };

    private string Folder => Path.Combine(artifacts, "lora");

    /// <summary>Trains, or continues a training, and writes the adapter.</summary>
    /// <param name="folder">The adapter's folder.</param>
    public void Run(string folder)
    {
        TorchSharp.torch.random.manual_seed((long)Options.Seed);
        var (network, _) = TransformerFolder.Read(Path.Combine(checkpoint, "transformer"));
        var prompts = new TrainingPromptEncoder(checkpoint);
        var sheet = new PromptSheet(prompts, autoencoder);
        if (!File.Exists(Sheet(0)))
            sheet.Save(Sheet(0), network, Side);

        var adapter = new LoraModule(network, Rank);
        using var run = new TrainingRun(Folder, adapter, Options);
        var scenes = SceneLatents.Load(Path.Combine(artifacts, "latents", $"{autoencoder.Digest}-delft"), autoencoder.Encode, Side, TransformerTraining.FirstScene, Scenes, Delft);
        var batches = new TransformerBatches(prompts, (_, scene, random) => CaptionGrammar.Paraphrase(scene, random), Options.Seed);
        run.Train(
            step =>
            {
                var batch = batches.Draw(scenes, step, Options.BatchSize);
                return TransformerTraining.VelocityLoss(network, batch.Latents, batch.Text, batch.Mask).Loss;
            },
            step => run.WithEma(() => sheet.Save(Sheet(step), network, Side)));
        run.UseEma();
        LoraFolder.Write(folder, adapter, Rank);
    }

    private string Sheet(int step) => Path.Combine(Folder, $"{step:D6}.png");
}
