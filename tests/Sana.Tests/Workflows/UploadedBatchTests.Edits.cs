using System.Text.Json;
using Sana.Inference.Imaging;
using Sana.Jobs;
using Sana.Jobs.Http;
using Sana.Jobs.Requests;
using Sana.Storage;
using Xunit;

namespace Sana.Tests.Workflows;

/// <content>Lines that change pictures: these come in the line or as files of their own, and are looked at before anything is drawn.</content>
public sealed partial class UploadedBatchTests
{
    private static readonly byte[] Picture = Png((x, _) => ((byte)(4 * x), 90, 30));

    // White, where it may be painted, on the left half.
    private static readonly byte[] MaskPicture = Png((x, _) => x < 32 ? (255, 255, 255) : (0, 0, 0));

    private List<Inference.Diffusion.GenerateOptions> Asked => ((Support.FakeRenderer)_host.Renderer).Options;

    [Fact]
    public async Task Lines_change_pictures_that_they_hold_or_that_were_uploaded()
    {
        var (image, mask) = (await Uploaded(Picture), await Uploaded(MaskPicture));
        string[] lines =
        [
            Edit(1, $$"""{"prompt":"a cat","images":[{"image_url":"{{Data(Picture)}}"}],"strength":0.25}"""),
            Edit(2, $$"""{"prompt":"an owl","images":[{"file_id":"{{image}}"}],"mask":{"file_id":"{{mask}}"},"n":2,"seed":7}"""),
            Edit(3, $$"""{"mask":null,"images":[{"image_url":"{{Data(Picture)}}"}],"prompt":"a \"fox\" ☃","strength":null,"style":"vivid"}"""),
            Edit(4, $$"""{"images":[{"image_url":"{{Data(Picture)}}"}],"prompt":"a hen","size":"65x64"}"""),
        ];

        var state = await End(await Start(await Request(lines, BatchPictures.Endpoint)));

        Assert.Equal((BatchFileStatus.Completed, 4, 3, 1), (state.Status, state.Total, state.Completed, state.Failed));
        var drawn = Drawn.Zip(Asked).OrderBy(pair => pair.First[0].Prompt, StringComparer.Ordinal).ToArray();
        Assert.Equal(["a \"fox\" ☃", "a cat", "an owl"], drawn.Select(pair => pair.First[0].Prompt));
        Assert.All(drawn, pair => Assert.Equal((Digest.Sha256(Picture), 64, 32), (pair.Second.StartImage!.Sha256, pair.Second.StartImage.Width, pair.Second.StartImage.Height)));
        Assert.Equal([null, 0.25, null], drawn.Select(pair => pair.Second.StartImage!.Strength));
        Assert.Equal([null, null, Digest.Sha256(MaskPicture)], drawn.Select(pair => pair.Second.StartImage!.MaskSha256));
        Assert.NotNull(drawn[2].Second.StartImage!.Pixels!.Mask);
        Assert.Equal(2, (await Names("work/images/")).Length);
        Assert.Equal(["style"], (await Rows(state.OutputFile)).Single(row => CustomId(row) == "line 3").GetProperty("response").GetProperty("body").GetProperty("parameters").GetProperty("ignored").EnumerateArray().Select(name => name.GetString()));
        Assert.Equal("size", Error(Assert.Single(await Rows(state.ErrorFile))).GetProperty("param").GetString());
    }

