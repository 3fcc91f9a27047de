using Sana.Inference.Runtime;
using TinySana.Commands;

OnnxTelemetry.TurnOff();
TrainingProcess.EndWithParent();

// A command gets the arguments after its name and returns the exit code.
(string Name, string Summary, Func<string[], int> Run)[] commands =
[
    ("all", "trains everything, or continues after an interruption: about two hours on two cores", TrainAllCommand.Run),
    ("autoencoder", "trains the autoencoder", AutoencoderCommand.Run),
    ("compression", "compares latents of 16 and of 32 pixels a side at equal steps", CompressionCommand.Run),
    ("check", "compares the published networks with their graphs on ONNX Runtime", CheckCommand.Run),
    ("clip", "trains CLIP, starting from the encoder of the rich captioner", ClipCommand.Run),
    ("judges", "trains the judges: an aesthetic head on models/tiny-clip and a classifier of lettering, some minutes", JudgesCommand.Run),
    ("captioners", "trains both image captioners", CaptionersCommand.Run),
    ("selection", "compares transformers trained on selected and on careless captions", SelectionCommand.Run),
    ("text", "trains tokenizer and text encoder of models/tiny-sana", SanaCommands.Text),
    ("latents", "makes the latents for the training of the transformer, which else makes them itself", SanaCommands.Latents),
    ("transformer", "trains the transformer of models/tiny-sana on its text encoder and autoencoder", SanaCommands.Transformer),
    ("lora", "trains models/tiny-sana-delft, an adapter that has models/tiny-sana paint in blue on cream: some minutes", SanaCommands.Lora),
];

var command = Array.Find(commands, one => args.Length > 0 && one.Name == args[0]);
if (command.Run is not null)
    return command.Name is "all" || TrainingProcess.IsThis ? command.Run(args[1..]) : TrainingProcess.Run(args);

foreach (var (name, summary, _) in commands)
    Console.Error.WriteLine($"  {name,-14} {summary}");
return 2;
