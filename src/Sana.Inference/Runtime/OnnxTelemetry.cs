using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sana.Inference.Runtime;

/// <summary>
/// ONNX Runtime sends usage data to its vendor unless the process's environment says otherwise. Here it is off: the variable is set before the first call of the native library,
/// when this assembly is first used. Who sets <c>ORT_DISABLE_TELEMETRY=0</c> has it on.
/// </summary>
internal static unsafe class OnnxTelemetry
{
    private const string Variable = "ORT_DISABLE_TELEMETRY";

    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "It must run before any call of ONNX Runtime, whichever class makes the first one.")]
    internal static void TurnOff()
    {
        // The environment that .NET shows is a copy; native code reads the process's own.
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)))
            Add($"{Variable}=1");
    }

    // Not by setenv: its second call in a process, which is that of libvips (VIPSHOME), frees the list that the first one made, and a thread that reads a variable at that moment ends the process.
    // A longer list takes the place of the old one, and neither is ever freed.
    private static void Add(string variable)
    {
        var environment = (byte***)NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "environ");
        var old = *environment;
        var count = 0;
        while (old != null && old[count] != null)
            count++;
        var list = (byte**)NativeMemory.Alloc((nuint)(count + 2), (nuint)sizeof(byte*));
        list[0] = (byte*)Marshal.StringToCoTaskMemUTF8(variable); // the first of a name counts
        new ReadOnlySpan<nint>(old, count).CopyTo(new Span<nint>(list + 1, count));
        list[count + 1] = null;
        Volatile.Write(ref *(nint*)environment, (nint)list);
    }
}
