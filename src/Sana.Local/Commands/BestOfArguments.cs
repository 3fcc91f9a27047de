using System.CommandLine;
using Sana.Jobs.Queue;

namespace Sana.Local.Commands;

/// <summary>Best of N: the options of <c>sana generate</c> by which judges choose among candidates.</summary>
internal sealed class BestOfArguments
{
    private readonly Option<int?> _of = CommonOptions.Number("--best-of", "Candidates of each image, of which judges keep the best, 2…64; they have the seeds from the image's own on. Default: off.", 2, BestOf.Most);
    private readonly Option<int?> _keep = CommonOptions.Number("--keep", "How many of --best-of are kept, fewer than there are. Default: 1.", 1, BestOf.Most - 1);
    private readonly Option<string?> _judge = new("--judge") { Description = "Labels of the judges that choose, with commas between: the first decides, each further one between equals. Less is better by a safety checker and by what has a max alone. Default: the first of --judges.", HelpName = "labels" };
    private readonly Option<double?> _stop = new("--stop-at") { Description = "Make no further candidate when as many as are kept score so much by the first judge. Default: all are made.", HelpName = "score" };

    public IEnumerable<Option> All => [_of, _keep, _judge, _stop];

    /// <summary>Null where it is off.</summary>
    /// <exception cref="WrongUseException">Another of the options is given without the first.</exception>
    public BestOf? Read(ParseResult parsed)
    {
        if (parsed.GetValue(_of) is { } of)
        {
            var judges = parsed.GetValue(_judge)?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            return new BestOf(of) { Keep = parsed.GetValue(_keep) ?? 1, Judges = judges, StopAt = parsed.GetValue(_stop) };
        }

        return All.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is { } alone ? throw new WrongUseException($"{alone.Name} is for --best-of; give that too.") : null;
    }
}
