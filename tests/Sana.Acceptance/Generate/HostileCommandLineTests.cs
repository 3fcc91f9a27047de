using System.Diagnostics;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Generate;

/// <summary>What cannot be done is one sentence on stderr and an exit code; nothing crashes, nothing hangs, nothing is printed twice.</summary>
public sealed class HostileCommandLineTests(SmallCheckpoint checkpoint) : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Numbers_are_written_the_same_in_every_culture()
    {
        var plain = await SanaProgram.Run("info", checkpoint.Path);
        var start = new ProcessStartInfo(SanaProgram.Executable, ["info", checkpoint.Path]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["LC_ALL"] = "de_DE.UTF-8";
        using var process = Process.Start(start)!;

        var german = await SanaProgram.Finish(process);

        Assert.Matches(@"\d\.\d", plain.Output);
        Assert.Equal(plain.Output, german.Output);
    }

    [Theory]
    [InlineData("not a multiple of 32; use 992 or 1024", "--width", "1000")]
    [InlineData("not a multiple of 32", "--height", "33")]
    [InlineData("Width 0", "--width", "0")]
    [InlineData("Width -32", "--width", "-32")]
    [InlineData("8192", "--width", "8224")]
    [InlineData("'99999999999' is not", "--width", "99999999999")]
    [InlineData("'64.5' is not", "--width", "64.5")]
    [InlineData("'wide' is not", "--width", "wide")]
    [InlineData("Steps 0", "--steps", "0")]
    [InlineData("Steps -1", "--steps", "-1")]
    [InlineData("1…1000", "--steps", "1001")]
    [InlineData("Guidance NaN", "--guidance", "NaN")]
    [InlineData("0…100", "--guidance", "-0.5")]
    [InlineData("--guidance takes a number", "--guidance", "∞")]
    [InlineData("--guidance takes a number", "--guidance", "1e999")]
    [InlineData("--guidance takes a number", "--guidance", "4,5")]
    [InlineData("0…18446744073709551615", "--seed", "-1")]
    [InlineData("0…18446744073709551615", "--seed", "18446744073709551616")]
    [InlineData("0…18446744073709551615", "--seed", "0x10")]
    [InlineData("1…10000", "--images", "0")]
    [InlineData("1…10000", "--images", "-3")]
    [InlineData("1…10000", "--images", "10001")]
    [InlineData("1…64", "--batch", "0")]
    [InlineData("1…64", "--batch", "65")]
    [InlineData("1…100", "--quality", "101")]
    [InlineData("Device 'gpu' is not known", "--device", "gpu")]
    [InlineData("Device 'cuda:-1' is not known", "--device", "cuda:-1")]
    [InlineData("flow-dpm", "--solver", "magic")]
    [InlineData("made for", "--solver", "scm")]
    [InlineData("png", "--format", "gif")]
    [InlineData("The run's name", "--run", "../../etc")]
    [InlineData("The run's name", "--run", "A B")]
    [InlineData("control character", "--negative", "a\u0007b")]
    [InlineData("output place is empty", "--out", "")]
    [InlineData("not a container's name", "--out", "azurite:Not_A_Container")]
    [InlineData("connection string", "--out", "AccountName=a;AccountKey=secret")]
    [InlineData("https", "--out", "ftp://host/images")]
    [InlineData("--no-such-option", "--no-such-option")]
    [InlineData("argument", "--width")]
    [InlineData("single argument", "--width", "64", "--width", "96")]
    public async Task Wrong_use_is_exit_code_2(string fragment, params string[] arguments)
    {
        // The last of two --out would be refused as a repetition, so a test brings its own.
        string[] place = arguments[0] == "--out" ? [] : ["--out", _folder.File("out")];

        var run = await SanaProgram.Run(["generate", "-c", checkpoint.Path, "-p", "a cat", .. place, .. arguments]);

        Refused(run, 2, fragment);
    }

    [Theory]
    [InlineData("Prompt is empty", "")]
    [InlineData("Prompt is empty", " \n ")]
    [InlineData("U+001B", "a\u001b[31mcat")]
    [InlineData("U+0085", "a\u0085cat")]
    [InlineData("100000", null)]
    public async Task A_typed_prompt_that_is_none_is_wrong_use(string fragment, string? prompt)
    {
        var run = await SanaProgram.Run("generate", "-c", checkpoint.Path, "-p", "good", "-p", prompt ?? new string('a', 102_400), "-o", _folder.File("out"));

        Refused(run, 2, fragment);
    }

    [Theory]
    [InlineData("-p", "caf\\xe9")]
    [InlineData("--negative", "\\xff\\xfe")]
    public async Task A_typed_prompt_that_is_not_utf8_is_wrong_use(string option, string bytes)
    {
        var command = $"exec {SanaProgram.Executable} generate -c {checkpoint.Path} -p cat --width 64 --height 64 --steps 1 -o {_folder.File("out")} {option} $'{bytes}'";
        using var process = Process.Start(new ProcessStartInfo("bash", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true })!;

        Refused(await SanaProgram.Finish(process), 2, "is not UTF-8");
        Assert.False(Directory.Exists(_folder.File("out")));
    }

    [Fact]
    public async Task The_letter_that_stands_for_bytes_that_are_none_is_itself_a_prompt()
    {
        var run = await SanaProgram.Run("generate", "-c", checkpoint.Path, "-p", "a \uFFFD", "--width", "64", "--height", "64", "--steps", "1", "-o", _folder.File("out"));

        Assert.True(run.ExitCode == 0, run.Error);
    }

    [Fact]
    public async Task Text_that_looks_like_options_or_files_is_a_prompt()
    {
        var run = await SanaProgram.Run(
            "generate", "-c", checkpoint.Path, "-p", "@/etc/passwd", "--prompt=--steps", "-p", "'; rm -rf / #", "-p", "../../x", "-p", "{\"a\":1}",
            "--width", "64", "--height", "64", "--steps", "1", "-o", _folder.File("out"));

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(5, Tree.Names(_folder.File("out")).Count(name => name.EndsWith(".png", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Neither_prompt_nor_file_or_both_is_wrong_use()
    {
        await File.WriteAllTextAsync(_folder.File("p.txt"), "a");

        var neither = await SanaProgram.Run("generate", "-c", checkpoint.Path);
        var both = await SanaProgram.Run("generate", "-c", checkpoint.Path, "-p", "a", "--prompts", _folder.File("p.txt"));

        Refused(neither, 2, "either --prompt or --prompts");
        Refused(both, 2, "either --prompt or --prompts");
    }

    [Fact]
    public async Task No_command_or_an_unknown_one_is_wrong_use()
    {
        Refused(await SanaProgram.Run(), 2, "command");
        Refused(await SanaProgram.Run("paint"), 2, "paint");
        Refused(await SanaProgram.Run("build"), 2, "argument");
        Refused(await SanaProgram.Run("build", _folder.File("nowhere")), 2, "no checkpoint folder");
        Refused(await SanaProgram.Run("build", checkpoint.Path, "--clamp", "maybe"), 2, "auto");
    }

    [Fact]
    public async Task A_device_that_is_not_there_fails_and_says_what_is()
    {
        var run = await SanaProgram.Run("generate", "-c", checkpoint.Path, "-p", "a", "--device", "cuda:7", "-o", _folder.File("out"));

        Refused(run, 1, "CPUExecutionProvider");
    }

    [Fact]
    public async Task With_json_the_refusal_is_an_object_too()
    {
        var run = await SanaProgram.Run("generate", "-c", checkpoint.Path, "-p", "a", "--steps", "0", "--json");

        Assert.Equal(2, run.ExitCode);
        var report = System.Text.Json.JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal(2, report.GetProperty("exit_code").GetInt32());
        Assert.Contains("Steps 0", report.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    private static void Refused(Finished run, int exitCode, string fragment)
    {
        Assert.Equal(exitCode, run.ExitCode);
        Assert.Contains(fragment, run.Error, StringComparison.Ordinal);
        Assert.StartsWith("sana: ", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        Assert.Single(ProgressLines.Without(run.Error).TrimEnd().Split('\n'));
        Assert.Empty(run.Output);
    }
}
