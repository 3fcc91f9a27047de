namespace Sana.Curation.Sources;

/// <summary>Texts and documents that stand in many folders and are no captions.</summary>
internal static class WellKnown
{
    private static readonly HashSet<string> _names = new(StringComparer.OrdinalIgnoreCase)
    {
        "readme", "license", "licence", "copying", "notice", "requirements", "changelog", "classes", "labels", "categories", "contributing", "citation",
            "robots", "sample_prompts", "prompts", "train", "test", "val",
        "trainval", "index", "config", "package", "info", "metadata", "settings", "args",
    };

    public static bool IsOne(string name) => _names.Contains(FileNames.Stem(FileNames.Last(name)));
}

/// <summary>Layouts that are not read, with the way out.</summary>
internal static class UnreadLayouts
{
    public static string? Of(string ending) => ending switch
    {
        "mds" => ".mds of MosaicML Streaming (write the samples as WebDataset tars or Parquet)",
        "tfrecord" or "tfrecords" => ".tfrecord of TensorFlow (write the examples as WebDataset tars or Parquet)",
        "beton" => ".beton of FFCV (take the dataset that it was written from)",
        "mdb" or "lmdb" => ".mdb of LMDB (write the entries as WebDataset tars or Parquet)",
        "h5" or "hdf5" => ".h5 of HDF5 (write the images as files or Parquet)",
        "lance" => ".lance (write it as Parquet)",
        "rec" => ".rec of MXNet (write the records as WebDataset tars)",
        "feather" => ".feather (save it as Parquet)",
        "rar" or "7z" => "." + ending + " archive (unpack it)",
        "zst" or "xz" or "bz2" or "lz4" => "." + ending + " (unpack it, or pack it with gzip)",
        _ => null,
    };
}
