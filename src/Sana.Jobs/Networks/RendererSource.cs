using System.Diagnostics;
using Sana.Inference.Diffusion;
using Sana.Jobs.Telemetry;

namespace Sana.Jobs.Networks;

/// <summary>Loads the networks when they are first asked for, once, and again after a reset.</summary>
/// <param name="load">Loads; releases what it loaded before.</param>
public sealed class RendererSource(Func<CancellationToken, Task<IRenderer>> load) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private volatile IRenderer? _loaded;

    /// <value>The renderer that is loaded; null before the first load and after a reset.</value>
    public IRenderer? Loaded => _loaded;

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

    /// <summary>Makes one image of the smallest size: the first pass through a network allocates and compiles.</summary>
    public async Task WarmUp(CancellationToken cancellationToken)
    {
        var renderer = await Get(cancellationToken);
        var smallest = renderer.Resolve(new GenerateOptions { Width = 64, Height = 64, Steps = 2, UseResolutionBinning = false });
        await Task.Run(() => renderer.Generate([new ImageRequest("warm up", 0)], smallest, progress: null, cancellationToken), cancellationToken);
    }

    /// <summary>Forgets the renderer: the next one who asks has it loaded anew.</summary>
    public void Reset() => _loaded = null;

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();
}