    [Theory]
    [InlineData("""{"prompt":"a"}""", "images", "images is missing; it is a list of one")]
    [InlineData("""{"prompt":"a","images":null}""", "images", "missing")]
    [InlineData("""{"prompt":"a","images":{"file_id":"file-1"}}""", "images", "not a list")]
    [InlineData("""{"prompt":"a","images":[]}""", "images", "has 0 pictures; one is taken")]
    [InlineData("""{"prompt":"a","images":[{"file_id":"a"},{"file_id":"b"}]}""", "images", "has 2 pictures")]
    [InlineData("""{"prompt":"a","images":["data:image/png;base64,AAAA"]}""", "images", "either image_url or file_id")]
    [InlineData("""{"prompt":"a","images":[{"file_id":7}]}""", "images", "either image_url or file_id")]
    [InlineData("""{"prompt":"a","images":[{"file_id":"a","image_url":"b"}]}""", "images", "either image_url or file_id")]
    [InlineData("""{"prompt":"a","images":[{"image_url":"https://example.com/a.png"}]}""", "images", "addresses are not read")]
    [InlineData("""{"prompt":"a","images":[{"image_url":"data:image/png;base64,no!"}]}""", "images", "not base64")]
    [InlineData("""{"prompt":"a","images":[{"image_url":"data:image/png;base64,AAAA"}]}""", "images", "Image: ")]
    [InlineData("""{"prompt":"a","images":[{"file_id":"file-1"}]}""", "images", "There is no file file-1")]
    [InlineData("""{"prompt":"a","images":[{"image_url":"PICTURE"}],"images":[]}""", "images", "given 2 times")]
    [InlineData("""{"prompt":"a","images":[{"image_url":"PICTURE"}],"mask":{"image_url":"data:image/png;base64,AAAA"}}""", "mask", "Mask: ")]
    [InlineData("""{"prompt":"a","images":[{"image_url":"PICTURE"}],"strength":1.5}""", "strength", "above 0 and up to 1")]
    [InlineData("""{"prompt":"a","images":[{"image_url":"PICTURE"}],"strength":"0.5"}""", "strength", "above 0 and up to 1")]
    [InlineData("""{"prompt":"a","images":[{"image_url":"PICTURE"}],"start_image":{"sha256":"0"}}""", "start_image", "no field 'start_image'")]
    [InlineData("""{"prompt":"a","image":"PICTURE","images":[{"image_url":"PICTURE"}]}""", "image", "file of a form")]
    public async Task A_picture_that_cannot_be_used_fails_the_batch_and_its_line_is_named(string body, string param, string part)
    {
        string[] lines = [Edit(1, $$"""{"prompt":"a cat","images":[{"image_url":"{{Data(Picture)}}"}]}"""), Edit(2, body.Replace("PICTURE", Data(Picture), StringComparison.Ordinal))];

        var state = await End(await Start(await Request(lines, BatchPictures.Endpoint)));

        Assert.Equal((BatchFileStatus.Failed, 0), (state.Status, state.Total));
        var fault = Assert.Single(JsonDocument.Parse((await _host.Blobs.Read(BatchFiles.Faults(Id), default))!).RootElement.EnumerateArray());
        Assert.Equal(("invalid_image", 2, param), (fault.GetProperty("code").GetString(), fault.GetProperty("line").GetInt32(), fault.GetProperty("param").GetString()));
        Assert.Contains(part, fault.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Empty(Drawn);
    }

    [Fact]
    public async Task A_file_of_lines_is_no_picture()
    {
        var request = await Request([Edit(1, """{"prompt":"a cat","images":[{"file_id":"FILE"}]}""")], BatchPictures.Endpoint);
        await Files.WriteContent(request.InputFile, async (stream, cancellation) => await stream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(Edit(1, $$"""{"prompt":"a cat","images":[{"file_id":"{{request.InputFile}}"}]}""")), cancellation), default);

        await End(await Start(request));

        Assert.Contains("has the purpose batch; a picture is one of the purpose vision", System.Text.Encoding.UTF8.GetString((await _host.Blobs.Read(BatchFiles.Faults(Id), default))!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pictures_of_lines_that_wait_stay()
    {
        var lines = Enumerable.Range(1, 150).Select(i => Edit(i, $$"""{"prompt":"picture {{i}}","images":[{"image_url":"{{Data(Picture)}}"}]}"""));
        var id = await Start(await Request(lines, BatchPictures.Endpoint) with { ExpiresAt = Now().AddDays(90) });
        while (Drawn.Count < 3)
            await _host.Turn();

        // The batch began after what is deleted now; its picture is older.
        await using (var blob = File.Open(Path.Combine(_host.Blobs.Place["folder ".Length..], "work", "images", Digest.Sha256(Picture)), FileMode.Open))
            File.SetLastWriteTimeUtc(blob.SafeFileHandle, DateTime.UtcNow.AddDays(-90));
        await new Retention(_host.Blobs, _host.Queue, _host.Client, _host.Clock, TimeSpan.FromDays(30)).Purge(default);

        Assert.Single(await Names("work/images/"));
        Assert.Equal((BatchFileStatus.Completed, 150), ((await End(id)).Status, Drawn.Count));
    }

    private static string Edit(int number, string body) => Line(number, body).Replace(Endpoint, BatchPictures.Endpoint, StringComparison.Ordinal);

    private static string Data(byte[] picture) => $"data:image/png;base64,{Convert.ToBase64String(picture)}";

    private static byte[] Png(Func<int, int, (int R, int G, int B)> paint)
    {
        var pixels = new byte[64 * 32 * 3];
        for (var i = 0; i < 64 * 32; i++)
        {
            var (r, g, b) = paint(i % 64, i / 64);
            (pixels[3 * i], pixels[(3 * i) + 1], pixels[(3 * i) + 2]) = ((byte)r, (byte)g, (byte)b);
        }

        return ImageCodec.Encode(new RgbImage(64, 32, pixels), ImageFormat.Png);
    }

    private async Task<string> Uploaded(byte[] picture)
    {
        var file = new StoredFile(StoredFiles.NewId(_host.Clock.GetUtcNow(), Digest.Sha256(picture)), 0, Now(), "picture.png", StoredFile.Vision);
        await Files.WriteContent(file.Id, async (stream, cancellation) => await stream.WriteAsync(picture, cancellation), default);
        await Files.Describe(file, default);
        return file.Id;
    }
}
