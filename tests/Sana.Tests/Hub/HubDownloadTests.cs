using Sana.Storage.Hub;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Hub;

/// <summary>One repository on a server that behaves, and misbehaves, as the Hub does, and a cache for it.</summary>
public abstract class HubDownloadTests : IDisposable
{
    private protected const string Large = "transformer/model.safetensors";
    private protected static readonly HubId Id = new("owner/name");

    private protected static readonly Dictionary<string, byte[]> Files = new()
    {
        ["config.json"] = "{\"a\": 1}"u8.ToArray(),
        ["empty.txt"] = [],
        [Large] = Noise(1_500_000, 1),
        ["vae/model.safetensors"] = Noise(700_000, 2),
    };

    private protected TempFolder Folder { get; } = new();

    private protected List<HubProgress> Seen { get; } = [];

    public void Dispose()
    {
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected string Cache => Folder.File("models--owner--name");

    private protected Task<string> Fetch(HubServer server, string? token = null) => HubRepository.Fetch(Id, (names, _) => names, Settings(server, token), new Reports(Seen), default);

    private protected HubSettings Settings(HubServer server, string? token = null) => new()
    {
        Endpoint = server.Endpoint,
        Cache = Folder.Path,
        Token = token,
        TokenPlace = token is null ? null : "HF_TOKEN",
        MaxAttempts = 4,
        FirstDelay = TimeSpan.FromMilliseconds(1),
    };

    private protected void Begin(string path, byte[] bytes)
    {
        Directory.CreateDirectory(Path.Combine(Cache, "blobs"));
        File.WriteAllBytes(Path.Combine(Cache, "blobs", HubServer.HashOf(path, Files[path]) + ".sana.incomplete"), bytes);
    }

    private protected string[] Blobs() => [.. Directory.EnumerateFiles(Path.Combine(Cache, "blobs")).Select(file => Path.GetFileName(file)).Order()];

    private protected static void Same(string folder, Dictionary<string, byte[]> files)
    {
        var found = HubServer.FilesOf(folder);
        Assert.Equal(files.Keys.Order(), found.Keys.Order());
        Assert.All(files, file => Assert.True(file.Value.AsSpan().SequenceEqual(found[file.Key]), file.Key));
    }

    private protected static byte[] Noise(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private protected sealed class Reports(List<HubProgress> kept) : IProgress<HubProgress>
    {
        public void Report(HubProgress value)
        {
            lock (kept)
                kept.Add(value);
        }
    }
}
