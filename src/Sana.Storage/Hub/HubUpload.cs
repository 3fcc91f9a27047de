using System.Globalization;
using System.Security.Cryptography;

namespace Sana.Storage.Hub;

/// <summary>
/// One file to the Hub's store for large files, in one request or in parts. It is hashed while it is sent, so that what changed or is damaged is never committed.
/// </summary>
internal sealed class HubUpload(HubClient client, HubSettings settings, HubId id, PushFile file, string oid, HubMeter meter)
{
    private const int PartAttempts = 3; // then the address is asked for anew

    /// <summary>Sends it.</summary>
    /// <param name="first">What Git LFS says of it.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>Whether it was sent; false when the store had it.</returns>
    /// <exception cref="SanaException">It does not get there, or is not what its hash says.</exception>
    public async Task<bool> Run(HubObject first, CancellationToken cancellationToken)
    {
        var (isCounted, isSent, wrong) = (false, false, 0);
        HubObject? asked = first;
        for (var failures = 0; ; asked = null)
        {
            try
            {
                asked ??= (await client.Batch(id, [(oid, file.Length, file.Path)], cancellationToken))[oid];
                if (asked.Upload is { } upload)
                {
                    await Send(upload, cancellationToken);
                    (isCounted, isSent) = (true, true);
                }

                if (asked.Verify is null || await client.Verify(id, file.Path, asked.Verify, oid, file.Length, cancellationToken))
                {
                    if (!isCounted)
                        meter.Found(file.Length);
                    return isSent;
                }

                if (isCounted)
                    meter.Found(-file.Length);
                isCounted = false;
                if (++wrong == 2)
                {
                    throw new SanaException(
                        $"{settings.Endpoint} says twice that {file.Path} of {id} arrived with other bytes than the {file.Length} of the SHA-256 {oid}; nothing was committed, look for a proxy that changes files.");
                }
            }
            catch (HubBusyException busy)
            {
                if (++failures >= settings.MaxAttempts)
                {
                    throw new SanaException(
                        $"{file.Path} did not get to {id} at {settings.Endpoint} in {failures} attempts: {busy.Message}; run the same command again, what has arrived is not sent again.", busy);
                }

                var wait = HubRepository.WaitAfter(settings, busy, failures);
                meter.Say(string.Create(CultureInfo.InvariantCulture, $"{file.Path} is sent again in {wait.TotalSeconds:0} s: {busy.Message}."));
                await Task.Delay(wait, cancellationToken);
            }
        }
    }

    private async Task Send(HubAction upload, CancellationToken cancellationToken)
    {
        using var hash = new PushHash();
        if (upload.PartBytes is not { } size)
        {
            await Put(upload, hash, 0, file.Length, cancellationToken);
            Check(hash);
            return;
        }

        var parts = upload.Parts;
        if (parts.Count != (file.Length + size - 1) / size)
            throw new SanaException($"{settings.Endpoint} did not answer as the Hub does when it was asked where the parts of {file.Path} go; set HF_ENDPOINT to an address that does.");
        var tags = new List<string>();
        try
        {
            foreach (var part in parts)
            {
                var from = tags.Count * size;
                var to = new HubAction(part, new Dictionary<string, string>(), null, []);
                tags.Add(await HubRepository.Patiently(settings, PartAttempts, () => Put(to, hash, from, Math.Min(size, file.Length - from), cancellationToken), cancellationToken)
                    ?? throw new HubBusyException("it gave a part no ETag", wait: null, inner: null));
            }

            Check(hash);
            await client.Complete(id, file.Path, upload, oid, tags, cancellationToken);
        }
        catch
        {
            // A new upload begins with its first part.
            meter.Found(-Math.Min(tags.Count * size, file.Length));
            throw;
        }
    }

    private async Task<string?> Put(HubAction to, PushHash hash, long from, long length, CancellationToken cancellationToken)
    {
        var sent = 0L;
        try
        {
            return await client.Put(id, file.Path, to, moved => new PushBody(file, from, length, hash, moved), Sent, cancellationToken);
        }
        catch
        {
            meter.Found(-Interlocked.Exchange(ref sent, 0));
            throw;
        }

        void Sent(int bytes)
        {
            Interlocked.Add(ref sent, bytes);
            meter.Arrived(bytes);
        }
    }

    private void Check(PushHash hash)
    {
        if (hash.Value is var found && found != oid)
            throw new SanaException($"{file.Path} is damaged: the SHA-256 of its bytes is {found}, and the dataset's manifest says {oid}; nothing was committed, restore it from a copy or curate the dataset again.");
    }
}

/// <summary>SHA-256 of a file that is read from its first byte to its last, and in parts once more after a fault.</summary>
internal sealed class PushHash : IDisposable
{
    private readonly Lock _one = new();
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _at;

    /// <value>Of what was read, 64 digits.</value>
    public string Value
    {
        get
        {
            lock (_one)
                return Convert.ToHexStringLower(_hash.GetCurrentHash());
        }
    }

    /// <summary>Takes the bytes from a position on, as far as it has not had them.</summary>
    public void Append(long position, ReadOnlySpan<byte> bytes)
    {
        lock (_one)
        {
            if (position > _at || position + bytes.Length <= _at)
                return;
            var fresh = bytes[(int)(_at - position)..];
            _hash.AppendData(fresh);
            _at += fresh.Length;
        }
    }

    public void Dispose() => _hash.Dispose();
}
