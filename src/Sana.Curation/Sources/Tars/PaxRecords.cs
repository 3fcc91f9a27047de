using System.Globalization;

namespace Sana.Curation.Sources.Tars;

/// <summary>What extended headers say of the member after them. The last word counts, as POSIX has it.</summary>
internal sealed class PaxRecords
{
    /// <value>The member's name; null when nothing is said.</value>
    public string? Path { get; set; }

    /// <value>The member's size; null when nothing is said.</value>
    public long? Size { get; private set; }

    /// <value>Why the member cannot be trusted; null when it can.</value>
    public string? Fault { get; set; }

    /// <value>Headers read since the last member.</value>
    public int Headers { get; set; }

    /// <summary>Takes the records of one header: <c>"%d key=value\n"</c>, the number being the length of the whole record.</summary>
    public void Add(ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            var blank = data.IndexOf((byte)' ');
            if (blank is < 1 or > 9 || !int.TryParse(data[..blank], NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                || length <= blank + 2 || length > data.Length || data[length - 1] != '\n')
            {
                // Blocks are filled up with zeros; anything else after the records is a fault.
                if (data.ContainsAnyExcept((byte)0))
                    Fault = "its extended header is not a list of records";
                return;
            }

            var record = data[(blank + 1)..(length - 1)];
            var equals = record.IndexOf((byte)'=');
            if (equals < 1)
                Fault = "its extended header has a record without a key";
            else
                Take(record[..equals], record[(equals + 1)..]);
            data = data[length..];
        }
    }

    private void Take(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.SequenceEqual("path"u8))
            Path = TarHeader.Decode(value);
        else if (key.StartsWith("GNU.sparse."u8))
            Fault = "it is a sparse file";
        else if (key.SequenceEqual("size"u8))
            Size = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var size) ? size : -1;
    }
}
