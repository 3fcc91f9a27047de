using System.Diagnostics;

namespace Sana.Acceptance.Support;

/// <summary>A real browser without a window.</summary>
internal static class Chromium
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome"];

    public static async Task<string> Dump(Uri page) => await Run("--dump-dom", "--virtual-time-budget=3000", page.ToString());

    public static async Task<byte[]> Screenshot(Uri page)
    {
        var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():n}.png");
        await Run($"--screenshot={file}", "--window-size=1280,1200", "--hide-scrollbars", page.ToString());
        var png = await File.ReadAllBytesAsync(file);
        File.Delete(file);
        return png;
    }

    /// <summary>Starts the browser with a profile of its own; its output must be read, or it stops.</summary>
    public static Process Start(DirectoryInfo profile, params string[] arguments)
    {
        var program = Names.SelectMany(name => Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(folder => Path.Combine(folder, name))).FirstOrDefault(File.Exists)
            ?? throw new FileNotFoundException("There is no chromium here; run: apt-get update && apt-get install -y chromium");
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] all =
        [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", $"--user-data-dir={profile.FullName}", .. arguments,
        ];
        foreach (var argument in all)
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    private static async Task<string> Run(params string[] arguments)
    {
        var profile = Directory.CreateTempSubdirectory("chromium-");
        using var browser = Start(profile, arguments);
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            var errors = browser.StandardError.ReadToEndAsync(limit.Token);
            var output = await browser.StandardOutput.ReadToEndAsync(limit.Token);
            await browser.WaitForExitAsync(limit.Token);
            await errors;
            return output;
        }
        finally
        {
            if (!browser.HasExited)
                browser.Kill(entireProcessTree: true);
            profile.Delete(recursive: true);
        }
    }
}
