using System.Text.RegularExpressions;
using System.Web;

namespace Sana.Storage.Blobs;

/// <summary>A bucket as people write it: <c>s3://bucket[/prefix][?endpoint=URL&amp;region=NAME]</c> or <c>gs://bucket[/prefix]</c>.</summary>
/// <param name="Bucket">Its name.</param>
/// <param name="Path">What stands after the bucket, as it was written; empty for nothing.</param>
/// <param name="Endpoint">The address of a service that speaks S3; null for the vendor's own.</param>
/// <param name="Region">Null for the one of the environment.</param>
internal sealed partial record BucketAddress(string Bucket, string Path, Uri? Endpoint, string? Region)
{
    public const string S3 = "s3://";
    public const string Google = "gs://";

    public static bool Is(string text) => text.StartsWith(S3, StringComparison.Ordinal) || text.StartsWith(Google, StringComparison.Ordinal);

    /// <exception cref="SanaException">The text is no such address; the message shows no secret that it may hold.</exception>
    public static BucketAddress Parse(string text)
    {
        var (whole, query) = text.IndexOf('?', StringComparison.Ordinal) is >= 0 and var mark ? (text[..mark], text[(mark + 1)..]) : (text, "");
        var rest = whole[S3.Length..];
        var (bucket, path) = rest.IndexOf('/', StringComparison.Ordinal) is >= 0 and var slash ? (rest[..slash], rest[(slash + 1)..]) : (rest, "");
        if (!BucketName().IsMatch(bucket))
            throw new SanaException($"An address {text[..S3.Length]}bucket[/prefix] has a bucket's name of 3…63 of a-z, 0-9, '.', '_' and '-', and no key before it; keys come from the environment.");
        // Listings of these are in no order, and everything here rests on the order.
        if (bucket.EndsWith("--x-s3", StringComparison.Ordinal))
            throw new SanaException($"'{bucket}' is a directory bucket, whose listings are in no order; use a general purpose bucket.");

        Uri? endpoint = null;
        string? region = null;
        var parts = HttpUtility.ParseQueryString(query);
        foreach (var name in parts.AllKeys)
        {
            if (name == "endpoint" && text.StartsWith(S3, StringComparison.Ordinal) && Uri.TryCreate(parts[name], UriKind.Absolute, out endpoint) && endpoint.Scheme is "https" or "http" && endpoint.UserInfo.Length == 0)
                continue;
            if (name == "region" && text.StartsWith(S3, StringComparison.Ordinal) && RegionName().IsMatch(parts[name]!))
                region = parts[name];
            else
                throw new SanaException($"After the '?' of {whole} may stand {(text.StartsWith(S3, StringComparison.Ordinal) ? "endpoint=https://host[:port] and region=name" : "nothing")}; keys come from the environment.");
        }

        return new BucketAddress(bucket, path, endpoint, region);
    }

    [GeneratedRegex(@"^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]\z", RegexOptions.CultureInvariant)]
    private static partial Regex BucketName();

    [GeneratedRegex(@"^[a-z0-9-]{1,40}\z", RegexOptions.CultureInvariant)]
    private static partial Regex RegionName();
}
