using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sana.Storage.Hub;

/// <summary>What a push asks of the Hub: a repository, how files are kept, Git LFS, and the commit.</summary>
internal sealed partial class HubClient
{
    private const string Lfs = "application/vnd.git-lfs+json";

    private static readonly int[] _refusals = [401, 403, 413, 507];

    /// <summary>A revision as <see cref="List"/> gives it, or what of it is missing.</summary>
    /// <inheritdoc cref="List" path="/exception" />
    public async Task<HubFound> Find(HubId id, CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        using var response = await Send(HttpMethod.Get, Address($"{id.Api}/revision/{Uri.EscapeDataString(id.Revision)}"), 0, stopsForFacts: false, limit, cancellationToken);
        switch (First(response, "X-Error-Code"))
        {
            case "RepoNotFound":
                return new HubFound(null, IsRepositoryThere: false);
            case "RevisionNotFound":
                return new HubFound(null, IsRepositoryThere: true);
            default:
                Refuse(response, id, path: null);
                return new HubFound(await Listing(response, id, limit, cancellationToken), IsRepositoryThere: true);
        }
    }

    /// <summary>Makes the dataset repository; one that is there stays as it is.</summary>
    /// <inheritdoc cref="List" path="/exception" />
    public async Task Create(HubId id, bool isPrivate, CancellationToken cancellationToken)
    {
        var parts = id.Repository.Split('/');
        var body = new JsonObject { ["type"] = "dataset", ["organization"] = parts[0], ["name"] = parts[1] };
        if (isPrivate)
            body["private"] = true;
        await Made("api/repos/create", body, id, "a new repository", cancellationToken);
    }

    /// <summary>Makes the branch that the revision names, from <c>main</c>; one that is there stays as it is.</summary>
    /// <inheritdoc cref="List" path="/exception" />
    public Task Branch(HubId id, CancellationToken cancellationToken) =>
        Made($"{id.Api}/branch/{Uri.EscapeDataString(id.Revision)}", new JsonObject(), id, $"the new branch {id.Revision}", cancellationToken);

    /// <summary>Which of the files the repository keeps in Git LFS.</summary>
    /// <param name="id">The repository.</param>
    /// <param name="files">Path, length, and the first bytes of each.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>Their paths.</returns>
    /// <inheritdoc cref="List" path="/exception" />
    public async Task<HashSet<string>> Modes(HubId id, IEnumerable<(string Path, long Length, byte[] Sample)> files, CancellationToken cancellationToken)
    {
        var body = new JsonObject
        {
            ["files"] = new JsonArray([.. files.Select(file => new JsonObject { ["path"] = file.Path, ["sample"] = Convert.ToBase64String(file.Sample), ["size"] = file.Length })]),
        };
        using var limit = Limit(cancellationToken);
        using var response = await Post(Address($"{id.Api}/preupload/{Uri.EscapeDataString(id.Revision)}"), () => Body(body), limit, cancellationToken);
        RefuseWrite(response, id, "the list of files");
        return await Json(response, id, root =>
        {
            var answers = root.GetProperty("files").EnumerateArray().ToLookup(file => file.GetProperty("uploadMode").GetString() == "lfs");
            foreach (var file in answers.SelectMany(some => some).Where(file => file.TryGetProperty("shouldIgnore", out var isIgnored) && isIgnored.ValueKind == JsonValueKind.True))
                throw new UnusableJobException($"The .gitignore of {id} leaves out {file.GetProperty("path").GetString()}; take that line away, or push to another repository.");
            return answers[true].Select(file => file.GetProperty("path").GetString()!).ToHashSet(StringComparer.Ordinal);
        }, limit, cancellationToken);
    }

    /// <summary>Where objects are to be sent. One that the store has already has no upload.</summary>
    /// <param name="id">The repository.</param>
    /// <param name="objects">SHA-256, length, and the path for messages.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <inheritdoc cref="List" path="/exception" />
    public async Task<Dictionary<string, HubObject>> Batch(HubId id, IReadOnlyList<(string Oid, long Length, string Path)> objects, CancellationToken cancellationToken)
    {
        var body = new JsonObject
        {
            ["operation"] = "upload",
            ["transfers"] = new JsonArray("basic", "multipart"),
            ["objects"] = new JsonArray([.. objects.Select(file => new JsonObject { ["oid"] = file.Oid, ["size"] = file.Length })]),
            ["hash_algo"] = "sha256",
            ["ref"] = new JsonObject { ["name"] = id.Revision },
        };
        using var limit = Limit(cancellationToken);
        using var response = await Post(Address($"{id.Path}.git/info/lfs/objects/batch"), () => Body(body, Lfs), limit, cancellationToken);
        RefuseWrite(response, id, objects.Count == 1 ? objects[0].Path : "files");
        var paths = objects.ToDictionary(file => file.Oid, file => file.Path, StringComparer.Ordinal);
        return await Json(response, id, root =>
        {
            var answers = root.GetProperty("objects").EnumerateArray().Select(answer => ReadObject(answer, id, paths)).ToDictionary(answer => answer.Oid, StringComparer.Ordinal);
            return paths.Keys.All(answers.ContainsKey) ? answers : throw new FormatException();
        }, limit, cancellationToken);
    }

