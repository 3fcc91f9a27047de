using System.Diagnostics;
using System.Text.Json;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests.Infra;

/// <summary>What <c>dotnet publish -t:PublishContainer</c> is told of the image of <c>sana serve</c>, as MSBuild evaluates it, and that the manifests expect the same.</summary>
public sealed class ContainerTests
{
    [Theory]
    [InlineData("cpu", "serve/base", "", "Microsoft.ML.OnnxRuntime", "Microsoft.ML.OnnxRuntime.Gpu.Linux")]
    [InlineData("cuda", "serve/cuda", "-cuda", "Microsoft.ML.OnnxRuntime.Gpu.Linux", "Microsoft.ML.OnnxRuntime")]
    public void The_image_is_the_one_that_the_manifests_name(string device, string overlay, string suffix, string runtime, string other)
    {
        var project = JsonDocument.Parse(MsBuild(0, $"-p:SanaDevice={device}", "-getProperty:ContainerRepository,ContainerImageTag,ContainerUser,Version", "-getItem:PackageReference,ContainerPort")).RootElement;
        var deployment = Manifests.Of(overlay).Only("Deployment", "sana");
        var container = Manifests.ContainerOf(deployment);
        string Property(string name) => project.GetProperty("Properties").GetProperty(name).GetString()!;
        var packages = project.GetProperty("Items").GetProperty("PackageReference").EnumerateArray().Select(item => item.GetProperty("Identity").GetString()!).ToList();

        Assert.Equal(Property("Version") + suffix, Property("ContainerImageTag"));
        Assert.Equal($"registry.example.com/{Property("ContainerRepository")}:{Property("ContainerImageTag")}", container.GetProperty("image").GetString());
        Assert.Equal(Property("ContainerUser"), Manifests.Pod(deployment).GetProperty("securityContext").GetProperty("runAsUser").ToString());
        Assert.Equal(
            project.GetProperty("Items").GetProperty("ContainerPort").EnumerateArray().Single().GetProperty("Identity").GetString(), container.GetProperty("ports")[0].GetProperty("containerPort").ToString());
        Assert.Contains(runtime, packages);
        Assert.DoesNotContain(other, packages);
    }

    [Fact]
    public void A_cuda_image_without_a_base_is_refused_with_what_to_give() =>
        Assert.Contains("SanaDevice=cuda needs ContainerBaseImage:", MsBuild(1, "-p:SanaDevice=cuda", "-t:CheckContainerBaseImage"), StringComparison.Ordinal);

    private static string MsBuild(int exitCode, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", ["msbuild", Path.Combine(Repository.Source, "Sana.Local", "Sana.Local.csproj"), "-nologo", .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        // What a test runner was told of its own build is not for this one.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        process.WaitForExit();
        Assert.True(process.ExitCode == exitCode, output.Result + error.Result);
        return output.Result;
    }
}
