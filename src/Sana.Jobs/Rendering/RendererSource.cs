using System.Diagnostics;
using Sana.Jobs.Generation;
using Sana.Jobs.Telemetry;

namespace Sana.Jobs.Rendering;

/// <summary>Loads the networks when they are first asked for, once, and again after they were given up.</summary>
/// <param name="load">Loads; releases what it loaded before.</param>
public sealed class RendererSource(Func<CancellationToken, Task<IRenderer>> load) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private IRenderer? _loaded;

    /// <summary>The renderer; whoever comes while it loads waits.</summary>
    public async Task<IRenderer> Get(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            if (_loaded is null)
            {
                var clock = Stopwatch.StartNew();
                _loaded = await load(cancellationToken);
                SanaTelemetry.ModelLoad.Record(clock.Elapsed.TotalSeconds);
            }

            return _loaded;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Forgets the renderer: the next one who asks has it loaded anew.</summary>
    public void Reset() => _loaded = null;

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();
}
