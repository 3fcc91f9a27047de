using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.DurableTask;
using Sana.Jobs;
using Xunit;

namespace Sana.Tests.Conventions;

/// <summary>The analyzer passes over a symbol that does not exist without a word, and nothing would be banned.</summary>
public class BannedSymbolsTests
{
    private static readonly Assembly[] _assemblies =
    [
        typeof(object).Assembly, typeof(Console).Assembly, typeof(HttpClient).Assembly, typeof(Parallel).Assembly, typeof(System.Diagnostics.Process).Assembly,
        typeof(System.Net.Sockets.Socket).Assembly, typeof(System.Security.Cryptography.RandomNumberGenerator).Assembly, typeof(Thread).Assembly,
    ];

    [Fact]
    public void Every_banned_symbol_exists_and_says_what_to_do_instead()
    {
        foreach (var line in File.ReadAllLines(Path.Combine(Jobs(), "BannedSymbols.txt")))
        {
            var (symbol, advice) = line.Split(';') is [var name, var text] ? (name, text) : (line, "");

            Assert.True(Exists(symbol), $"{symbol} does not exist.");
            Assert.NotEqual("", advice);
        }
    }

    [Fact]
    public void The_ban_is_an_error_where_orchestrations_stand()
    {
        var orchestrations = typeof(SanaJobs).Assembly.GetTypes().Where(type => type.IsAssignableTo(typeof(ITaskOrchestrator))).Select(type => type.Name).Order();

        var section = Regex.Match(File.ReadAllText(Path.Combine(Jobs(), ".editorconfig")), @"\[\{(?<names>[\w,]+)\}\.cs\]\s+dotnet_diagnostic\.RS0030\.severity = error");

        Assert.Equal(orchestrations, section.Groups["names"].Value.Split(',').Order());
        Assert.All(orchestrations, name => Assert.Single(Directory.EnumerateFiles(Jobs(), name + ".cs", SearchOption.AllDirectories)));
    }

    private static bool Exists(string symbol)
    {
        var (kind, name) = (symbol[0], symbol[2..].Split('(')[0]);
        if (kind == 'T')
            return Find(name) is not null;
        if (kind == 'N')
            return _assemblies.Any(assembly => assembly.GetExportedTypes().Any(type => type.Namespace == name));
        var dot = name.LastIndexOf('.');
        var member = name[(dot + 1)..].Split('`')[0].Replace("#ctor", ".ctor", StringComparison.Ordinal);
        return Find(name[..dot])!.GetMembers().Any(found => found.Name == member && (kind == 'P' || Signature(found) == Arguments(symbol)));
    }

    private static Type? Find(string name) => _assemblies.Select(assembly => assembly.GetType(name)).FirstOrDefault(type => type is not null);

    /// <summary>How many parameters: commas outside of braces.</summary>
    private static int Arguments(string symbol)
    {
        var depth = 0;
        var inside = symbol.Contains('(', StringComparison.Ordinal) ? symbol[(symbol.IndexOf('(', StringComparison.Ordinal) + 1)..^1] : "";
        return inside.Length == 0 ? 0 : 1 + inside.Count(c => c switch
        {
            '{' => ++depth < 0,
            '}' => --depth < 0,
            _ => c == ',' && depth == 0,
        });
    }

    private static int Signature(MemberInfo member) => ((MethodBase)member).GetParameters().Length;

    private static string Jobs()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "SanaFunctions.sln")))
            folder = folder.Parent!;
        return Path.Combine(folder.FullName, "src", "Sana.Jobs");
    }
}
