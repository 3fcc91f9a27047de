using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Chat;
using Sana.Curation.Captioning.Config;
using Sana.Inference.Clip;
using Sana.Inference.Runtime;
using Sana.Workflows.Curation;
using Sana.Workflows.Net;

namespace Sana.Functions.Hosting;

/// <summary>What an app lends to curation: captioners over HTTP, and networks whose graphs were built before they were mounted.</summary>
internal static class CurationParts
{
    public static CurationTools Lend(FunctionsSettings settings, GuardedHttp http, TimeProvider clock) => new()
    {
        Captioner = (config, cancellationToken) => config.Kind == CaptionerKind.Onnx
            ? Task.Run<ICaptioner>(() => OnnxCaptioner.Load(config.Checkpoint!, OnnxCaptionerOptions.Of(config, Device.Parse(settings.Device))), cancellationToken)
            : Task.FromResult<ICaptioner>(ChatCaptioner.Create(config, clock)),
        Scorer = (checkpoint, cancellationToken) => Task.Run(() => ClipScorer.Load(checkpoint, new ClipOptions { Device = Device.Parse(settings.Device) }), cancellationToken),
        Download = new GuardedDownload(http, new DownloadOptions()),
        Clock = clock,
    };
}
