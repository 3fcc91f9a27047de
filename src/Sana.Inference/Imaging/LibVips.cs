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

        KeepBlocks();

        // Errors of an image are in the exception; by default libvips also writes each of them to the program's error output.
        Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning, static (_, _, _) => { });
    }

    // By default glibc gives the memory of each image back to the system and asks for it again, page by page, with the next: as long as the work itself. Blocks up to 16 MiB, which are the pixels of
    // 5 megapixels, stay with the process, and so do 24 MiB of free memory for each thread that allocates; larger blocks are given back at once, or eight threads would keep 500 MB.
    private static void KeepBlocks()
    {
        const int TrimThreshold = -1;
        const int MmapThreshold = -3;
        try
        {
            _ = MallOpt(MmapThreshold, 16 << 20);
            _ = MallOpt(TrimThreshold, 24 << 20);
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            // another C library, such as musl, has no mallopt
        }
    }

    /// <summary>Gives the memory of images that were processed back to the system. Any thread; what is in use stays.</summary>
    public static void ReturnMemory()
    {
        try
        {
            _ = MallocTrim(0);
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            // another C library, such as musl, gives it back by itself
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint pad);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);

    /// <summary>Makes the settings before the first use; later calls cost nothing.</summary>
    public static void Configure()
    {
    }
}
