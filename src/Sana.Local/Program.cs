using System.CommandLine;
using System.Globalization;
using Sana.Local.Commands;

// Output is read by scripts as often as by people: numbers are written the same everywhere, as they are read.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

Console.SetOut(new QuietWriter(Console.Out));
if (Console.IsErrorRedirected)
    Console.SetError(new QuietWriter(Console.Error));

var root = new RootCommand("Sana on one machine: images of a folder or container to captioned, scored training shards, and text to images; resumable, into a folder or a blob container.")
{
    new DemoCommand(),
    new FetchCommand(),
    new BuildCommand(),
    new InfoCommand(),
    new GenerateCommand(),
    new CurateCommand(),
    new SelectCommand(),
    new ValidateCommand(),
    new CleanCommand(),
    new ExportCommand(),
    new PushCommand(),
    new EvalCommand(),
    new BenchCommand(),
    new StatusCommand(),
    new ResumeCommand(),
    SteerCommand.Suspend(),
    SteerCommand.Cancel(),
    SteerCommand.Retry(),
    new QueueCommand(),
    new JournalCommand(),
    new ServeCommand(),
};

return await Invocation.Run(root, args);
