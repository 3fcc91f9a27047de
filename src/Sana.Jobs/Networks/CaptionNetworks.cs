using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Config;
using Sana.GraphBuilder;
using Sana.Inference.Captioning;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;

namespace Sana.Jobs.Networks;

/// <summary>The networks of local captioners: those of one folder are loaded once for all that use them, and are freed with the last of these.</summary>
internal sealed class CaptionNetworks
{
    private readonly Dictionary<string, (CaptionNetwork Network, int Users)> _known = [];

    /// <summary>A captioner of a folder with its graphs.</summary>
    public OnnxCaptioner Open(BuildReport built, CaptionerConfig config, Device device)
    {
        var name = $"{built.Folder} {built.Metadata["fingerprint"]}";
        var network = Share(name, built.Folder, device, config.Precision);
        try
        {
            return new OnnxCaptioner(network, OnnxCaptionerOptions.FromConfig(config, device), () => Release(name));
        }
        catch
        {
            Release(name);
            throw;
        }
    }

    private CaptionNetwork Share(string name, string folder, Device device, Precision precision)
    {
        lock (_known)
        {
            var (network, users) = _known.TryGetValue(name, out var known)
                ? known
                : (CaptionNetwork.Load(folder, new CaptionNetworkOptions { Device = device, BatchSize = CaptionNetworkOptions.MostImages, Precision = precision }), 0);
            _known[name] = (network, users + 1);
            return network;
        }
    }

    private void Release(string name)
    {
        lock (_known)
        {
            var (network, users) = _known[name];
            if (users > 1)
            {
                _known[name] = (network, users - 1);
                return;
            }

            _known.Remove(name);
            network.Dispose();
        }
    }
}
