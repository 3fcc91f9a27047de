using System.Formats.Tar;
using System.Text;

namespace Sana.Curation.Shards;

/// <summary>Writes samples as the members of a plain ustar archive: image, txt, json of one key side by side. Owners, times and modes are constant, so the same samples give the same bytes.</summary>
/// <param name="output">Takes the archive, in order.</param>
/// <param name="imageExtension">jpg or png.</param>
internal sealed class SampleTar(Stream output, string imageExtension) : IAsyncDisposable
{
    private const int BlockSize = 512;

    // Not 1970: GNU tar warns of a stamp as old as that.
    private static readonly DateTimeOffset _time = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly TarWriter _tar = new(output, TarEntryFormat.Ustar, leaveOpen: true);
    private bool _isEmpty = true;

    public async Task Add(IndexRow row, byte[] image, CancellationToken cancellationToken)
    {
        var fileName = $"{row.Key}.{imageExtension}";
        await Member(fileName, image, cancellationToken);
        await Member($"{row.Key}.txt", Encoding.UTF8.GetBytes(Sample.Chosen(row).Text!), cancellationToken);
        await Member($"{row.Key}.json", Sample.Facts(row, fileName), cancellationToken);
    }

    /// <summary>Ends the archive.</summary>
    public async ValueTask DisposeAsync()
    {
        await _tar.DisposeAsync();
        if (_isEmpty)
            await output.WriteAsync(new byte[2 * BlockSize]); // The writer leaves an archive of nothing at no bytes, which readers take for a damaged one.
    }

    private async Task Member(string name, byte[] bytes, CancellationToken cancellationToken)
    {
        var entry = new UstarTarEntry(TarEntryType.RegularFile, name)
        {
            DataStream = new MemoryStream(bytes, writable: false),
            Mode = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead,
            ModificationTime = _time,
        };
        _isEmpty = false;
        await _tar.WriteEntryAsync(entry, cancellationToken);
    }
}
