using System.CommandLine;
using Sana.Local.Commands;

var root = new RootCommand("Sana on one machine: text to images from a Hugging Face checkpoint folder, resumable, into a folder or a blob container.")
{
    new BuildCommand(),
    new InfoCommand(),
    new GenerateCommand(),
    new RunCommand(),
    new StatusCommand(),
    new ResumeCommand(),
    SteerCommand.Suspend(),
    SteerCommand.Cancel(),
    SteerCommand.Retry(),
    new QueueCommand(),
    new ServeCommand(),
};

return await Invocation.Run(root, args);