    /// <summary>Sends an object or a part of one.</summary>
    /// <param name="id">The repository.</param>
    /// <param name="path">The file, for messages.</param>
    /// <param name="to">Where to.</param>
    /// <param name="body">Makes the body; it is given whom to tell of the bytes that went.</param>
    /// <param name="sent">Hears of these bytes too.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>The ETag of the answer.</returns>
    /// <inheritdoc cref="List" path="/exception" />
    public async Task<string?> Put(HubId id, string path, HubAction to, Func<Action<int>, HttpContent> body, Action<int> sent, CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        try
        {
            using var response = await Send(HttpMethod.Put, to.Address, 0, stopsForFacts: false, limit, cancellationToken, () => body(Moved), to.Prepare);
            RefuseWrite(response, id, path);
            return First(response, "ETag");
        }
        finally
        {
            // A body that is still being sent stops.
            await limit.CancelAsync();
        }

        void Moved(int bytes)
        {
            limit.CancelAfter(_settings.Patience);
            sent(bytes);
        }
    }

    /// <summary>Puts the parts of an object together.</summary>
    /// <inheritdoc cref="List" path="/exception" />
    public async Task Complete(HubId id, string path, HubAction action, string oid, IReadOnlyList<string> tags, CancellationToken cancellationToken)
    {
        var parts = tags.Select((tag, i) => new JsonObject { ["partNumber"] = i + 1, ["etag"] = tag });
        var body = new JsonObject { ["oid"] = oid, ["parts"] = new JsonArray([.. parts]) };
        using var limit = Limit(cancellationToken);
        using var response = await Post(action.Address, () => Body(body, Lfs), limit, cancellationToken);
        RefuseWrite(response, id, path);
    }

    /// <summary>Whether an object arrived as its hash and length say.</summary>
    /// <inheritdoc cref="List" path="/exception" />
    public async Task<bool> Verify(HubId id, string path, HubAction action, string oid, long length, CancellationToken cancellationToken)
    {
        var body = new JsonObject { ["oid"] = oid, ["size"] = length };
        using var limit = Limit(cancellationToken);
        using var response = await Send(HttpMethod.Post, action.Address, 0, stopsForFacts: false, limit, cancellationToken, () => Body(body, Lfs), request =>
        {
            action.Prepare(request);
            request.Headers.Accept.ParseAdd(Lfs);
        });
        if ((int)response.StatusCode is >= 400 and < 500 and not (408 or 425 or 429) and var status && !_refusals.Contains(status))
            return false;
        RefuseWrite(response, id, path);
        return true;
    }

    /// <summary>Makes the commit. Null when the revision is another commit than the one that it follows.</summary>
    /// <param name="id">The repository and its branch.</param>
    /// <param name="body">Makes the lines; it is given whom to tell of the bytes that went.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <inheritdoc cref="List" path="/exception" />
    public async Task<string?> Commit(HubId id, Func<Action<int>, HttpContent> body, CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        try
        {
            using var response = await Post(Address($"{id.Api}/commit/{Uri.EscapeDataString(id.Revision)}"), () => body(_ => limit.CancelAfter(_settings.Patience)), limit, cancellationToken);
            if ((int)response.StatusCode is 409 or 412)
                return null;
            RefuseWrite(response, id, "the commit");
            return await Json(response, id, root => root.GetProperty("commitOid").GetString() ?? throw new FormatException(), limit, cancellationToken);
        }
        finally
        {
            await limit.CancelAsync();
        }
    }

    private async Task Made(string address, JsonObject body, HubId id, string what, CancellationToken cancellationToken)
    {
        const int IsThere = 409;
        using var limit = Limit(cancellationToken);
        using var response = await Post(Address(address), () => Body(body), limit, cancellationToken);
        if ((int)response.StatusCode != IsThere)
            RefuseWrite(response, id, what);
    }

    private Task<HttpResponseMessage> Post(Uri address, Func<HttpContent> body, CancellationTokenSource limit, CancellationToken cancellationToken) =>
        Send(HttpMethod.Post, address, 0, stopsForFacts: false, limit, cancellationToken, body, request => request.Headers.Accept.ParseAdd(request.Content!.Headers.ContentType?.MediaType == Lfs ? Lfs : "application/json"));

