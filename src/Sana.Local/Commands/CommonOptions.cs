using System.CommandLine;
using System.Globalization;
using System.Numerics;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Storage.Blobs;

namespace Sana.Local.Commands;

/// <summary>Options that several commands have, and numbers whose errors say the range.</summary>
internal static class CommonOptions
{
    /// <summary>How help texts say that a repository of the Hub may be given for a folder.</summary>
    public const string OrRepository = "or [hf:]owner/name[@revision] of the Hugging Face Hub, which is downloaded into its cache";

    public static Option<bool> Json() => new("--json") { Description = "Print one JSON object instead of text. Default: off." };

    public static Option<string?> Graphs() => new("--graphs")
    {
        Description = "Folder for the graphs of checkpoints, each in a folder of its own. Default: beside the weights; where that cannot be written, SANA_GRAPHS or ~/.cache/sana/graphs.",
        HelpName = "folder",
    };

    /// <summary><c>--scorer</c>, which was <c>--clip</c> when there was only one family.</summary>
    public static Option<string?> Scorer(string what) => new("--scorer", "--clip")
    {
        Description = $"Folder of a checkpoint in Hugging Face layout that scores images and texts, {OrRepository}: CLIP, or SigLIP 2 of fixed resolution. {what}",
        HelpName = "place",
    };

    /// <summary>The same, of several.</summary>
    public static Option<string[]> Scorers(string what) => new("--scorer", "--clip") { Description = Scorer(what).Description, HelpName = "place" };

    /// <summary>What scorers compute in.</summary>
    public static Option<string?> ScorerPrecision() => new Option<string?>("--scorer-precision", "--clip-precision")
    {
        Description = "What the layers of --scorer compute in: float32, or w8a8 (eight bits, for processors). Missing graphs are built. Captioners and judges have a precision of their own in their file. Default: float32.",
    }.Only([.. PrecisionName.OfCuration]);

    public static Argument<string> Checkpoint()
    {
        var checkpoint = new Argument<string>("checkpoint") { Description = $"Folder of a checkpoint: of Sana in diffusers layout (it holds model_index.json), of CLIP, SigLIP 2, a captioner or a judge of images (config.json); {OrRepository}." };
        checkpoint.Validators.Add(result => Exists(result.GetValueOrDefault<string>(), result.AddError));
        return checkpoint;
    }

    /// <summary>The same, and a file of adapters.</summary>
    public static Argument<string> CheckpointOrLora()
    {
        var checkpoint = new Argument<string>("checkpoint")
        {
            Description = $"Folder of a checkpoint: of Sana in diffusers layout (it holds model_index.json), of CLIP, SigLIP 2, a captioner or a judge of images (config.json); {OrRepository}. Or an adapter (LoRA): its .safetensors file, a folder that holds one, or its repository. Or a control network of Sana: its folder, or its repository.",
        };
        checkpoint.Validators.Add(result =>
        {
            if (!File.Exists(result.GetValueOrDefault<string>()))
                Exists(result.GetValueOrDefault<string>(), result.AddError);
        });
        return checkpoint;
    }

    public static Option<string> CheckpointOption()
    {
        var checkpoint = new Option<string>("--checkpoint", "-c")
        {
            Description = $"Folder of a Sana checkpoint in diffusers layout (it holds model_index.json), {OrRepository}. Missing graphs are built.",
            HelpName = "place",
            Required = true,
        };
        checkpoint.Validators.Add(result => Exists(result.GetValueOrDefault<string>(), result.AddError));
        return checkpoint;
    }

    /// <summary>Adapters to draw with.</summary>
    /// <param name="known">What a name that is no place means; empty for nothing.</param>
    public static Option<string[]> Loras(string known = "") => new("--lora")
    {
        Description = $"Adapter (LoRA) to draw with: a .safetensors file, a folder that holds one, {(known.Length == 0 ? "or " : "")}owner/name[@revision] of the Hugging Face Hub{known}; with :weight for another weight than 1, -100…100. May be given many times. Default: none.",
        HelpName = "place",
    };

