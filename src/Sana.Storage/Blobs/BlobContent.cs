namespace Sana.Storage.Blobs;

/// <summary>Media types by a name's ending: the folder keeps none, so both places take it from here.</summary>
internal static class BlobContent
{
    public static string Type(string name) => Path.GetExtension(name) switch
    {
        ".png" => "image/png",
        ".jpg" => "image/jpeg",
        ".webp" => "image/webp",
        ".json" => "application/json",
        ".jsonl" => "application/jsonl",
        ".txt" => "text/plain; charset=utf-8",
        ".html" => "text/html; charset=utf-8",
        ".tar" => "application/x-tar",
        ".parquet" => "application/vnd.apache.parquet",
        _ => "application/octet-stream",
    };
}
