using Azure.Storage.Blobs;
using Sana.Curation.Sources;
using Sana.Storage.Blobs;
using Sana.Tests.Blobs;
using Sana.Tests.Support;
using Xunit;
using BlobSource = Sana.Storage.Sources.BlobSource;
using LinkRule = Sana.Storage.Sources.LinkRule;
using SourcePlace = Sana.Storage.Sources.SourcePlace;

namespace Sana.Tests.Sources;

[Collection("buckets")]
public sealed class BlobSourceTests(BucketsFixture buckets)
{
    [Theory]
    [InlineData("azurite")]
    [InlineData("s3")]
    [InlineData("gs")]
    public async Task Objects_are_a_source_under_the_names_that_their_owners_gave_them(string kind)
    {
        await using var azurite = kind == "azurite" ? await Azurite.Start() : null;
        var bucket = azurite is not null ? await Container(azurite) : Buckets.Of(kind == "s3" ? await buckets.NewS3() : await buckets.NewGoogle());
        var nowhere = azurite is not null ? new AzureBucket(Client(azurite, "nowhere")) : Buckets.Of(kind == "s3" ? $"s3://nowhere-at-all?endpoint={await buckets.Endpoint()}" : "gs://nowhere-at-all");
        var tar = new TarBytes();
        for (var at = 0; at < 50; at++)
            tar.Member($"{at:000}.jpg", new string((char)('a' + (at % 26)), 20_000 + at)).Member($"{at:000}.txt", $"caption {at}");
        foreach (var (name, bytes) in new (string, byte[])[]
        {
            ("Ferien 2024/Große Bilder/IMG (1).JPG", "one"u8.ToArray()), ("Ferien 2024/Große Bilder/IMG (1).txt", "am Meer"u8.ToArray()), ("Ferien 2024/b.png", "two"u8.ToArray()),
            ("Ferien 2024/.hidden/c.png", "no"u8.ToArray()), ("other/d.png", "no"u8.ToArray()), ("Ferien 2024/list.csv", "file,caption\nGroße Bilder/IMG (1).JPG,of the list\n../other/d.png,x\ngone.png,x\n"u8.ToArray()),
            ("shards/00000.tar", tar.Bytes()),
        })
            await bucket.Put(name, bytes, TestContext.Current.CancellationToken);

        var folder = await Lines(await SourcePlace.Below(bucket, "Ferien 2024", default));
        var list = await Lines(await SourcePlace.Below(bucket, "Ferien 2024/list.csv", default));
        var shards = await Lines(await SourcePlace.Below(bucket, "shards/", default));

        Assert.Equal(["Große Bilder/IMG (1).JPG = one (of the list)", "b.png = two ()", "list.csv#2 unsafe_member", "list.csv#3 not_found"], folder);
        Assert.Equal(["list.csv#1 = one (of the list)", "list.csv#2 unsafe_member", "list.csv#3 not_found"], list);
        Assert.Equal(Enumerable.Range(0, 50).Select(at => $"00000.tar!{at:000}.jpg = {new string((char)('a' + (at % 26)), 20_000 + at)} (caption {at})"), shards);
        Assert.Null(await new BlobSource(bucket, "").Open("shards/../other/d.png", default));
        await Assert.ThrowsAsync<SanaException>(() => Lines(new SourcePlace(new BlobSource(nowhere, ""), null)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/nowhere/at/all")]
    [InlineData("/dev/null")]
    [InlineData("http://account.blob.core.windows.net/photos")]
    [InlineData("https://user:pw@account.blob.core.windows.net/photos")]
    [InlineData("https://account.blob.core.windows.net/photos?sv=1&sig=abc")]
    [InlineData("https://account.blob.core.windows.net/")]
    [InlineData("azurite:Not A Container")]
    [InlineData("ftp://example.com/x")]
    [InlineData("s3://Not A Bucket")]
    [InlineData("gs://key:secret@bucket")]
    public async Task A_text_that_is_no_source_is_refused(string text) => await Assert.ThrowsAnyAsync<SanaException>(() => SourcePlace.Open(text,
        LinkRule.Inside, default));

    [Fact]
    public async Task A_folder_and_a_file_are_sources()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("a.jpg"), "a");
        File.WriteAllText(folder.File("list.csv"), "file\na.jpg\n");

        Assert.Equal(["a.jpg = a ()"], await Lines(await SourcePlace.Open(folder.Path, LinkRule.Inside, default)));
        Assert.Equal(["list.csv#1 = a ()"], await Lines(await SourcePlace.Open(folder.File("list.csv"), LinkRule.Inside, default)));
        Assert.Equal(["a.jpg = a ()"], await Lines(await SourcePlace.Open(folder.File("a.jpg"), LinkRule.Inside, default)));
    }

    private static async Task<IBucket> Container(Azurite azurite)
    {
        var client = Client(azurite, "photos");
        await client.CreateAsync();
        return new AzureBucket(client);
    }

    private static BlobContainerClient Client(Azurite azurite, string container) =>
        new(azurite.Connection, container, new BlobClientOptions(BlobClientOptions.ServiceVersion.V2025_11_05));

    private static async Task<string[]> Lines(SourcePlace place)
    {
        var source = SourceReader.Open(place.Files, place.Path, new SourceOptions(), null);
        var lines = new List<string>();
        await foreach (var item in source.List(default))
        {
            var fetched = await source.Fetch(item, default);
            lines.Add(fetched.Reason is null ? $"{item.Name} = {System.Text.Encoding.UTF8.GetString(fetched.Bytes!)} ({fetched.Caption})" : $"{item.Name} {fetched.Reason}");
        }

        return [.. lines];
    }
}
