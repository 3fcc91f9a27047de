using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Chat;
using Sana.Curation.Captioning.Config;
using Sana.GraphBuilder;
using Sana.Inference.Clip;
using Sana.Inference.Diffusion;
using Sana.Inference.Judging;
using Sana.Inference.Runtime;
using Sana.Storage.Blobs;
using Sana.Storage.Hub;

namespace Sana.Jobs.Networks;

/// <summary>Loads the networks of a host: the pipeline of a checkpoint, captioners and scorers. Missing graphs are built; folders are filled from blobs where a place is given.</summary>
public sealed class NetworkLoader : IDisposable
{
    private readonly SemaphoreSlim _oneFetch = new(1);
    private readonly SemaphoreSlim _oneBuild = new(1);
    private readonly CaptionNetworks _captionNetworks = new();
    private CheckpointFacts? _facts;
    private string? _built;
    private IReadOnlyList<Adapter> _adapters = [];
    private IReadOnlyList<ControlNetwork> _controls = [];
    private OtherDecoder? _decoder;
    private SanaPipeline? _pipeline;
    private Gate? _judges;

    /// <value>What the networks run on. Default the processor.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <value>What the checkpoint's networks compute in. Captioners and CLIP say theirs where they are loaded. Default <see cref="Precision.Auto"/>.</value>
    public Precision Precision { get; init; }

    /// <value>Folder of the Sana checkpoint, or a repository of the Hub (<see cref="CheckpointPlace"/>). Default none: this host renders nothing.</value>
    public string? Checkpoint { get; init; }

    /// <value>Folder for graphs, see <see cref="BuildOptions.Graphs"/>. Default none: beside the weights where that can be written.</value>
    public string? Graphs { get; init; }

    /// <value>Place of blobs that the checkpoint's folder is filled from. Default none: the folder is there.</value>
    public string? Weights { get; init; }

    /// <value>Folder or repository of an autoencoder whose decoder takes the place of the checkpoint's own. Default none.</value>
    public string? Decoder { get; init; }

    /// <value>Adapters that images may be asked for with: the place of each by its name (<see cref="LoraPlace"/>). Default none.</value>
    public IReadOnlyDictionary<string, string> Loras { get; init; } = new Dictionary<string, string>();

    /// <value>Place of blobs that hold further adapters: each .safetensors file, and each folder with one, by its name. Default none.</value>
    public string? LoraWeights { get; init; }

    /// <value>Control networks that images may be asked for with: the place of each by its name (<see cref="ControlPlace"/>). Default none.</value>
    public IReadOnlyDictionary<string, string> Controls { get; init; } = new Dictionary<string, string>();

    /// <value>Place of blobs that hold further control networks: each folder, by its name. Default none.</value>
    public string? ControlWeights { get; init; }

    /// <value>Place of blobs whose folders hold captioners and scorers, under the names of their local folders. Default none: the folders are there.</value>
    public string? CurationWeights { get; init; }

    /// <value>Who judges every image before it is written. Default nobody.</value>
    public GateConfig? Gate { get; init; }

    /// <value>Prompts whose embeddings the pipeline keeps, see <see cref="PipelineOptions.CachedPrompts"/>. Default its own.</value>
    public int CachedPrompts { get; init; } = new PipelineOptions().CachedPrompts;

    /// <value>Hears how far the download of a repository is. Default nobody.</value>
    public IProgress<HubProgress>? Progress { get; init; }

    /// <value>The clock of requests to endpoints. Default the system's.</value>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <value>Of the checkpoint that was built last: what a host without the networks needs to plan with it.</value>
    /// <exception cref="InvalidOperationException">None was.</exception>
    internal CheckpointFacts Facts => _facts ?? throw new InvalidOperationException("Nothing was loaded yet.");

    /// <value>The judges of the checkpoint that was built last; null for nobody.</value>
    internal GateCard? GateCard => _judges?.Card;

    /// <summary>What plans need to know of the checkpoint: its graphs are built when they are missing, and no network but those of judges is loaded.</summary>
    /// <exception cref="CheckpointException">The folder holds no checkpoint of Sana.</exception>
    public async Task<IModel> ReadModel(CancellationToken cancellationToken)
    {
        var folder = Checkpoint ?? throw new SanaException("This host has no checkpoint: it has nothing to render with.");
        await _oneBuild.WaitAsync(cancellationToken);
        try
        {
            if (_facts is null)
            {
                if (Weights is { } weights)
                    await Networks.Weights.Fetch(await BlobPlace.Parse(weights).Open(cancellationToken), folder, cancellationToken);
                folder = await CheckpointPlace.Folder(folder, variant: null, Progress, cancellationToken);
                var built = await Task.Run(() => Build(folder), cancellationToken);
                _built = built.Folder;
                _adapters = await OpenLoras(folder, cancellationToken);
                _decoder = await BuildDecoder(folder, cancellationToken);
                _controls = await BuildControls(_built, cancellationToken);
                _judges ??= await JudgePlace.OpenGate(Gate, this, cancellationToken);
                var facts = CheckpointFacts.From(new GraphMetadata(folder, built.Metadata)).With(_decoder);
                _facts = facts with
                {
                    Fingerprint = _judges?.Card.FingerprintWith(facts.Fingerprint) ?? facts.Fingerprint,
                    Adapters = _adapters.ToDictionary(adapter => adapter.Name, adapter => adapter.Sha256, StringComparer.Ordinal),
                    Controls = _controls.ToDictionary(control => control.Name, control => control.Fingerprint, StringComparer.Ordinal),
                };
            }

            return new ModelFacts(_facts) { Gate = _judges?.Card };
        }
        finally
        {
            _oneBuild.Release();
        }
    }

