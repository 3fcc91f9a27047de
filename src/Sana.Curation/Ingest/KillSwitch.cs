using NetVips;

namespace Sana.Curation.Ingest;

/// <summary>Stops native work when time is up or the run is cancelled: libvips asks between lines whether an image was killed.</summary>
internal sealed class KillSwitch : IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _deadline;
    private readonly CancellationTokenRegistration _registration;
    private Image? _image;

    public KillSwitch(TimeSpan deadline, CancellationToken cancellationToken)
    {
        _deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _deadline.CancelAfter(deadline);
        _registration = _deadline.Token.Register(Kill);
    }

    /// <summary>Whether time was up, or the run was cancelled.</summary>
    public bool IsThrown => _deadline.IsCancellationRequested;

    /// <summary>Runs work that pulls pixels through an image.</summary>
    public T Watch<T>(Image image, Func<Image, T> work)
    {
        lock (_lock)
        {
            _image = image;
            if (IsThrown)
                image.SetKill(true);
        }

        try
        {
            return work(image);
        }
        finally
        {
            lock (_lock)
                _image = null;
        }
    }

    public void Dispose()
    {
        _registration.Dispose();
        _deadline.Dispose();
    }

    private void Kill()
    {
        lock (_lock)
            _image?.SetKill(true);
    }
}
