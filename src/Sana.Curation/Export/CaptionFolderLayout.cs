using System.Text;

namespace Sana.Curation.Export;

/// <summary>
/// Images in one folder, each with a <c>.txt</c> of its stem. A line is a caption: OneTrainer and SimpleTuner draw one of the lines, kohya's scripts do with
/// <c>enable_wildcard</c> and take the first without it.
/// </summary>
internal sealed class CaptionFolderLayout(ExportDataset dataset, ExportCounts counts) : IExportLayout
{
    public async Task Write(IAsyncEnumerable<ExportSample> samples, ExportTarget target, CancellationToken cancellationToken)
    {
        await foreach (var sample in samples.WithCancellation(cancellationToken))
        {
            // Two captions may be the same once they are lines.
            var lines = sample.Captions.Select(caption => counts.Line(caption.Text)).Distinct(StringComparer.Ordinal).ToArray();
            await target.Put($"{sample.Name}.{dataset.ImageExtension}", sample.Length, sample.Image, cancellationToken);
            await target.Put($"{sample.Name}.txt", Encoding.UTF8.GetBytes(string.Join('\n', lines)), cancellationToken);
            counts.Add(sample, lines.Length);
        }
    }
}