    /// <summary>What images are rendered with: the pipeline of the checkpoint and the judges. Loading again releases the old one.</summary>
    /// <exception cref="CheckpointException">The folder holds no checkpoint of Sana.</exception>
    /// <exception cref="Inference.InferenceException">The device or the weights cannot be used.</exception>
    public async Task<IRenderer> LoadPipeline(CancellationToken cancellationToken) => new PipelineRenderer(await LoadSana(cancellationToken), _judges);

    /// <summary>The pipeline of the checkpoint, which stays the loader's; loading again releases the old one.</summary>
    /// <exception cref="CheckpointException">The folder holds no checkpoint of Sana.</exception>
    /// <exception cref="Inference.InferenceException">The device or the weights cannot be used.</exception>
    public async Task<SanaPipeline> LoadSana(CancellationToken cancellationToken)
    {
        await ReadModel(cancellationToken);
        if (_pipeline is not null)
        {
            // What broke under the pipeline may have taken the judges' networks with it.
            _pipeline.Dispose();
            _judges?.Dispose();
            _judges = await JudgePlace.OpenGate(Gate, this, cancellationToken);
        }

        var options = new PipelineOptions { Device = Device, Precision = Precision, CachedPrompts = CachedPrompts, Adapters = _adapters, Controls = _controls, Decoder = _decoder, Extend = () => Build(_built!, extended: true), BuildEncoder = () => Build(_built!, encoder: true), BuildHead = BuildHead };
        return _pipeline = await Task.Run(() => SanaPipeline.Load(_built!, options), cancellationToken);
    }

    /// <summary>A captioner: a client of an endpoint, or the networks of a folder, which all captioners of that folder share.</summary>
    public async Task<ICaptioner> LoadCaptioner(CaptionerConfig config, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (config.Kind != CaptionerKind.Onnx)
            return ChatCaptioner.Create(config, Clock);
        var folder = await Fetch(config.Checkpoint!, cancellationToken);
        return await Task.Run(() => _captionNetworks.Open(CaptionerCheckpoint.Build(folder, new BuildOptions { Graphs = Graphs, Precision = GraphsOf(config.Precision.On(Device)) }), config, Device), cancellationToken);
    }

    /// <summary>CLIP or SigLIP 2 of a folder, or of a repository of the Hub.</summary>
    /// <param name="checkpoint">The folder, or the repository.</param>
    /// <param name="precision">Float32 or w8a8.</param>
    /// <param name="cancellationToken">Stops a download.</param>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind.</exception>
    /// <exception cref="Inference.InferenceException">The device has no kernels for the precision, or a graph cannot be loaded.</exception>
    public async Task<ClipScorer> LoadClip(string checkpoint, Precision precision, CancellationToken cancellationToken)
    {
        var folder = await Fetch(checkpoint, cancellationToken);
        return await Task.Run(
            () =>
            {
                var built = ClipCheckpoint.Build(folder, new BuildOptions { Graphs = Graphs, Precision = GraphsOf(precision.On(Device)) });
                return ClipScorer.Load(built.Folder, new ClipScorerOptions { Device = Device, Precision = precision });
            },
            cancellationToken);
    }

    /// <summary>A judge of images.</summary>
    /// <param name="config">What it is and where.</param>
    /// <param name="clip">The CLIP that an aesthetic judge reads, or that is the judge; stays the caller's. Null for other kinds.</param>
    /// <param name="cancellationToken">Stops a download.</param>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind.</exception>
    /// <exception cref="Inference.InferenceException">It does not fit, or its graph cannot be loaded.</exception>
    public async Task<IJudge> LoadJudge(JudgeConfig config, ClipScorer? clip, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (config.Kind == JudgeKind.Aesthetic)
            return await JudgePlace.OpenHead(config, clip, await FetchBlobs(config.Checkpoint, cancellationToken), Progress, cancellationToken);
        if (config.Kind == JudgeKind.Clip)
            return new ClipJudge(clip ?? throw new Inference.InferenceException($"The judge '{config.Label}' is of the kind clip, and its scorer is not loaded."));
        if (config.Kind == JudgeKind.Onnx)
            return await Task.Run(() => OnnxJudge.Load(config.Checkpoint, config.Graph! with { Network = new JudgeOptions { Device = Device } }), cancellationToken);
        var folder = await Fetch(config.Checkpoint, cancellationToken);
        return await Task.Run(() => JudgePlace.Load(config, JudgeCheckpoint.Build(folder, new BuildOptions { Graphs = Graphs }), new JudgeOptions { Device = Device }), cancellationToken);
    }

