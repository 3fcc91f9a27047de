using System.Runtime.InteropServices;
using NetVips;

namespace Sana.Inference.Imaging;

/// <summary>The one place where the native library's process-wide settings are made.</summary>
public static partial class LibVips
{
    static LibVips()
    {
        // Images are made and read many at a time by callers who already use every core; threads inside one image would only take turns with them.
        NetVips.NetVips.Concurrency = 1;

        // The cache keeps the last operations' pixels for programs that repeat them. No image is ever processed twice here, so it would be a leak with a limit.
        Cache.Max = 0;
        Cache.MaxMem = 0;
        Cache.MaxFiles = 0;

        // libvips sniffs more than pictures: a text of numbers is a matrix to it, SVG may name other files, and its list of untrusted loaders leaves some of
        // these open.
        Operation.Block("VipsForeignLoad", true);
        foreach (var format in new[] { "Jpeg", "Png", "Webp", "Nsgif", "Tiff" })
            Operation.Block($"VipsForeignLoad{format}", false);

        ReturnLargeBlocks();

        // What is wrong with an image is in the exception; by default each damaged line would be on the program's error output too.
        Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning, static (_, _, _) => { });
    }

    // The C library raises the size from which blocks go back to the system by what was freed before, and blocks below it stay with the thread that had them.
    // Eight threads that decode large and small
    // images in turn kept 500 MB so; with a fixed size 70 MB.
    private static void ReturnLargeBlocks()
    {
        const int MmapThreshold = -3;
        const int Bytes = 8 << 20;
        try
        {
            _ = MallOpt(MmapThreshold, Bytes);
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            // another C library, with rules of its own
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);

    /// <summary>Makes the settings before the first use; later calls cost nothing.</summary>
    public static void Configure()
    {
    }
}
