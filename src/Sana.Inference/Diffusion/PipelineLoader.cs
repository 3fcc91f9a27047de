using System.Globalization;
using Sana.Inference.Runtime;
using Sana.Inference.Text;

namespace Sana.Inference.Diffusion;

/// <summary>Finds the graphs of a checkpoint folder and loads them in parallel.</summary>
internal static class PipelineLoader
{
    public static SanaPipeline Load(string checkpoint, PipelineOptions options)
    {
        if (options.CachedPrompts is < 0 or > 10_000)
            throw new InferenceException(string.Create(CultureInfo.InvariantCulture, $"Cached prompts {options.CachedPrompts} is not in 0…10000; use 32."));
        var precision = options.AllowsHalfOnProcessor ? options.Precision : options.Precision.On(options.Device);
        var once = new OnnxModelOptions(options.Device, options.Threads, KeepMemory: false);
        var often = once with { KeepMemory = true };

        // Loading is half parsing and half reading files, so the three networks are loaded at the same time.
        var transformer = Task.Run(() => Load(precision, options.Adapters.Count + options.Controls.Count > 0));
        var decoder = Task.Run(() => AutoencoderDC.Load(options.Decoder?.Graph ?? Path.Combine(checkpoint, "vae", "decoder.onnx"), once));
        var prompts = Task.Run(() => LoadPrompts(checkpoint, options, precision));
        Task[] all = [transformer, decoder, prompts];
        try
        {
            Task.WaitAll(all);
        }
        catch (AggregateException exception)
        {
            Release(transformer);
            Release(decoder);
            Release(prompts);
            var fault = exception.Flatten().InnerExceptions.OfType<InferenceException>().FirstOrDefault() ?? exception.Flatten().InnerExceptions[0];
            throw precision == Precision.Mixed && options.Device != Device.Cpu
                ? new InferenceException($"{fault.Message} In float32 (--precision float32, Sana__Precision) the device needs no kernels of 16 bits.", fault)
                : fault;
        }

        var inFloat32 = precision == Precision.Float32 ? null : new LoadedTransformer(null, extended => Load(Precision.Float32, extended));
        var controls = new ControlShelf(options.Controls, (control, inFloat32) => LoadControl(control.Folder, inFloat32 ? Precision.Float32 : precision, often));
        return new SanaPipeline(prompts.Result, new LoadedTransformer(transformer.Result, extended => Load(precision, extended)), inFloat32, decoder.Result, options.MaxUntiledPixels, options.Adapters, options.Decoder, Encoder, controls);

        OnnxModel Encoder()
        {
            options.BuildEncoder?.Invoke();
            return StartLatents.Load(Path.Combine(checkpoint, "vae", "encoder.onnx"), once);
        }

        SanaTransformer Load(Precision precision, bool extended)
        {
            if (extended)
                options.Extend?.Invoke();
            return LoadTransformer(checkpoint, precision, often, extended);
        }
    }

    internal static SanaTransformer LoadTransformer(string checkpoint, Precision precision, OnnxModelOptions options, bool extended = false)
    {
        var folder = Path.Combine(checkpoint, "transformer");
        return SanaTransformer.Load(Path.Combine(folder, precision.FileOf("conditioning", extended)), Path.Combine(folder, precision.FileOf("model", extended)), options);
    }

    internal static SanaControlNet LoadControl(string folder, Precision precision, OnnxModelOptions options) =>
        SanaControlNet.Load(Path.Combine(folder, precision.FileOf("conditioning")), Path.Combine(folder, precision.FileOf("model")), options);

    internal static PromptEncoder LoadPrompts(string checkpoint, PipelineOptions options, Precision precision)
    {
        var tokenizer = GemmaTokenizer.Load(Path.Combine(checkpoint, "tokenizer"));
        var encoder = TextEncoder.Load(Path.Combine(checkpoint, "text_encoder", precision.FileOf("model")), new OnnxModelOptions(options.Device, options.Threads, KeepMemory: false));
        if (tokenizer.VocabularySize > encoder.VocabularySize)
        {
            encoder.Dispose();
            throw new InferenceException(
                $"The tokenizer of {checkpoint} has ids up to {tokenizer.VocabularySize - 1}, its text encoder only {encoder.VocabularySize} rows; use the tokenizer that belongs to it.");
        }

        return new PromptEncoder(tokenizer, () => ComplexHumanInstruction.Load(checkpoint, tokenizer), encoder, options.CachedPrompts, Head);

        OnnxModel Head()
        {
            options.BuildHead?.Invoke();
            return OnnxModel.Load(Path.Combine(checkpoint, "text_encoder", "head.onnx"), new OnnxModelOptions(options.Device, options.Threads, KeepMemory: false), "hidden_states", "input_ids", "logits");
        }
    }

    private static void Release<T>(Task<T> loading)
        where T : IDisposable
    {
        if (loading.IsCompletedSuccessfully)
            loading.Result.Dispose();
    }
}

/// <summary>
/// A transformer in one precision, one at a time: the plain one, or, from when an image first needs it, the one that takes adapters, perturbed attention and control, which then serves all.
/// </summary>
/// <param name="first">Loaded already; null for none.</param>
/// <param name="load">Loads one, extended or not.</param>
internal sealed class LoadedTransformer(SanaTransformer? first, Func<bool, SanaTransformer> load) : IDisposable
{
    private SanaTransformer? _loaded = first;

    /// <summary>Released before another one is loaded: two would take twice the memory.</summary>
    public SanaTransformer Get(bool extended)
    {
        if (_loaded is not null && (_loaded.IsExtended || !extended))
            return _loaded;
        _loaded?.Dispose();
        _loaded = null;
        return _loaded = load(extended);
    }

    public void Dispose() => _loaded?.Dispose();
}