    private static ByteArrayContent Body(JsonObject json, string type = "application/json") =>
        new(Encoding.UTF8.GetBytes(json.ToJsonString())) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };

    private HubObject ReadObject(JsonElement answer, HubId id, Dictionary<string, string> paths)
    {
        var oid = answer.GetProperty("oid").GetString()!;
        if (answer.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object)
        {
            var (status, message) = (error.GetProperty("code").GetInt32(), error.TryGetProperty("message", out var said) ? said.GetString() : null);
            Refuse(status, id, paths.GetValueOrDefault(oid, oid), _settings.Endpoint, null, code: null, message);
        }

        return answer.TryGetProperty("actions", out var actions) && actions.ValueKind == JsonValueKind.Object
            ? new HubObject(oid, ReadAction(actions, "upload"), ReadAction(actions, "verify"))
            : new HubObject(oid, null, null);
    }

    private HubAction? ReadAction(JsonElement actions, string name) =>
        actions.TryGetProperty(name, out var action) && action.ValueKind == JsonValueKind.Object ? HubAction.Read(_settings.Endpoint, action) : null;

    private void RefuseWrite(HttpResponseMessage response, HubId id, string what)
    {
        if ((int)response.StatusCode is var status and not (>= 200 and < 300))
            Refuse(status, id, what, response.RequestMessage!.RequestUri!, Wait(response), First(response, "X-Error-Code"), First(response, "X-Error-Message"));
    }

    // A full quota is told by 507, which no wait cures. Another host refuses an address whose signature has run out: the endpoint gives a new one.
    private void Refuse(int status, HubId id, string what, Uri by, TimeSpan? wait, string? code, string? message)
    {
        var isEndpoint = IsEndpoint(by);
        if (status is not (413 or 507) && (status is 408 or 425 or 429 or >= 500 || !isEndpoint))
            throw new HubBusyException($"{(isEndpoint ? "it" : by.Host)} answered {status}", wait, null);
        throw new UnusableJobException(HubRefusal.OfWrite(_settings, id, what, status, code, message));
    }
}

/// <summary>What of a revision is there.</summary>
/// <param name="Listing">The revision; null when it is missing.</param>
/// <param name="IsRepositoryThere">Whether its repository is there.</param>
internal sealed record HubFound(HubListing? Listing, bool IsRepositoryThere);

/// <summary>What Git LFS wants for an object.</summary>
/// <param name="Oid">Its SHA-256.</param>
/// <param name="Upload">Where it is to be sent; null when it is there.</param>
/// <param name="Verify">Who is to be told when it was; null for nobody.</param>
internal sealed record HubObject(string Oid, HubAction? Upload, HubAction? Verify);

/// <summary>An address of Git LFS.</summary>
/// <param name="Address">Where to.</param>
/// <param name="Headers">What is to be sent along.</param>
/// <param name="PartBytes">Bytes of a part; null when the object goes in one request.</param>
/// <param name="Parts">The addresses of the parts, in their order.</param>
internal sealed record HubAction(Uri Address, IReadOnlyDictionary<string, string> Headers, long? PartBytes, IReadOnlyList<Uri> Parts)
{
    // The Hub has the places of parts among the headers.
    private const string ChunkSize = "chunk_size";

    /// <exception cref="FormatException">It is none.</exception>
    public static HubAction Read(Uri endpoint, JsonElement action)
    {
        var (headers, parts, partBytes) = (new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase), new SortedDictionary<int, Uri>(), (long?)null);
        foreach (var header in action.TryGetProperty("header", out var given) && given.ValueKind == JsonValueKind.Object ? given.EnumerateObject().ToArray() : [])
        {
            var value = header.Value.ToString();
            if (header.Name == ChunkSize)
                partBytes = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) && bytes > 0 ? bytes : throw new FormatException();
            else if (int.TryParse(header.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                parts[number] = Link(endpoint, value);
            else
                headers[header.Name] = value;
        }

        return new HubAction(Link(endpoint, action.GetProperty("href").GetString()!), headers, partBytes, [.. parts.Values]);
    }

    /// <summary>Adds the headers to a request.</summary>
    public void Prepare(HttpRequestMessage request)
    {
        foreach (var (name, value) in Headers)
        {
            // One that the answer names stands for the token.
            if (name.Equals("Authorization", StringComparison.OrdinalIgnoreCase))
                request.Headers.Authorization = null;
            if (!request.Headers.TryAddWithoutValidation(name, value))
                request.Content?.Headers.TryAddWithoutValidation(name, value);
        }
    }

    private static Uri Link(Uri from, string text) => Uri.TryCreate(from, text, out var address) && address.Scheme is "https" or "http" ? address : throw new FormatException();
}
