using System.Net;
using Amazon.Runtime;

namespace Sana.Storage.Blobs;

/// <summary>What the service, the network or the sign-in said, as a sentence with the fix and without the request's headers.</summary>
internal static class S3Fault
{
    public static bool IsFromService(Exception error) => error switch
    {
        ObjectChangedException => false,
        AmazonServiceException or AmazonClientException or HttpRequestException or IOException => true,
        // A request that ran into the client's own time limit; a cancellation from outside carries its token.
        TaskCanceledException { CancellationToken.CanBeCanceled: false } or TimeoutException => true,
        _ => false,
    };

    public static SanaException From(string verb, string place, Exception error) => error switch
    {
        AmazonServiceException { ErrorCode: "NoSuchBucket" } => new SanaException(
            $"Cannot {verb} {place}: there is no such bucket; make it ('aws s3 mb' or the service's console), or correct the name, the endpoint or the region.", error),
        AmazonServiceException { ErrorCode: "RequestTimeTooSkewed" } => new SanaException(
            $"Cannot {verb} {place}: the clock of this machine is off by more than the service allows; set it and run the same command again.", error),
        AmazonServiceException { ErrorCode: "ExpiredToken" or "ExpiredTokenException" or "TokenRefreshRequired" } => new SanaException(
            $"Cannot {verb} {place}: the keys have expired; give fresh ones, and run the same command again.", error),
        AmazonServiceException { ErrorCode: "InvalidAccessKeyId" or "SignatureDoesNotMatch" or "InvalidToken" } wrong => new SanaException(
            $"Cannot {verb} {place}: the service does not know the keys ({wrong.ErrorCode}); check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or the profile in AWS_PROFILE.", error),
        AmazonServiceException { ErrorCode: "AuthorizationHeaderMalformed" or "PermanentRedirect" or "IllegalLocationConstraintException" } => new SanaException(
            $"Cannot {verb} {place}: the bucket is in another region; add ?region=NAME to its address or set AWS_REGION.", error),
        AmazonServiceException { StatusCode: HttpStatusCode.InsufficientStorage } or AmazonServiceException { ErrorCode: "QuotaExceeded" or "XMinioStorageFull" } => new SanaException(
            $"Cannot {verb} {place}: the bucket is full; make room or raise its quota and run the same command again.", error),
        AmazonServiceException { StatusCode: HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden } denied => new BucketRefusal(
            $"Cannot {verb} {place}: the service refuses ({denied.ErrorCode}); reading needs the rights s3:GetObject and s3:ListBucket, writing s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload.", error),
        AmazonServiceException { StatusCode: HttpStatusCode.NotImplemented } => new SanaException(
            $"Cannot {verb} {place}: the service does not do what is asked of it (501), so it cannot hold outputs; use a store that keeps conditions on PUT (If-None-Match).", error),
        AmazonServiceException { StatusCode: not 0 } failed => new SanaException(
            $"Cannot {verb} {place}: the service answers {(int)failed.StatusCode} {failed.ErrorCode}; run the same command again.", error),
        AmazonClientException when IsUnsigned(error) => new SanaException(
            $"Cannot {verb} {place}: nobody is signed in; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a profile with keys, or give the machine a role. Keys of a profile of aws sso come by 'aws configure export-credentials --format env'.", error),
        _ => new SanaException($"Cannot {verb} {place}: the service does not answer ({Innermost(error).Message.TrimEnd('.')}); check the endpoint and the network and run the same command again.", error),
    };

    // The client says it in words only.
    private static bool IsUnsigned(Exception error) => error.Message.Contains("credentials", StringComparison.OrdinalIgnoreCase);

    private static Exception Innermost(Exception error) => error.InnerException is { } inner ? Innermost(inner) : error;
}

/// <summary>The object is another one than when the reading began.</summary>
internal sealed class ObjectChangedException(Exception innerException) : IOException("The blob changed while it was read.", innerException);
