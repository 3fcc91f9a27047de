using System.Globalization;
using System.Reflection;

namespace Sana.Local.Hosting;

/// <summary>How many files and connections this process may have open at once: <c>ulimit -n</c>.</summary>
internal static class DescriptorLimit
{
    // What the program itself has open when it serves, 550, two for each assembly above all; what it opens for a moment; and connections that are turned away and not closed yet, see Backlog.
    // A connection that is let in has its socket and, while it is answered, a file. Without a descriptor the runtime itself ends the process.
    private const int Own = 800;
    private const int EachConnection = 2;
    private const int FewestConnections = 16;
    private const int MostConnections = 2000;

    /// <summary>Connections that wait to be taken up: few where descriptors are few, because each takes one before it is turned away.</summary>
    public static int Backlog(int? max) => max is null or >= Plenty ? 512 : 32;

    // From here on nothing runs short, and assemblies may be loaded when they are needed.
    private const int Plenty = 4096;

    private const int TooManyOpenFiles = 24; // EMFILE

    /// <summary>The limit; null where the system does not say.</summary>
    public static int? Max { get; } = Read();

    /// <summary>Connections that may be open at once under a limit of descriptors.</summary>
    /// <exception cref="SanaException">The limit is too low to serve.</exception>
    public static int Connections(int? max)
    {
        if (max is not { } limit)
            return MostConnections;
        const int least = Own + (EachConnection * FewestConnections);
        return limit >= least
            ? Math.Min(MostConnections, (limit - Own) / EachConnection)
            : throw new SanaException($"This process may have {limit} files and connections open at once (ulimit -n), and serving needs {least}: raise the limit, for example with ulimit -n 4096.");
    }

    /// <summary>Under a low limit the program is loaded whole at once: an assembly that is first needed when no descriptor is left could not be loaded, then or ever.</summary>
    public static void Prepare(int? max)
    {
        if (max is null or >= Plenty)
            return;
        var waiting = new Stack<Assembly>([Assembly.GetExecutingAssembly()]);
        var seen = new HashSet<string>();
        while (waiting.TryPop(out var assembly))
        {
            foreach (var name in assembly.GetReferencedAssemblies().Where(name => seen.Add(name.FullName)))
            {
                try
                {
                    waiting.Push(Assembly.Load(name));
                }
                catch (Exception error) when (error is FileNotFoundException or FileLoadException or BadImageFormatException)
                {
                    // A reference that is not shipped is not needed.
                }
            }
        }
    }

    /// <summary>The sentence for a failure that comes from the limit; null when it does not.</summary>
    public static string? Explain(Exception error)
    {
        for (var cause = error; cause is not null; cause = cause.InnerException)
        {
            if (cause.HResult == TooManyOpenFiles || cause.Message.Contains("Too many open files", StringComparison.OrdinalIgnoreCase) || (cause is FileNotFoundException or FileLoadException or TypeInitializationException && IsReached()))
            {
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"No further file or connection can be opened: this process may have {Max} open at once (ulimit -n). Raise the limit, for example with ulimit -n 4096, or let fewer clients connect.");
            }
        }

        return null;
    }

    private static bool IsReached()
    {
        try
        {
            using var any = File.OpenHandle("/dev/null");
            return false;
        }
        catch (IOException error)
        {
            return error.HResult == TooManyOpenFiles;
        }
    }

    private static int? Read()
    {
        const string line = "Max open files";
        try
        {
            var limit = File.ReadLines("/proc/self/limits").FirstOrDefault(text => text.StartsWith(line, StringComparison.Ordinal));
            return int.TryParse(limit?[line.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture, out var max) ? max : null;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
