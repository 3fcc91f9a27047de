using System.Diagnostics;
using System.Text;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Generate;

/// <summary>Prompt files, checkpoints and output places that are damaged, missing or of another kind.</summary>
public sealed class HostileFilesTests(SmallCheckpoint checkpoint) : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("prompts.csv", "a cat", "no column of prompts")]
    [InlineData("prompts.txt", "", "empty")]
    [InlineData("prompts.txt", "\n \n\r\n", "no prompts")]
    [InlineData("absent.txt", null, "no prompts file")]
    public async Task A_file_without_prompts_is_wrong_use(string name, string? content, string fragment)
    {
        if (content is not null)
        {
            await File.WriteAllTextAsync(_folder.File(name), content);
        }

        Refused(await Generate("--prompts", _folder.File(name)), 2, fragment);
    }

    [Theory]
    [InlineData("/dev/zero")]
    [InlineData("/")]
    public async Task A_prompts_file_that_is_no_plain_file_is_wrong_use(string target)
    {
        File.CreateSymbolicLink(_folder.File("prompts.txt"), target);

        Refused(await Generate("--prompts", _folder.File("prompts.txt")), 2, "prompts.txt");
    }

    [Fact]
    public async Task A_pipe_that_nobody_writes_to_is_wrong_use_and_nobody_waits_long()
    {
        using var mkfifo = Process.Start("mkfifo", [_folder.File("prompts.txt")]);
        await mkfifo.WaitForExitAsync();

        Refused(await Generate("--prompts", _folder.File("prompts.txt")), 2, "Nobody wrote to the pipe");
    }

    [Fact]
    public async Task Bad_rows_are_left_out_and_the_rest_is_made()
    {
        await File.WriteAllBytesAsync(_folder.File("p.jsonl"), [
            .. "{\"prompt\":\"good\"}\n[]\n{\"prompt\":\""u8, 0xFF, .. "\"}\n{\"prompt\":\"a\\u0000\"}\n{\"prompt\":\"a\",\"width\":65}\n"u8,
            .. Encoding.UTF8.GetBytes($"{{\"prompt\":\"{new string('a', 3_000_000)}\"}}\n{{\"prompt\":\"good too\"}}")]);

        var run = await Generate("--prompts", _folder.File("p.jsonl"), "--json");

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("\"made\":2,\"skipped\":0,\"failed\":0,\"rejected\":5", run.Output, StringComparison.Ordinal);
        Assert.Contains("\"bad_encoding\":1,\"bad_prompt\":1,\"bad_request\":1,\"bad_row\":1,\"wrong_type\":1", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_no_row_is_good_the_job_has_failed_and_still_says_why()
    {
        await File.WriteAllTextAsync(_folder.File("p.jsonl"), "[]\n{}\n");

        var run = await Generate("--prompts", _folder.File("p.jsonl"));

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("bad_row 1, wrong_type 1", run.Error, StringComparison.Ordinal);
        Assert.Equal(1, Tree.Names(_folder.File("out")).Count(name => name.EndsWith("manifest.json", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("model_index.json")]
    [InlineData("scheduler/scheduler_config.json")]
    [InlineData("text_encoder/config.json")]
    [InlineData("tokenizer/tokenizer.json")]
    [InlineData("transformer/config.json")]
    [InlineData("transformer/diffusion_pytorch_model.safetensors")]
    [InlineData("vae/config.json")]
    [InlineData("vae/diffusion_pytorch_model.safetensors")]
    public async Task A_checkpoint_that_lacks_a_file_or_has_half_of_it_is_refused_by_the_files_name(string file)
    {
        var source = Copy();
        var whole = await File.ReadAllBytesAsync(Path.Combine(source, file));
        (string Case, Action Damage)[] damages =
        [
            ("absent", () => File.Delete(Path.Combine(source, file))),
            ("empty", () => File.WriteAllBytes(Path.Combine(source, file), [])),
            ("half", () => File.WriteAllBytes(Path.Combine(source, file), whole[..(whole.Length / 2)])),
            ("zeros", () => File.WriteAllBytes(Path.Combine(source, file), new byte[whole.Length])),
            ("a folder", () =>
            {
                File.Delete(Path.Combine(source, file));
                Directory.CreateDirectory(Path.Combine(source, file));
            }),
        ];

        foreach (var (name, damage) in damages)
        {
            damage();

            var run = await Run(source, "-p", "a cat");

            Assert.True(run.ExitCode == 1, $"{file} {name}: {run.ExitCode} {run.Error}");
            Refused(run, 1, Path.GetFileName(Path.GetDirectoryName(file)) is { Length: > 0 } part ? part : "model_index.json");
        }
    }

    [Theory]
    [InlineData("transformer/config.json", "\"num_layers\": ", "\"num_layers\": 9")]
    [InlineData("transformer/config.json", "\"num_layers\": ", "\"num_layers\": -")]
    [InlineData("transformer/config.json", "\"num_attention_heads\": ", "\"num_attention_heads\": 99999999")]
    [InlineData("text_encoder/config.json", "\"hidden_size\": ", "\"hidden_size\": 1")]
    [InlineData("vae/config.json", "\"latent_channels\": ", "\"latent_channels\": 7")]
    public async Task A_config_that_contradicts_the_weights_is_refused(string file, string find, string replacement)
    {
        var source = Copy();
        var path = Path.Combine(source, file);
        var text = await File.ReadAllTextAsync(path);
        Assert.Contains(find, text, StringComparison.Ordinal);
        await File.WriteAllTextAsync(path, text.Replace(find, replacement, StringComparison.Ordinal));

        Refused(await Run(source, "-p", "a cat"), 1, file.Split('/')[0]);
    }

    [Fact]
    public async Task A_folder_that_is_no_checkpoint_is_refused()
    {
        Directory.CreateDirectory(_folder.File("empty"));

        Refused(await Run(_folder.File("empty"), "-p", "a"), 1, "model_index.json");
        Refused(await Run(_folder.File("nowhere"), "-p", "a"), 2, "no checkpoint folder");
    }

    [Fact]
    public async Task Weights_that_changed_since_the_build_are_another_run()
    {
        var source = Copy();
        await Run(source, "-p", "a cat");
        var config = Path.Combine(source, "scheduler/scheduler_config.json");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)) + "\n");

        var run = await Run(source, "-p", "a cat");

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(2, Directory.GetDirectories(_folder.File("out/runs")).Length);
    }

    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/proc/out")]
    [InlineData("file")]
    [InlineData("file/below")]
    public async Task A_place_that_cannot_be_written_fails(string place)
    {
        await File.WriteAllTextAsync(_folder.File("file"), "");

        var run = await SanaProgram.Run([.. Small(checkpoint.Path), "-p", "a", "-o", Path.Combine(_folder.Path, place)]);

        Refused(run, 1, "Cannot open");
    }

    [Fact]
    public async Task A_file_in_the_way_of_the_runs_fails()
    {
        Directory.CreateDirectory(_folder.File("out"));
        await File.WriteAllTextAsync(_folder.File("out/runs"), "");

        Refused(await Generate("-p", "a"), 1, "Cannot write");
    }

    [Fact]
    public async Task A_link_in_the_way_of_the_runs_is_not_followed()
    {
        Directory.CreateDirectory(_folder.File("out"));
        Directory.CreateDirectory(_folder.File("elsewhere"));
        Directory.CreateSymbolicLink(_folder.File("out/runs"), _folder.File("elsewhere"));

        Refused(await Generate("-p", "a"), 1, "symbolic link");
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.File("elsewhere")));
    }

    [Fact]
    public async Task A_full_disk_fails_with_the_fix_and_the_run_goes_on_when_there_is_room()
    {
        var disk = _folder.File("disk");
        Directory.CreateDirectory(disk);
        Assert.SkipUnless(Sudo("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk), "This user may not mount a small disk.");
        try
        {
            string[] command = [.. Small(checkpoint.Path), "-p", "a", "--images", "8", "-o", disk];
            await SanaProgram.Run([.. command[..^1], _folder.File("whole")]);

            var full = await SanaProgram.Run(command);
            Sudo("mount", "-o", "remount,size=8m", disk);
            var again = await SanaProgram.Run(command);

            Refused(full, 1, "the disk is full");
            Assert.True(again.ExitCode == 0, again.Error);
            Assert.Equal(Runs(Tree.Of(_folder.File("whole"))), Runs(Tree.Of(disk)));
        }
        finally
        {
            Sudo("umount", disk);
        }
    }

    [Fact]
    public async Task Nobody_at_the_emulators_port_fails_with_the_fix()
    {
        var nobody = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=c2VjcmV0;BlobEndpoint=http://127.0.0.1:9/a";

        var run = await SanaProgram.Run([.. Small(checkpoint.Path), "-p", "a", "-o", nobody]);

        Refused(run, 1, "npx azurite");
        Assert.DoesNotContain("c2VjcmV0", run.Error, StringComparison.Ordinal);
    }

    private static string[] Small(string source) => ["generate", "-c", source, "--width", "64", "--height", "64", "--steps", "1", "--no-binning"];

    private static string[] Runs(string[] lines) => [.. lines.Where(line => line.StartsWith("runs/", StringComparison.Ordinal))];

    private static bool Sudo(params string[] command)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    private static void Refused(Finished run, int exitCode, string fragment)
    {
        Assert.Contains(fragment, run.Error, StringComparison.Ordinal);
        Assert.Equal(exitCode, run.ExitCode);
        Assert.StartsWith("sana: ", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("should not happen", run.Error, StringComparison.Ordinal);
        Assert.Single(ProgressLines.Without(run.Error).TrimEnd().Split('\n'));
        Assert.Empty(run.Output);
    }

    private string Copy()
    {
        SmallCheckpoint.CopyTo(_folder.File("checkpoint"));
        return _folder.File("checkpoint");
    }

    private Task<Finished> Generate(params string[] arguments) => Run(checkpoint.Path, arguments);

    private Task<Finished> Run(string source, params string[] arguments) => SanaProgram.Run([.. Small(source), "-o", _folder.File("out"), .. arguments]);
}
