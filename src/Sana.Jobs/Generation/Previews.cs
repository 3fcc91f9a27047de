using System.Globalization;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>
/// What images look like before they are done, <c>work/previews/{job}/</c>: written while a part of a batch is rendered, for whoever waits for its job. Nothing of the images depends on it, and a preview
/// that cannot be written is left out.
/// </summary>
/// <param name="inner">Told of every step too.</param>
/// <param name="blobs">Where they go.</param>
/// <param name="batch">The batch; its images are of one job.</param>
/// <param name="part">Which of its images are rendered, in the order of the renderer.</param>
/// <param name="output">How they are written.</param>
internal sealed class Previews(IProgress<GenerateProgress>? inner, IBlobs blobs, RenderBatch batch, int[] part, ImageOutput output) : IProgress<GenerateProgress>
{
    /// <summary>The most of one image.</summary>
    public const int Most = 3;

    private readonly List<Task> _writes = [];

    /// <summary>The name of a preview.</summary>
    /// <param name="job">The job's id.</param>
    /// <param name="image">Which of its images, from 0.</param>
    /// <param name="number">Which of the image's previews, from 0.</param>
    /// <param name="format">How it is written.</param>
    public static string Name(string job, int image, int number, ImageFormat format) =>
        string.Create(CultureInfo.InvariantCulture, $"work/previews/{job}/{image:0000}-{number}{format.Extension()}");

    public void Report(GenerateProgress value)
    {
        inner?.Report(value with { Preview = null });
        if (value.Preview is not { } preview || Number(value) is not { } number)
            return;
        var images = preview();
        for (var i = 0; i < part.Length; i++)
        {
            if (images[i] is { } pixels)
                _writes.Add(blobs.Put(Name(batch.Images[part[i]].Job, part[i], number, output.Format), ImageCodec.Encode(pixels, output.Format, quality: output.Quality), CancellationToken.None));
        }
    }

    /// <summary>Waits until all are written.</summary>
    public async Task Written()
    {
        try
        {
            await Task.WhenAll(_writes);
        }
        catch (Exception error) when (error is SanaException or IOException)
        {
            // The images themselves are written next, and tell.
        }
    }

    /// <summary>Which preview is due after this step; null for none.</summary>
    private int? Number(GenerateProgress at)
    {
        for (var number = 0; number < batch.Previews; number++)
        {
            if (at.Step == (int)Math.Round((number + 1.0) * at.Steps / (batch.Previews + 1), MidpointRounding.AwayFromZero))
                return number;
        }

        return null;
    }
}
