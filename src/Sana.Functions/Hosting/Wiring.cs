namespace Sana.Functions.Hosting;

/// <summary>Opens the app's parts when the first function needs them, once; again after it failed.</summary>
/// <param name="open">Opens them.</param>
internal sealed class Wiring(Func<CancellationToken, Task<HostParts>> open) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private HostParts? _parts;

    public async ValueTask<HostParts> Get(CancellationToken cancellationToken)
    {
        if (_parts is { } ready)
            return ready;
        await _one.WaitAsync(cancellationToken);
        try
        {
            return _parts ??= await open(cancellationToken);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();
}
