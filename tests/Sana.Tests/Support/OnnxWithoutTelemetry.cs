using System.Runtime.CompilerServices;
using Sana.Inference.Runtime;

namespace Sana.Tests.Support;

/// <summary>Tests that open a graph with ONNX Runtime's own classes are as quiet as the program.</summary>
internal static class OnnxWithoutTelemetry
{
#pragma warning disable CA2255 // a test assembly has no main method of its own
    [ModuleInitializer]
    internal static void TurnOff() => OnnxTelemetry.TurnOff();
#pragma warning restore CA2255
}