    /// <summary>Another decoder.</summary>
    public static Option<string?> Decoder(string otherwise = "the checkpoint's own")
    {
        var decoder = new Option<string?>("--decoder")
        {
            Description = $"Folder of an autoencoder whose decoder is used in place of the checkpoint's own, such as the light one (DC-AE-Lite), {OrRepository}. Default: {otherwise}.",
            HelpName = "place",
        };
        decoder.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } place && CheckpointPlace.Fault(place, "decoder's folder", "the autoencoder's config.json") is { } fault)
                result.AddError(fault);
        });
        return decoder;
    }

    public static Option<string?> Device() => new("--device") { Description = "cpu, cuda or cuda:N with N 0…63. Default: cpu." };

    public static Option<string?> Precision(string otherwise = "auto: mixed on a GPU, float32 on a processor") => new Option<string?>("--precision")
    {
        Description = $"What text encoder and transformer compute in: auto, float32, w8a8 (eight bits, for processors) or mixed (half precision, for GPUs). Missing graphs are built. Default: {otherwise}.",
    }.Only([.. PrecisionName.All]);

    public static Option<string?> Place(string name, string otherwise) => new(name, "-o")
    {
        Description = $"{char.ToUpperInvariant(BlobPlace.Forms[0])}{BlobPlace.Forms[1..]}. {otherwise}",
        HelpName = "place",
    };

    /// <summary>A dataset that <c>sana curate</c> has finished.</summary>
    public static Argument<string> FinishedDataset() => new("dataset")
    {
        Description = "The dataset's name; or the folder of a version, azurite:container/prefix, a container's https address with the prefix, s3://bucket/prefix or gs://bucket/prefix.",
    };

    /// <summary>Which version of it.</summary>
    public static Option<string?> DatasetVersion() => new("--dataset-version") { Description = "The dataset's version. Default: the last finished one." };

    /// <summary>Where it is.</summary>
    public static Option<string?> DatasetPlace() => new("--blobs")
    {
        Description = "Where a dataset that is given by its name is: the --out of sana curate. Default: as the last time, or the folder blobs in the data folder.",
        HelpName = "place",
    };

    public static Option<string> Data() => new("--data")
    {
        Description = "Folder of the journal and the queue. Default: sana-data.",
        HelpName = "folder",
        DefaultValueFactory = _ => "sana-data",
    };

    public static Option<string?> Journal(string otherwise) => new("--journal")
    {
        Description = $"Where instances are kept. sqlite: in the data folder, for one process. Or a storage account that several processes share: azurite[:hub]; connection string, with ;TaskHub=name; https://account.queue.core.windows.net[/hub]. {otherwise}",
        HelpName = "place",
    };

    public static Option<string?> LongPrompts(string more = "") => new Option<string?>("--long-prompts")
    {
        Description = $"cut or refuse: what becomes of a prompt of more tokens than the network reads (300). cut leaves its end out and flags the image prompt_truncated. {more} Default: cut.".Replace("  ", " ", StringComparison.Ordinal),
    }.Only("cut", "refuse");

    public static Argument<string> Instance() => new("id") { Description = "The instance's id, as sana status shows it." };

    /// <summary>A number in any range: what it means is checked where the checkpoint is known.</summary>
    public static Option<T?> Number<T>(string name, string description)
        where T : struct, INumber<T>, IMinMaxValue<T> => Number(name, description, T.MinValue, T.MaxValue);

    /// <summary>A number from <paramref name="least"/> to <paramref name="most"/>.</summary>
    public static Option<T?> Number<T>(string name, string description, T least, T most)
        where T : struct, INumber<T>
    {
        var kind = typeof(T) == typeof(float) || typeof(T) == typeof(double) || typeof(T) == typeof(decimal) ? "a number" : string.Create(CultureInfo.InvariantCulture, $"a whole number, {least}…{most}");
        return new Option<T?>(name)
        {
            Description = description,
            HelpName = "number",
            CustomParser = result =>
            {
                var text = result.Tokens[0].Value;
                if (T.TryParse(text, NumberStyles.Float & ~NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var number)
                    && (T.IsNaN(number) || (number >= least && number <= most)))
                {
                    return number;
                }

                result.AddError($"{name} takes {kind}; '{text}' is not.");
                return null;
            },
        };
    }

    private static Option<string?> Only(this Option<string?> option, params string[] words)
    {
        option.AcceptOnlyFromAmong(words);
        return option;
    }

    private static void Exists(string? folder, Action<string> addError)
    {
        if (CheckpointPlace.Fault(folder) is { } fault)
            addError(fault);
    }
}
