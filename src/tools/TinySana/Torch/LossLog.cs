using System.Globalization;

namespace TinySana.Torch;

/// <summary>The course of a training as a table, which also goes to the console.</summary>
internal sealed class LossLog : IDisposable
{
    private const string Header = "step,loss,gradient_norm,learning_rate,seconds_per_step";

    private readonly StreamWriter _file;

    /// <param name="path">Lines of steps behind <paramref name="step"/> are dropped: they will be done again.</param>
    /// <param name="step">Steps done.</param>
    public LossLog(string path, int step)
    {
        string[] kept = File.Exists(path)
            ? [.. File.ReadLines(path).Skip(1).Where(line => int.TryParse(line.Split(',')[0], CultureInfo.InvariantCulture, out var at) && at <= step)]
            : [];
        File.WriteAllLines(path, [Header, .. kept]);
        _file = new StreamWriter(path, append: true) { AutoFlush = true };
    }

    public void Write(int step, double loss, double norm, double rate, double seconds)
    {
        var line = string.Create(CultureInfo.InvariantCulture, $"{step},{loss:g6},{norm:g4},{rate:g4},{seconds:g4}");
        _file.WriteLine(line);
        Console.WriteLine(line);
    }

    public void Dispose() => _file.Dispose();
}
