using System.Runtime.InteropServices;
using Sana.Inference.Runtime;
using Xunit;

namespace Sana.Tests.Diffusion;

/// <summary>How the variable that turns off ONNX Runtime's telemetry gets into the environment that native code reads.</summary>
public sealed partial class OnnxTelemetryTests
{
    [Fact]
    public void A_variable_that_another_library_sets_later_frees_no_list_that_a_thread_may_be_reading()
    {
        OnnxTelemetry.TurnOff();
        var list = List();
        var entries = Entries(list);

        Assert.Equal(0, SetEnv("SANA_TEST_OF_THE_ENVIRONMENT", "1", 1)); // as libvips does with VIPSHOME

        Assert.NotEqual(list, List());
        Assert.Equal(entries, Entries(list));
        Assert.Equal("ORT_DISABLE_TELEMETRY=1", Marshal.PtrToStringUTF8(entries[0]));
        Assert.Equal("1", Marshal.PtrToStringUTF8(GetEnv("ORT_DISABLE_TELEMETRY")));
        Assert.Equal("1", Marshal.PtrToStringUTF8(GetEnv("SANA_TEST_OF_THE_ENVIRONMENT")));
    }

    private static nint List() => Marshal.ReadIntPtr(NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "environ"));

    private static List<nint> Entries(nint list)
    {
        var entries = new List<nint>();
        while (Marshal.ReadIntPtr(list, entries.Count * nint.Size) is not 0 and var entry)
            entries.Add(entry);
        return entries;
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "getenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint GetEnv(string name);
}
