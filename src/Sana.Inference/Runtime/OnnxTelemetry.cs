using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sana.Inference.Runtime;

/// <summary>
/// ONNX Runtime sends usage data to its vendor unless the process's environment says otherwise. Here it is off: the variable is set before the first call of the native library,
/// when this assembly is first used. Who sets <c>ORT_DISABLE_TELEMETRY=0</c> has it on.
/// </summary>
internal static partial class OnnxTelemetry
{
    private const string Variable = "ORT_DISABLE_TELEMETRY";

    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "It must run before any call of ONNX Runtime, whichever class makes the first one.")]
    internal static void TurnOff()
    {
        // The environment that .NET shows is a copy; native code reads the process's own.
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)))
            _ = SetEnv(Variable, "1", overwrite: 1);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);
}
