using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Diffusion;

/// <summary>
/// A host that is told to stop closes its networks while a batch or a score may still run, and a worker that loads its networks again releases the old ones. ONNX Runtime
/// would end the process.
/// </summary>
public sealed class DisposedNetworksTests
{
    private static readonly GenerateOptions _small = new() { Width = 96, Height = 64, Steps = 3, UseResolutionBinning = false };
    private static readonly ImageRequest[] _requests = [new("a red house", Seed: 7)];

    [Fact]
    public void A_batch_that_is_being_made_keeps_its_networks()
    {
        using var checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);
        checkpoint.Build();
        using var other = Load(checkpoint);
        var pipeline = Load(checkpoint);
        var expected = other.Generate(_requests, _small);

        var made = pipeline.Generate(_requests, _small, new Told(pipeline.Dispose));

        Assert.Equal(expected[0].Image!.Pixels, made[0].Image!.Pixels);
        Assert.Throws<ObjectDisposedException>(() => pipeline.Generate(_requests, _small));
    }

    [Fact]
    public async Task Scores_that_are_being_made_end_or_are_refused()
    {
        using var checkpoint = new BuiltClip();
        var clip = checkpoint.Scorer();
        var image = new RgbImage(32, 32, new byte[32 * 32 * 3]);
        using var begun = new CountdownEvent(4);
        var scores = Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            clip.EmbedImages([image]);
            begun.Signal();
            while (true)
                clip.EmbedImages([image]);
        })).ToArray();

        begun.Wait(TestContext.Current.CancellationToken);
        clip.Dispose();
        clip.Dispose();

        foreach (var score in scores)
            await Assert.ThrowsAsync<ObjectDisposedException>(() => score);
    }

    [Fact]
    public void What_is_used_is_freed_once_by_whoever_is_last()
    {
        var freed = 0;
        var count = new UseCount(() => freed++);
        var first = count.Hold(this);
        var second = count.Hold(this);

        count.Dispose();
        count.Dispose();
        first.Dispose();
        Assert.Equal(0, freed);
        second.Dispose();

        Assert.Equal(1, freed);
        Assert.Throws<ObjectDisposedException>(() => count.Hold(this).Dispose());
    }

    private static SanaPipeline Load(BuiltCheckpoint checkpoint) => SanaPipeline.Load(checkpoint.Folder, new PipelineOptions { Threads = 1 });

    private sealed class Told(Action act) : IProgress<GenerateProgress>
    {
        public void Report(GenerateProgress value) => act();
    }
}
