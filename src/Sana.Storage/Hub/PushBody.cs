using System.Buffers;
using System.Buffers.Text;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Sana.Storage.Blobs;

namespace Sana.Storage.Hub;

/// <summary>A file that is to be in a repository.</summary>
/// <param name="Path">Its name there.</param>
/// <param name="Length">In bytes.</param>
/// <param name="Sha256">Of its bytes, where it is known; null to have it read for that.</param>
/// <param name="Open">Opens it, seekable.</param>
internal sealed record PushFile(string Path, long Length, string? Sha256, Func<CancellationToken, Task<Stream>> Open)
{
    /// <summary>What it is called in a repository: SHA-256 of a large file, SHA-1 of git of another.</summary>
    /// <exception cref="SanaException">It cannot be read.</exception>
    public async Task<string> Hash(bool isLarge, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(isLarge ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        if (!isLarge)
            hash.AppendData(Encoding.ASCII.GetBytes(FormattableString.Invariant($"blob {Length}\0")));
        await Read(0, Length, bytes =>
        {
            hash.AppendData(bytes.Span);
            return ValueTask.CompletedTask;
        }, cancellationToken);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Its first bytes, at most so many.</summary>
    /// <exception cref="SanaException">It cannot be read, or is longer or shorter than it should be.</exception>
    public async Task<byte[]> Head(int most, CancellationToken cancellationToken)
    {
        var head = new MemoryStream();
        await Read(0, Math.Min(most, Length), async bytes => await head.WriteAsync(bytes, cancellationToken), cancellationToken);
        return head.ToArray();
    }

    /// <summary>Reads a part of it, piece by piece; every piece but the last is a multiple of 3 bytes long.</summary>
    /// <exception cref="SanaException">It cannot be read, or is longer or shorter than it should be.</exception>
    public async Task Read(long from, long length, Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken cancellationToken)
    {
        const int PieceBytes = 3 << 19;
        await using var content = await Open(cancellationToken);
        if (content.Length != Length)
            throw new SanaException($"{Path} is damaged: it has {content.Length} bytes and should have {Length}; restore it from a copy or curate the dataset again.");
        content.Position = from;
        var piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            for (var left = length; left > 0;)
            {
                var bytes = piece.AsMemory(0, (int)Math.Min(PieceBytes, left));
                try
                {
                    await content.ReadExactlyAsync(bytes, cancellationToken);
                }
                catch (Exception error) when (error is IOException or UnauthorizedAccessException)
                {
                    // Not a fault of the network that it goes to.
                    throw FileFault.From("read", Path, error);
                }

                await take(bytes);
                left -= bytes.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }
}

/// <summary>A file or a part of it as the body of a request. It is read while it is sent.</summary>
/// <param name="file">The file.</param>
/// <param name="from">First byte.</param>
/// <param name="length">Bytes.</param>
/// <param name="hash">Hears of them.</param>
/// <param name="moved">Hears how many went.</param>
internal sealed class PushBody(PushFile file, long from, long length, PushHash hash, Action<int> moved) : HttpContent
{
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var at = from;
        await file.Read(from, length, async bytes =>
        {
            hash.Append(at, bytes.Span);
            await stream.WriteAsync(bytes, cancellationToken);
            at += bytes.Length;
            moved(bytes.Length);
        }, cancellationToken);
    }

    protected override bool TryComputeLength(out long bytes)
    {
        bytes = length;
        return true;
    }
}

/// <summary>The lines of a commit. Small files stand in them whole and are read while they are sent; large ones by their hash.</summary>
internal sealed class CommitBody : HttpContent
{
    private readonly List<(byte[] Before, PushFile? File)> _lines = [];
    private readonly Action<int> _moved;

    /// <param name="summary">Title of the commit.</param>
    /// <param name="parent">The commit that it follows.</param>
    /// <param name="moved">Hears how many bytes went.</param>
    public CommitBody(string summary, string parent, Action<int> moved)
    {
        _moved = moved;
        Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
        Add("header", new JsonObject { ["summary"] = summary, ["description"] = "", ["parentCommit"] = parent });
    }

    /// <summary>Adds a file that the store for large files has.</summary>
    public void AddLarge(string path, string oid, long length) => Add("lfsFile", new JsonObject { ["path"] = path, ["algo"] = "sha256", ["oid"] = oid, ["size"] = length });

    /// <summary>Takes a file away.</summary>
    public void Remove(string path) => Add("deletedFile", new JsonObject { ["path"] = path });

    /// <summary>Adds a small file.</summary>
    public void Add(PushFile file)
    {
        // Its base64 is written between the last two quotation marks.
        var line = new JsonObject { ["key"] = "file", ["value"] = new JsonObject { ["path"] = file.Path, ["encoding"] = "base64", ["content"] = "" } }.ToJsonString();
        var mark = line.LastIndexOf('"');
        _lines.Add((Encoding.UTF8.GetBytes(line[..mark]), file));
        _lines.Add((Encoding.UTF8.GetBytes(line[mark..] + '\n'), null));
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        foreach (var (before, file) in _lines)
        {
            await stream.WriteAsync(before, cancellationToken);
            _moved(before.Length);
            if (file is not null)
            {
                await file.Read(0, file.Length, async bytes =>
                {
                    var text = ArrayPool<byte>.Shared.Rent(Base64.GetMaxEncodedToUtf8Length(bytes.Length));
                    Base64.EncodeToUtf8(bytes.Span, text, out _, out var written);
                    await stream.WriteAsync(text.AsMemory(0, written), cancellationToken);
                    ArrayPool<byte>.Shared.Return(text);
                    _moved(written);
                }, cancellationToken);
            }
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _lines.Sum(line => line.Before.Length + ((line.File?.Length ?? 0) + 2) / 3 * 4);
        return true;
    }

    private void Add(string key, JsonObject value) => _lines.Add((Encoding.UTF8.GetBytes(new JsonObject { ["key"] = key, ["value"] = value }.ToJsonString() + '\n'), null));
}
