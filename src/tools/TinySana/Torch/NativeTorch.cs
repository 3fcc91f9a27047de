using System.Runtime.InteropServices;
using TorchSharp;

namespace TinySana.Torch;

/// <summary>Makes LibTorch ready: called once, before anything else of TorchSharp.</summary>
internal static class NativeTorch
{
    private const string Library = "libLibTorchSharp.so";

    // The binding is linked against GCC 13's libstdc++. The one symbol it takes from this version is the initialiser of the standard streams, which older libraries
    // carry out by themselves, so on a system with GCC 12 (Debian 12) nothing but the demand stands in the way: there it is marked as one that may go unmet.
    private const string NewestVersion = "GLIBCXX_3.4.32";

    /// <param name="threads">Threads of one operation, at least 1.</param>
    public static void Prepare(int threads)
    {
        var path = Path.Combine(AppContext.BaseDirectory, Library);
        if (File.Exists(path) && !NativeLibrary.TryLoad(path, out _))
            Relax(path);
        torch.set_num_threads(threads);
    }

    // Other processes may have the file mapped or be doing the same: it is replaced, never written into. With its old time the next build sees nothing to copy.
    private static void Relax(string path)
    {
        var (bytes, written, temporary) = (File.ReadAllBytes(path), File.GetLastWriteTimeUtc(path), $"{path}.{Environment.ProcessId}");
        if (!VersionNeeds.MakeWeak(bytes, NewestVersion))
            return;

        File.WriteAllBytes(temporary, bytes);
        File.SetLastWriteTimeUtc(temporary, written);
        File.Move(temporary, path, overwrite: true);
    }
}
