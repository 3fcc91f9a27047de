using Amazon.Runtime;

namespace Sana.Storage.Blobs;

/// <summary>
/// Connections on which no body is announced and waited for (Expect: 100-continue). It costs a round trip; and Ceph's gateway, having refused an announced
/// body, takes it for sent and reads on in the middle of the next request.
/// </summary>
internal sealed class S3Connections : HttpClientFactory
{
    public override HttpClient CreateHttpClient(IClientConfig clientConfig) => new(new Unannounced()) { Timeout = clientConfig.Timeout ?? Timeout.InfiniteTimeSpan };

    private sealed class Unannounced() : DelegatingHandler(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.ExpectContinue = false;
            return base.SendAsync(request, cancellationToken);
        }
    }
}
