namespace Sana.GraphBuilder.Configs;

/// <summary>
/// Python's json module writes NaN and Infinity without quotes, which JSON forbids; every scheduler_config.json of diffusers has
/// <c>"lambda_min_clipped": -Infinity</c>. Here they become strings, so that an error message can still show them.
/// </summary>
internal static class PythonJson
{
    public static ReadOnlyMemory<byte> Quoted(byte[] json)
    {
        if (json.AsSpan().IndexOf("NaN"u8) < 0 && json.AsSpan().IndexOf("Infinity"u8) < 0)
            return json;

        var written = new MemoryStream(json.Length + 64);
        var inString = false;
        for (var i = 0; i < json.Length; i++)
        {
            var literal = inString ? default : LiteralAt(json.AsSpan(i));
            if (!literal.IsEmpty)
            {
                written.WriteByte((byte)'"');
                written.Write(literal);
                written.WriteByte((byte)'"');
                i += literal.Length - 1;
                continue;
            }

            if (json[i] == '"')
                inString = !inString;
            else if (json[i] == '\\' && inString && i + 1 < json.Length)
                written.WriteByte(json[i++]);
            written.WriteByte(json[i]);
        }

        return written.GetBuffer().AsMemory(0, (int)written.Length);
    }

    private static ReadOnlySpan<byte> LiteralAt(ReadOnlySpan<byte> json) =>
        json.StartsWith("NaN"u8) ? "NaN"u8
        : json.StartsWith("Infinity"u8) ? "Infinity"u8
        : json.StartsWith("-Infinity"u8) ? "-Infinity"u8
        : default;
}