    /// <summary>The language model of a judge of prompts; it is the caller's. Errors as of <see cref="LoadJudge"/>.</summary>
    public async Task<ShieldGemma> LoadShieldGemma(JudgeConfig config, CancellationToken cancellationToken)
    {
        var folder = await Fetch(config.Checkpoint, cancellationToken);
        return await Task.Run(() => JudgePlace.LoadShieldGemma(config, JudgeCheckpoint.Build(folder, new BuildOptions { Graphs = Graphs }), new JudgeOptions { Device = Device }), cancellationToken);
    }

    /// <summary>The graphs that a precision needs.</summary>
    public static GraphPrecision GraphsOf(Precision precision) => precision switch
    {
        Precision.Float32 => GraphPrecision.Float32,
        Precision.W8A8 => GraphPrecision.W8A8,
        Precision.Mixed => GraphPrecision.Mixed,
        _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, "It is decided by the device first."),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        _pipeline?.Dispose();
        _judges?.Dispose();
        _oneFetch.Dispose();
        _oneBuild.Dispose();
    }

    // What comes later is written where the first graphs went.
    private BuildReport Build(string folder, bool extended = false, bool encoder = false, bool head = false) =>
        SanaCheckpoint.Build(folder, new BuildOptions { Graphs = extended || encoder || head ? null : Graphs, Precision = GraphsOf(Precision.On(Device)), Extended = extended, Encoder = encoder, Head = head });

    // Whoever asked for an enhanced prompt asked for what this checkpoint does not have: trying again does not help.
    private void BuildHead()
    {
        try
        {
            Build(_built!, head: true);
        }
        catch (CheckpointException error)
        {
            throw new Inference.InferenceException($"This checkpoint cannot enhance prompts: {error.Message}", error);
        }
    }

    private async Task<OtherDecoder?> BuildDecoder(string checkpoint, CancellationToken cancellationToken)
    {
        if (Decoder is not { } place)
            return null;
        var folder = CheckpointPlace.Repository(place) is { } id
            ? await HubRepository.Fetch(id, (names, _) => DecoderCheckpoint.Choose(place, names), HubSettings.FromEnvironment(), Progress, cancellationToken)
            : place;
        var built = await Task.Run(() => DecoderCheckpoint.Build(folder, checkpoint, new BuildOptions { Graphs = Graphs }), cancellationToken);
        return new OtherDecoder(built.Metadata["checkpoint"], built.Fingerprint, Path.Combine(built.Folder, "decoder_model.onnx"));
    }

    // All are opened at once, so that one that does not fit is heard of before anything is made.
    private async Task<IReadOnlyList<Adapter>> OpenLoras(string checkpoint, CancellationToken cancellationToken)
    {
        var adapters = new List<Adapter>();
        foreach (var (name, place) in await LoraPlace.All(Loras, LoraWeights, cancellationToken))
        {
            var file = await LoraPlace.Open(place, Progress, cancellationToken);
            file.RequireFit(checkpoint);
            adapters.Add(LoraPlace.Usable(name, file));
        }

        return adapters;
    }

    private async Task<IReadOnlyList<ControlNetwork>> BuildControls(string checkpoint, CancellationToken cancellationToken)
    {
        var options = new BuildOptions { Graphs = Graphs, Precision = GraphsOf(Precision.On(Device)) };
        var controls = new List<ControlNetwork>();
        foreach (var (name, place) in await ControlPlace.All(Controls, ControlWeights, cancellationToken))
            controls.Add(await ControlPlace.Build(name, place, checkpoint, options, Progress, cancellationToken));
        return controls;
    }

    // From the blobs, where they hold it; from the Hub, where it is a repository's id and no folder has come.
    private async Task<string> Fetch(string folder, CancellationToken cancellationToken) =>
        await CheckpointPlace.Folder(await FetchBlobs(folder, cancellationToken), variant: null, Progress, cancellationToken);

    private async Task<string> FetchBlobs(string folder, CancellationToken cancellationToken)
    {
        if (CurationWeights is not { } weights)
            return folder;
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
        await _oneFetch.WaitAsync(cancellationToken);
        try
        {
            await Networks.Weights.Fetch(await BlobPlace.Parse(weights).Below(name).Open(cancellationToken), folder, cancellationToken);
            return folder;
        }
        finally
        {
            _oneFetch.Release();
        }
    }
}
