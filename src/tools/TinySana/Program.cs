using TinySana.Checking;
using TinySana.Training;

TrainingProcess.EndWithParent();

// Each network adds its verb here; a verb gets the arguments behind its name and returns the exit code.
(string Name, string Summary, Func<string[], int> Run)[] verbs =
[
    ("all", "trains everything, or goes on where it was cut: about two hours on two cores", Everything.Run),
    ("autoencoder", "trains the autoencoder", AutoencoderVerb.Run),
    ("compression", "compares latents of 16 and of 32 pixels a side at equal steps", CompressionVerb.Run),
    ("check", "compares what was written with its import on ONNX Runtime", CheckVerb.Run),
    ("clip", "trains CLIP, which begins as the captioner's encoder", ClipVerb.Run),
    ("captioners", "trains both image captioners", Captioners.Run),
    ("selection", "compares transformers that learn from selected and from careless captions", SelectionVerb.Run),
    ("text", "trains tokenizer and text encoder of models/tiny-sana", Recipes.Text),
    ("latents", "makes the latents that the transformer is trained on, if it is not to do so itself", Recipes.Latents),
    ("transformer", "trains the transformer of models/tiny-sana on its text encoder and autoencoder", Recipes.Transformer),
];

var verb = Array.Find(verbs, one => args.Length > 0 && one.Name == args[0]);
if (verb.Run is not null)
    return verb.Name is "all" || TrainingProcess.IsThis ? verb.Run(args[1..]) : TrainingProcess.Run(args);

foreach (var (name, summary, _) in verbs)
    Console.Error.WriteLine($"  {name,-14} {summary}");
return 2;
