using System.Security.Cryptography;
using System.Text.Json.Serialization;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>A control network that images are made with, and the picture that it reads: the images follow it, as the edges of another picture. Sprint checkpoints have none.</summary>
/// <param name="Name">As the host that makes them knows the network.</param>
/// <param name="Scale">What its effect is multiplied by, 0…100; 0 is without. Default 1.</param>
/// <param name="Fingerprint">Of the network, lower-case hex: the one that it must be. Null for whatever has the name.</param>
public sealed record ControlUse(string Name, float Scale = 1, string? Fingerprint = null)
{
    private const float Most = 100;

    /// <value>The picture. It must be there when images are made.</value>
    public ControlImage? Image { get; init; }

    /// <summary>The same with its fingerprint; null where it changes nothing.</summary>
    /// <exception cref="InferenceException">A value is out of its range, the network is not known or another one, there is no picture, or the checkpoint has no use for it.</exception>
    internal ControlUse? Resolve(CheckpointFacts facts)
    {
        if (Scale is not (>= 0 and <= Most))
            throw new InferenceException(FormattableString.Invariant($"Control '{Short(Name)}' has the scale {Scale}, which is not a number in 0…{Most}; use 1, or 0 to leave it out."));
        if (Image is null)
            throw new InferenceException($"Control '{Short(Name)}' has no control image; give the picture that the images are to follow.");
        if (facts.Solver == SolverKind.Scm)
            throw new InferenceException($"Control does not fit {facts.Name}: control networks are made for the steps of a flow, and Sprint takes few steps of another kind; leave it out.");
        if (!facts.Controls.TryGetValue(Name, out var fingerprint))
            throw new InferenceException($"Control '{Short(Name)}' is not known here; {(facts.Controls.Count == 0 ? "there are none" : $"known are {string.Join(", ", facts.Controls.Keys.Order(StringComparer.Ordinal))}")}.");
        if (Fingerprint is not null && Fingerprint != fingerprint)
            throw new InferenceException($"Control '{Short(Name)}' is another network here ({fingerprint[..12]}…) than the one that is asked for ({Fingerprint[..Math.Min(12, Fingerprint.Length)]}…); bring that one, or ask anew.");
        return Scale == 0 ? null : this with { Fingerprint = fingerprint };
    }

    private static string Short(string name) => name.Length > 80 ? name[..80] + "…" : name;
}

/// <summary>The picture that a control network reads. Two of them are equal when they make the same: the hash stands for the pixels.</summary>
/// <param name="Sha256">Of the picture's file, or of its pixels, lower-case hex.</param>
/// <param name="Width">Pixels of the picture. Default 0: not known yet.</param>
/// <param name="Height">Pixels of the picture. Default 0: not known yet.</param>
public sealed record ControlImage(string Sha256, int Width = 0, int Height = 0)
{
    /// <value>The picture; it must be there when images are made.</value>
    [JsonIgnore]
    public RgbImage? Pixels { get; init; }

    /// <summary>The control image of pixels.</summary>
    /// <exception cref="InferenceException">The number of bytes is wrong.</exception>
    public static ControlImage Of(RgbImage pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        pixels.Check();
        return new ControlImage(Convert.ToHexStringLower(SHA256.HashData(pixels.Pixels)), pixels.Width, pixels.Height) { Pixels = pixels };
    }

    /// <inheritdoc/>
    public bool Equals(ControlImage? other) => other is not null && (Sha256, Width, Height) == (other.Sha256, other.Width, other.Height);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Sha256, Width, Height);
}

/// <summary>A control network that a pipeline can use.</summary>
/// <param name="Name">How it is asked for.</param>
/// <param name="Fingerprint">Of its files, lower-case hex.</param>
/// <param name="Folder">Full path of the folder with its graphs, in the precision of the pipeline and in float32.</param>
public sealed record ControlNetwork(string Name, string Fingerprint, string Folder);

/// <summary>What a control network is given for a batch.</summary>
/// <param name="Network">Loaded.</param>
/// <param name="Latents">Of the picture, for each sample, [b, channels, height, width], scaled.</param>
/// <param name="Scale">What its effect is multiplied by.</param>
internal sealed record ControlInputs(SanaControlNet Network, FloatTensor Latents, float Scale);

/// <summary>The control networks of a pipeline. One is loaded when an image first needs it, and released before another one is: the images of a run mostly have the same.</summary>
/// <param name="networks">Those that may be asked for.</param>
/// <param name="load">Loads one: of the pipeline's precision, or in float32 where that breaks.</param>
internal sealed class ControlShelf(IReadOnlyList<ControlNetwork> networks, Func<ControlNetwork, bool, SanaControlNet> load) : IDisposable
{
    private (string Name, bool InFloat32)? _key;
    private SanaControlNet? _loaded;

    /// <summary>Fingerprint by name.</summary>
    public IReadOnlyDictionary<string, string> Fingerprints { get; } = networks.ToDictionary(network => network.Name, network => network.Fingerprint, StringComparer.Ordinal);

    /// <summary>The network. It belongs to the shelf.</summary>
    public SanaControlNet Get(string name, bool inFloat32)
    {
        if (_key != (name, inFloat32))
        {
            _loaded?.Dispose();
            (_loaded, _key) = (null, null);
            _loaded = load(networks.First(network => network.Name == name), inFloat32);
            _key = (name, inFloat32);
        }

        return _loaded!;
    }

    public void Dispose() => _loaded?.Dispose();
}
