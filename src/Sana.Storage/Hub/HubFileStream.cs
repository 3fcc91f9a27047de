using System.Buffers;
using System.Net;
using Sana.Storage.Net;

namespace Sana.Storage.Hub;

/// <summary>
/// A file of a commit, read as it comes. A connection that breaks is opened again at the byte where it broke; a jump ahead of less than
/// <see cref="SkipBytes"/> reads over what lies between, any other asks for another range.
/// </summary>
internal sealed class HubFileStream(HubClient client, HubSettings settings, HubId id, string commit, HubFile file) : RemoteStream(file.Length)
{
    private const int SkipBytes = 256 * 1024;

    private HttpResponseMessage? _response;
    private Stream? _body;
    private long _at;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Position >= Length || buffer.Length == 0)
            return 0;
        for (var failures = 1; ; failures++)
        {
            try
            {
                await Reach(cancellationToken);
                var read = await ReadBody(buffer[..(int)Math.Min(buffer.Length, Length - Position)], cancellationToken);
                Position += read;
                return read;
            }
            catch (HubBusyException busy)
            {
                Drop();
                if (failures >= settings.MaxAttempts)
                    throw new SanaException($"{file.Path} of {id} did not come from {settings.Endpoint} in {failures} attempts: {busy.Message}; run the same command again, it goes on where it stopped.", busy);
                await Task.Delay(HubRepository.WaitAfter(settings, busy, failures), cancellationToken);
            }
            catch
            {
                Drop();
                throw;
            }
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Drop();
        base.Dispose(disposing);
    }

    private void Drop()
    {
        _response?.Dispose();
        (_response, _body) = (null, null);
    }

    /// <summary>Has the next byte of the body be the one of the position.</summary>
    private async Task Reach(CancellationToken cancellationToken)
    {
        if (_body is not null && (_at > Position || Position - _at > SkipBytes))
            Drop();
        if (_body is null)
        {
            _response = await client.Open(id, commit, file.Path, Position, cancellationToken);
            // A server without ranges sends the whole.
            _at = _response.StatusCode switch
            {
                HttpStatusCode.PartialContent when _response.Content.Headers.ContentRange?.From == Position => Position,
                HttpStatusCode.OK => 0,
                _ => throw new HubBusyException($"it answered {(int)_response.StatusCode} to a request for bytes from {Position} on", wait: null, inner: null),
            };
            _body = await _response.Content.ReadAsStreamAsync(cancellationToken);
        }

        if (_at == Position)
            return;
        var skipped = ArrayPool<byte>.Shared.Rent(64 * 1024);
        try
        {
            while (_at < Position)
                await ReadBody(skipped.AsMemory(0, (int)Math.Min(skipped.Length, Position - _at)), cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(skipped);
        }
    }

    private async Task<int> ReadBody(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(settings.Patience);
        try
        {
            var read = await _body!.ReadAsync(buffer, limit.Token);
            _at += read;
            return read > 0 ? read : throw new HubBusyException($"the connection ended after {_at} of {Length} bytes", wait: null, inner: null);
        }
        catch (Exception error) when (client.Busy(error, cancellationToken) is { } busy)
        {
            throw busy;
        }
    }
}
