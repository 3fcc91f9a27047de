using System.Globalization;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>Prompt files in blobs, in pieces: a blob is read as a whole, a prompt file may be larger than memory. The pieces together are the file's bytes.</summary>
internal static class PromptBlobs
{
    private const int PieceBytes = 4 * 1024 * 1024;

    /// <summary>Writes the file's pieces under the SHA-256 of its bytes; the same file is there once.</summary>
    public static async Task<PromptsRef> Write(IBlobs blobs, PromptFile prompts, CancellationToken cancellationToken)
    {
        var folder = $"work/prompts/{prompts.Sha256()}/";
        var buffer = new byte[PieceBytes];
        var pieces = 0;
        await using var bytes = prompts.OpenBytes();
        for (int length; (length = await bytes.ReadAtLeastAsync(buffer, PieceBytes, throwOnEndOfStream: false, cancellationToken)) > 0; pieces++)
        {
            await blobs.PutOrRepair(Piece(folder, pieces), buffer.AsMemory(0, length), cancellationToken);
        }

        return new PromptsRef(folder, prompts.Ending, pieces);
    }

    public static PromptFile Open(IBlobs blobs, PromptsRef prompts) => new(() => new BufferedStream(new Pieces(blobs, prompts), 64 * 1024), prompts.Ending);

    private static string Piece(string folder, int number) => string.Create(CultureInfo.InvariantCulture, $"{folder}{number:000000}");

    /// <summary>One piece in memory at a time.</summary>
    private sealed class Pieces(IBlobs blobs, PromptsRef prompts) : Stream
    {
        private ReadOnlyMemory<byte> _rest;
        private int _next;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            if (_rest.IsEmpty && _next < prompts.Pieces)
            {
                var name = Piece(prompts.Folder, _next++);
                // Prompt files are read line by line by code that does not wait; this runs on a step's own thread.
                _rest = blobs.Read(name, CancellationToken.None).GetAwaiter().GetResult() ?? throw new SanaException($"{blobs.Place} has no {name}; submit the job again.");
            }

            var length = Math.Min(count, _rest.Length);
            _rest[..length].CopyTo(buffer.AsMemory(offset));
            _rest = _rest[length..];
            return length;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
