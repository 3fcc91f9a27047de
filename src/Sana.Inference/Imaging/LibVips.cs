using System.Runtime.InteropServices;
using NetVips;

namespace Sana.Inference.Imaging;

/// <summary>The process-wide settings of the native library.</summary>
public static partial class LibVips
{
    static LibVips()
    {
        // Callers process many images at a time on every core, so threads inside one image would gain nothing.
        NetVips.NetVips.Concurrency = 1;

        // The cache keeps the pixels of the last operations for programs that repeat them. Here no image is processed twice, so it would only hold memory.
        Cache.Max = 0;
        Cache.MaxMem = 0;
        Cache.MaxFiles = 0;

        // By default libvips loads more than pictures: a text of numbers is a matrix, and SVG may name other files. Its list of untrusted loaders does not block all of these.
        Operation.Block("VipsForeignLoad", true);
        foreach (var format in new[] { "Jpeg", "Png", "Webp", "Nsgif", "Tiff", "Heif" })
            Operation.Block($"VipsForeignLoad{format}", false);

        ReturnLargeBlocks();

        // Errors of an image are in the exception; by default libvips also writes each of them to the program's error output.
        Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning, static (_, _, _) => { });
    }

    // glibc returns only blocks above a threshold to the system, and raises that threshold when large blocks are freed. Eight threads that decoded large and small images
    // kept 500 MB that way; with a fixed threshold they keep 70 MB.
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
            // another C library, such as musl, has no mallopt
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);

    /// <summary>Makes the settings before the first use; later calls cost nothing.</summary>
    public static void Configure()
    {
    }
}
