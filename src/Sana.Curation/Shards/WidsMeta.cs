using System.Text.Json;

namespace Sana.Curation.Shards;

/// <summary><c>wids-meta.json</c>: the list of tars that Sana's loader opens, with the fields and the kind that Sana's own tool writes (it has no checksums; the manifest has).</summary>
public static class WidsMeta
{
    /// <summary>What Sana's tool calls the file.</summary>
    public const string Kind = "SANA-WebDataset";

    /// <summary>The list's content.</summary>
    /// <param name="name">The dataset's name.</param>
    /// <param name="shards">All shards of the dataset, complete, in any order.</param>
    public static byte[] Bytes(string name, IEnumerable<ShardStats> shards)
    {
        ArgumentNullException.ThrowIfNull(shards);
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Sample.Json with { Indented = true, IndentSize = 4, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("__kind__", Kind);
            json.WriteNumber("wids_version", 1);
            json.WriteStartArray("shardlist");
            foreach (var tar in shards.Select(shard => shard.Files[0]).OrderBy(tar => tar.Name, StringComparer.Ordinal))
            {
                json.WriteStartObject();
                json.WriteString("url", tar.Name);
                json.WriteNumber("nsamples", tar.Samples);
                json.WriteNumber("filesize", tar.Bytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return bytes.ToArray();
    }
}
