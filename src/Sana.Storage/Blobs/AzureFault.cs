using Azure;
using Azure.Identity;

namespace Sana.Storage.Blobs;

/// <summary>What the storage service, the network or the sign-in said, as a sentence with the fix and without the request's headers.</summary>
internal static class AzureFault
{
    public static bool IsFromService(Exception error) => error switch
    {
        ObjectChangedException => false,
        RequestFailedException or AuthenticationFailedException or HttpRequestException or IOException => true,
        AggregateException many => many.InnerExceptions.All(IsFromService),
        // A request that ran into the client's own time limit; a cancellation from outside carries its token.
        TaskCanceledException { CancellationToken.CanBeCanceled: false } => true,
        _ => false,
    };

    public static SanaException From(string verb, Uri address, string place, Exception error)
    {
        var first = error is AggregateException many ? many.InnerExceptions[0] : error;
        return first switch
        {
            AuthenticationFailedException => new SanaException(
                $"Cannot {verb} {place}: nobody is signed in; run 'az login', give the machine an identity, or use a connection string or an address with a signature.", error),
            RequestFailedException { Status: 0 } or HttpRequestException or TaskCanceledException when address.IsLoopback => new SanaException(
                $"Cannot {verb} {place}: nothing answers at {address.GetLeftPart(UriPartial.Authority)}; start Azurite with 'npx azurite-blob --location .azurite' and run the same command again.",
                error),
            RequestFailedException { Status: 0 } or HttpRequestException or TaskCanceledException => new SanaException(
                $"Cannot {verb} {place}: {address.Host} does not answer; check the account's name and the network and run the same command again.", error),
            RequestFailedException { Status: 401 or 403 } denied => new SanaException(
                $"Cannot {verb} {place}: the service refuses ({denied.ErrorCode}); the identity needs the role Storage Blob Data Contributor, a signature the rights racwl.", error),
            RequestFailedException failed => new SanaException(
                $"Cannot {verb} {place}: the service answers {failed.Status} {failed.ErrorCode}; run the same command again.", error),
            _ => new SanaException($"Cannot {verb} {place}: the connection broke ({first.GetType().Name}); run the same command again.", error),
        };
    }
}
