using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Sana.Tests.Support;

/// <summary>Ports of this machine, for servers that tests start.</summary>
internal static class LocalPort
{
    /// <summary>Waits until a process takes connections at a port; throws when it has ended, or after a minute.</summary>
    public static async Task Listening(int port, Process process)
    {
        for (var begin = TimeProvider.System.GetTimestamp(); ; await Task.Delay(50))
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException) when (!process.HasExited && TimeProvider.System.GetElapsedTime(begin) < TimeSpan.FromSeconds(60))
            {
                // Not yet.
            }
        }
    }

    /// <summary>A port that nobody listens on.</summary>
    public static int Free()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
