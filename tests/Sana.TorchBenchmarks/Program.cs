using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Sana.Benchmarks;
using Sana.Inference.Runtime;
using Sana.TorchBenchmarks;
using TinySana.Torch;
using static TorchSharp.torch;

if (TorchBenchmarkOptions.Parse(args) is not { } options)
{
    Console.Error.WriteLine(TorchBenchmarkOptions.Help);
    return 2;
}

OnnxTelemetry.TurnOff();
KeepMemory();
NativeTorch.Prepare(options.Threads == 0 ? Environment.ProcessorCount : options.Threads);
using var inference = inference_mode();
Markdown.Text($"{Machine.Describe()}; {get_num_threads()} threads; ONNX Runtime {OrtEnv.Instance().GetVersionString()}, LibTorch {__version__}. Random weights.");
double[]? transformer = Measure("transformer", TransformerPart.Run), text = Measure("text", TextPart.Run), decoder = Measure("decoder", DecoderPart.Run);
if (transformer is not null && text is not null && decoder is not null)
    WholeImage();
Measure("caption", one => Nothing(CaptionPart.Run, one));
Measure("scorer", one => Nothing(ScorerPart.Run, one));
return 0;

double[]? Measure(string name, Func<TorchBenchmarkOptions, double[]> run)
{
    if (!options.Parts.Contains(name))
        return null;
    Console.WriteLine($"## {name}\n");
    manual_seed(1);
    return run(options);
}

static double[] Nothing(Action<TorchBenchmarkOptions> run, TorchBenchmarkOptions options)
{
    run(options);
    return [];
}

// From the parts: prompt and empty prompt, twenty steps of both, one decoding. What a step does outside its blocks is counted with them.
void WholeImage()
{
    const int steps = 20;
    double[] own = [text[0], text[1], text[3], text[5]], step = [transformer[0], transformer[1], transformer[2], transformer[4]], decode = [decoder[0], decoder[0], decoder[1], decoder[2]];
    string[] names = ["here, float32", "here, w8a8, the decoder in float32", "LibTorch, float32, as the reference", "LibTorch, bfloat16, as the reference"];
    var seconds = names.Select((_, i) => own[i] + (steps * step[i]) + decode[i]).ToArray();
    Markdown.Text($"An image of the first sizes in {steps} steps, computed from the three tables (least times, all blocks and layers, one further prompt).");
    Markdown.Table(["way", "s", "relative to LibTorch's float32"], names.Select((name, i) => (string[])[name, Number(seconds[i]), $"{Number(seconds[2] / seconds[i])} × as fast"]));
}

static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);

// glibc gives large blocks back to the kernel at once, and LibTorch would pay for their pages anew at every layer.
static void KeepMemory()
{
    const int trimThreshold = -1, mapThreshold = -3;
    if (Mallopt(trimThreshold, int.MaxValue) == 0 || Mallopt(mapThreshold, 1 << 30) == 0)
        Console.Error.WriteLine("The C library has no mallopt: LibTorch pays for new pages at every layer.");

    [DllImport("libc", EntryPoint = "mallopt")]
    static extern int Mallopt(int parameter, int value);
}
