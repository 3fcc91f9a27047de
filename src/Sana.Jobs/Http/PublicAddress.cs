using Microsoft.AspNetCore.Http;

namespace Sana.Jobs.Http;

/// <summary>The address under which the outside reaches a server that stands behind something: scheme, host and, under a path, what stands before the server's own paths.</summary>
public sealed class PublicAddress
{
    private readonly PathString _prefix;

    private PublicAddress(Uri url) => (Url, _prefix) = (url, PathString.FromUriComponent(url.AbsolutePath.TrimEnd('/')));

    /// <summary>The address with a slash at its end.</summary>
    public Uri Url { get; }

    /// <summary>Reads an address such as <c>https://images.example.org/sana</c>.</summary>
    /// <param name="text">The address, without <c>/v1</c>; null for none.</param>
    /// <param name="setting">Where it was given, for the message.</param>
    /// <exception cref="SanaException">It is not the address of a server.</exception>
    public static PublicAddress? Parse(string? text, string setting)
    {
        if (text is null)
            return null;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("https" or "http") || url is not { Query: "", Fragment: "", UserInfo: "" })
            throw new SanaException($"'{text}' in {setting} is not an address such as https://images.example.org or https://images.example.org/sana.");
        var path = url.AbsolutePath.TrimEnd('/');
        return path.EndsWith("/v1", StringComparison.OrdinalIgnoreCase)
            ? throw new SanaException($"'{text}' in {setting} ends with /v1, where the API begins; give the address before it.")
            : new PublicAddress(new Uri($"{url.GetLeftPart(UriPartial.Authority)}{path}/"));
    }

    /// <summary>Makes scheme, host and path base of a request the outside's: every link in its answer is made with them.</summary>
    public void Apply(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        (request.Scheme, request.Host, request.PathBase) = (Url.Scheme, HostString.FromUriComponent(Url.Authority), _prefix);
    }
}
