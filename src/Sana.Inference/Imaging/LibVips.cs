using NetVips;

namespace Sana.Inference.Imaging;

/// <summary>The one place where the native library's process-wide settings are made.</summary>
internal static class LibVips
{
    static LibVips()
    {
        // Images are made and read many at a time by callers who already use every core; threads inside one image would only take turns with them.
        NetVips.NetVips.Concurrency = 1;

        // The cache keeps the last operations' pixels for programs that repeat them. No image is ever processed twice here, so it would be a leak with a limit.
        Cache.Max = 0;
        Cache.MaxMem = 0;
        Cache.MaxFiles = 0;
    }

    /// <summary>Makes the settings before the first use; later calls cost nothing.</summary>
    public static void Configure()
    {
    }
}
