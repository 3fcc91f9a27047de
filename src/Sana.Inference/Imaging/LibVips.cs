using NetVips;

namespace Sana.Inference.Imaging;

/// <summary>The one place where the native library's process-wide settings are made.</summary>
public static class LibVips
{
    static LibVips()
    {
        // Images are made and read many at a time by callers who already use every core; threads inside one image would only take turns with them.
        NetVips.NetVips.Concurrency = 1;

        // The cache keeps the last operations' pixels for programs that repeat them. No image is ever processed twice here, so it would be a leak with a limit.
        Cache.Max = 0;
        Cache.MaxMem = 0;
        Cache.MaxFiles = 0;

        // libvips sniffs more than pictures: a text of numbers is a matrix to it, SVG may name other files, and its list of untrusted loaders leaves some of these open.
        Operation.Block("VipsForeignLoad", true);
        foreach (var format in new[] { "Jpeg", "Png", "Webp", "Nsgif", "Tiff" })
            Operation.Block($"VipsForeignLoad{format}", false);

        // What is wrong with an image is in the exception; by default each damaged line would be on the program's error output too.
        Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning, static (_, _, _) => { });
    }

    /// <summary>Makes the settings before the first use; later calls cost nothing.</summary>
    public static void Configure()
    {
    }
}
