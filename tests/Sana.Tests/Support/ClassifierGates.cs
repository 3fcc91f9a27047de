using System.Text.Json;
using Sana.Jobs.Networks;

namespace Sana.Tests.Support;

/// <summary>Gates whose judge is the small classifier.</summary>
internal sealed class ClassifierGates : IDisposable
{
    private readonly BuiltJudge _classifier = BuiltJudge.Classifier();
    private readonly NetworkLoader _networks = new();
    private readonly List<Gate> _gates = [];

    public ClassifierGates() => _classifier.Build();

    public void Dispose()
    {
        foreach (var gate in _gates)
            gate.Dispose();
        _networks.Dispose();
        _classifier.Dispose();
    }

    /// <summary>The list of judges as a setting has it.</summary>
    public string Text(double? min = null, double? max = null, int label = 1, string name = "seen") => JsonSerializer.Serialize(
        new[] { new { label = name, kind = "classifier", checkpoint = _classifier.Folder, @class = JudgeReference.Labels[label], min, max } });

    public async Task<Gate> Open(double? min = null, double? max = null, string outside = GateConfig.Withhold, int label = 1, string name = "seen")
    {
        var config = GateConfig.Parse(Text(min, max, label, name), "judges", outside);
        var judge = await _networks.LoadJudge(config.Judges[0], clip: null, default);
        var gate = new Gate([(JudgePlace.Card(config.Judges[0], judge, config.Judges[0].Precision), judge)], config.OutsideLimits);
        _gates.Add(gate);
        return gate;
    }
}
