using System.Buffers;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Sana.Storage.Hub;

/// <summary>
/// One file from the Hub into the cache. What has arrived stands in a file of a name that the next process finds; it is read again for its hash and never asked
/// for twice. Only what has the right hash gets the name that says so.
/// </summary>
internal sealed class HubDownload(HubClient client, HubCache cache, HubSettings settings, HubId id, string commit, HubFile file, HubMeter meter)
{
    private const int BufferBytes = 1 << 20;

    private bool _startedOver;

    /// <exception cref="SanaException">It cannot be had, its bytes are not those that the Hub says, or the disk refuses.</exception>
    public async Task Run(CancellationToken cancellationToken)
    {
        using var owner = await cache.Lock(file.Hash, () => meter.Say($"{file.Path} is being downloaded already, and is waited for."), cancellationToken);
        if (File.Exists(cache.Blob(file.Hash)))
        {
            // Another revision has it too, or another program was faster.
            meter.Found(file.Length);
            File.Delete(cache.Incomplete(file.Hash));
        }
        else
        {
            await Fetch(cancellationToken);
        }

        cache.Link(commit, file.Path, file.Hash);
        meter.FileDone();
    }

    private async Task Fetch(CancellationToken cancellationToken)
    {
        await using (var part = new FileStream(cache.Incomplete(file.Hash), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous))
        {
            using var hash = IncrementalHash.CreateHash(IsLfs ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
            await ReadAgain(part, hash, cancellationToken);
            for (var failures = 0; !await IsWhole(part, hash, cancellationToken);)
            {
                var before = part.Length;
                try
                {
                    await Append(part, hash, cancellationToken);
                }
                catch (HubBusyException busy)
                {
                    failures = part.Length > before ? 1 : failures + 1;
                    if (failures >= settings.MaxAttempts)
                    {
                        throw new SanaException(
                            $"{file.Path} of {id} did not come from {settings.Endpoint} in {failures} attempts: {busy.Message}; run the same command again, it goes on where it stopped.", busy);
                    }

                    var wait = HubRepository.WaitAfter(settings, busy, failures);
                    meter.Say(string.Create(CultureInfo.InvariantCulture, $"{file.Path} is asked for again in {wait.TotalSeconds:0} s: {busy.Message}."));
                    await Task.Delay(wait, cancellationToken);
                }
            }

            part.Flush(flushToDisk: true);
        }

        File.Move(cache.Incomplete(file.Hash), cache.Blob(file.Hash), overwrite: true);
    }

    private bool IsLfs => file.Hash.Length == 64;

    // What earlier processes left. After a crash of the machine its end may be zeros: the hash will say so.
    private async Task ReadAgain(FileStream part, IncrementalHash hash, CancellationToken cancellationToken)
    {
        if (part.Length > file.Length)
            part.SetLength(0);
        Begin(hash);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        part.Position = 0;
        while (await part.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            hash.AppendData(buffer, 0, read);
            meter.Found(read);
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }

    private void StartOver(FileStream part, IncrementalHash hash)
    {
        meter.Found(-part.Length);
        part.SetLength(0);
        _ = hash.GetHashAndReset();
        Begin(hash);
    }

    // Git hashes a header before the bytes.
    private void Begin(IncrementalHash hash)
    {
        if (!IsLfs)
            hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {file.Length}\0")));
    }

    private Task<bool> IsWhole(FileStream part, IncrementalHash hash, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (part.Length < file.Length)
            return Task.FromResult(false);
        var found = Convert.ToHexStringLower(hash.GetCurrentHash());
        if (found == file.Hash)
            return Task.FromResult(true);
        StartOver(part, hash);
        if (_startedOver)
        {
            throw new SanaException(
                $"{file.Path} of {id} came twice from {settings.Endpoint} with other bytes than it should have: their hash is {found}, not {file.Hash}; nothing of them was kept, look for a proxy or a mirror that changes files.");
        }

        _startedOver = true;
        return Task.FromResult(false);
    }

    private async Task Append(FileStream part, IncrementalHash hash, CancellationToken cancellationToken)
    {
        using var response = await client.Open(id, commit, file.Path, part.Length, cancellationToken);
        var isRest = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == part.Length;
        if (part.Length > 0 && !isRest)
            StartOver(part, hash);
        if (!isRest && response.StatusCode != HttpStatusCode.OK)
            throw new HubBusyException($"it answered {(int)response.StatusCode} to a request for bytes from {part.Length} on", wait: null, inner: null);

        part.Position = part.Length;
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            while (await Read(stream, buffer, cancellationToken) is > 0 and var read)
            {
                var taken = (int)Math.Min(read, file.Length - part.Length);
                hash.AppendData(buffer, 0, taken);
                await part.WriteAsync(buffer.AsMemory(0, taken), cancellationToken);
                meter.Arrived(taken);
                if (part.Length >= file.Length)
                    return;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        if (part.Length < file.Length)
            throw new HubBusyException($"the connection ended after {part.Length} of {file.Length} bytes", wait: null, inner: null);
    }

    private async Task<int> Read(Stream stream, byte[] buffer, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(settings.Patience);
        try
        {
            return await stream.ReadAsync(buffer, limit.Token);
        }
        catch (Exception error) when (client.Busy(error, cancellationToken) is { } busy)
        {
            throw busy;
        }
    }
}
