using System.CommandLine;
using System.Diagnostics;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Local.Demo;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana demo</c>: from a bare machine to a page with captions, scores and images, with the small models that ship with the program.</summary>
internal sealed class DemoCommand : Command
{
    private readonly Option<string> _out = new("--out", "-o") { Description = "Folder for everything. Default: demo.", HelpName = "folder", DefaultValueFactory = _ => "demo" };
    private readonly Option<string?> _models = new("--models") { Description = "Folder of the small models. Default: models, beside the program.", HelpName = "folder" };
    private readonly Option<int?> _images = CommonOptions.Number("--images", "Images of the sample dataset, 10…1000. Default: 60.", 10, 1000);
    private readonly Option<bool> _open = new("--open") { Description = "Open the page in the browser at the end. Default: off." };
    private readonly Option<bool> _json = CommonOptions.Json();

    public DemoCommand()
        : base("demo", "Curate a sample dataset and paint a gallery with the small models that ship with the program; both on one page.")
    {
        Option[] options = [_out, _models, _images, _open, _json];
        foreach (var option in options)
            Add(option);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var folder = Path.GetFullPath(parsed.GetRequiredValue(_out));
        var models = ShippedModels.Find(parsed.GetValue(_models));
        var dataset = Path.Combine(folder, "still-lifes");
        var scenes = SampleDataset.Write(dataset, parsed.GetValue(_images) ?? 60);

        var judges = Path.Combine(folder, "judges.json");
        await File.WriteAllTextAsync(judges, DemoJobs.Gate(models), cancellationToken);
        await using var host = await LocalHost.Open(new LocalOptions { Data = folder, Checkpoint = models.Sana, Judges = judges, Loras = new Dictionary<string, string> { [DemoJobs.Adapter] = models.Delft } }, cancellationToken);
        var curate = await CurationSubmission.Start(host.Client, host.Blobs, DemoJobs.Curate(dataset, models), CurationSubmission.Pace, cancellationToken);
        var model = await host.Model(cancellationToken);
        var generate = await GenerateSubmission.Start(host.Client, host.Blobs, model.Fingerprint, DemoJobs.Generate(), pace: null, cancellationToken);
        var restyle = await GenerateSubmission.Start(host.Client, host.Blobs, model.Fingerprint, GenerateSubmission.Pinned(DemoJobs.Restyle(), model), pace: null, cancellationToken);
        var choose = await GenerateSubmission.Start(host.Client, host.Blobs, model.Fingerprint, DemoJobs.Choose(), pace: null, cancellationToken);
        var ended = await ProgressView.ToTheEnd(host, [("curate", curate.Instance.Id), ("generate", generate.Instance.Id), ("restyle", restyle.Instance.Id), ("choose", choose.Instance.Id)], linesWhenRedirected: true, cancellationToken);
        if (ended.FirstOrDefault(one => one.Status != WorkflowStatus.Completed) is { } broken)
            throw new SanaException($"{broken.Id} was {broken.Status}: {broken.Error}");
        var (curated, generated) = (ended[0].ReadOutput<CurateSummary>(), ended[1].ReadOutput<GenerateSummary>());
        var gallery = await DemoResults.Gallery(host.Blobs, generated, cancellationToken);
        var styled = await DemoResults.Gallery(host.Blobs, ended[2].ReadOutput<GenerateSummary>(), cancellationToken);
        var chosen = await DemoResults.Gallery(host.Blobs, ended[3].ReadOutput<GenerateSummary>(), cancellationToken);
        var captions = await DemoResults.Captions(host.Blobs, curated, dataset, scenes, cancellationToken);
        var withheld = await DemoResults.Withheld(host.Blobs, generated, cancellationToken);
        var left = await DemoResults.LeftOut(host.Blobs, curated, dataset, cancellationToken);
        var page = Path.Combine(folder, "index.html");
        await File.WriteAllTextAsync(page, DemoPage.Write(new DemoContent(gallery, withheld, styled, chosen, captions, left, curated, generated)).Text, cancellationToken);
        return Tell(page, gallery.Count + styled.Count + chosen.Count, captions.Count, clock.Elapsed, parsed.GetValue(_json), parsed.GetValue(_open));
    }

    private static int Tell(string page, int images, int captioned, TimeSpan elapsed, bool json, bool open)
    {
        if (json)
            Reports.WriteJson(new DemoReport(page, images, captioned, Math.Round(elapsed.TotalSeconds, 3)), Reports.Json.DemoReport);
        else
            Console.WriteLine($"{captioned} images captioned, {images} painted in {elapsed.TotalSeconds:0} s. Look at {new Uri(page)}");
        if (open)
            Process.Start(new ProcessStartInfo(page) { UseShellExecute = true })?.Dispose();
        return ExitCode.Done;
    }
}
