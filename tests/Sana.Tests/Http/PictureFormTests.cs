using System.Net.Http.Headers;
using System.Text;
using Microsoft.AspNetCore.Http;
using Sana.Jobs.Http;
using Sana.Storage;
using Sana.Tests.Generation;
using Sana.Tests.Ingest.Hostile;
using Xunit;

namespace Sana.Tests.Http;

/// <summary>The forms by which OpenAI's clients send pictures.</summary>
public sealed class PictureFormTests
{
    private const long Limit = 1 << 20;

    private static readonly byte[] _mask = StartImagesTests.WithAlpha(Pictures.Width, Pictures.Height, [.. Enumerable.Range(0, Pictures.Width * Pictures.Height).Select(i => (byte)(i % 2 * 255))], _ => 9);

    [Theory]
    [InlineData("image")]
    [InlineData("image[]")]
    public async Task A_form_is_a_request_and_a_picture(string name)
    {
        var form = await Read(Form([("prompt", "a cat"), ("n", "2"), ("size", "64x64"), ("stream", "true"), ("guidance_scale", "2.5"), ("seeds", ""), ("quality", "high"), ("strength", "0.25")], (name, Pictures.Jpeg), ("mask", _mask)));

        Assert.Equal(("a cat", 2, "64x64", true, 2.5f), (form.Asked.Prompt, form.Asked.N, form.Asked.Size, form.Asked.Stream, form.Asked.GuidanceScale));
        Assert.Equal(["quality"], form.Asked.Others!.Keys);
        Assert.Equal((Digest.Sha256(Pictures.Jpeg), Digest.Sha256(_mask), 0.25), (form.Start!.Image.Sha256, form.Start!.Image.MaskSha256, form.Start!.Image.Strength));
        Assert.Equal((Pictures.Width, Pictures.Height), (form.Start!.Image.Width, form.Start!.Image.Height));
        Assert.Equal([Pictures.Jpeg, _mask], form.Start!.Files);
        Assert.Null(form.Start!.Image.Pixels); // they do not stay in memory while the job is made
    }

    [Fact]
    public async Task The_job_of_a_form_names_its_hashes_and_begins_events_with_another_word()
    {
        var form = await Read(Form([("prompt", "a cat"), ("strength", "0.3")], ("image", Pictures.CornerPng)));
        var reader = new ImagesRequestReader(form.Asked, null, form.Start);

        var input = reader.Job("id").Input;

        Assert.Equal((form.Start!.Image, "image_edit", "strength", "image"), (input.StartImage, reader.EventName, reader.NameOf("input.start_image.strength"), reader.NameOf("input.start_image")));
        Assert.Equal("image_generation", new ImagesRequestReader(form.Asked, null).EventName);
    }

    [Fact]
    public async Task A_variation_needs_no_words_and_its_holes_are_no_mask()
    {
        var form = await Read(Form([("n", "2")], ("image", _mask)), PictureUse.Variation);

        Assert.Equal(("", 2, null), (form.Asked.Prompt, form.Asked.N, form.Start!.Image.MaskSha256));
        Assert.Equal(Digest.Sha256(_mask), (await Read(Form([("prompt", "x")], ("image", _mask)))).Start!.Image.MaskSha256);
    }

    [Fact]
    public async Task Equal_forms_say_the_same_whatever_parts_them()
    {
        var one = await Read(Form([("prompt", "a cat"), ("n", "1")], ("image", Pictures.CornerPng)));
        var other = await Read(Form([("n", "1"), ("prompt", "a cat")], ("image[]", Pictures.CornerPng)));
        var third = await Read(Form([("n", "1"), ("prompt", "a cat"), ("strength", "0.5")], ("image", Pictures.CornerPng)));

        Assert.Equal(one.Said, other.Said);
        Assert.NotEqual(one.Said, third.Said);
    }

    [Theory]
    [InlineData("hed", 1)]
    [InlineData("hed:0.8", 0.8)]
    [InlineData("{\"name\": \"hed\", \"scale\": 0.5}", 0.5)]
    public async Task A_generation_may_be_a_form_with_a_control_image(string control, double scale)
    {
        var form = await Read(Form([("prompt", "a cat"), ("control", control), ("strength", "0.5")], ("control_image", Pictures.CornerPng)), PictureUse.Generation);
        var reader = new ImagesRequestReader(form.Asked, null, form.Start, form.Control);

        var use = reader.Job("id").Input.Control!;

        Assert.Equal(("hed", (float)scale, Digest.Sha256(Pictures.CornerPng), Pictures.Width, Pictures.Height), (use.Name, use.Scale, use.Image!.Sha256, use.Image.Width, use.Image.Height));
        Assert.Null(use.Image.Pixels); // they do not stay in memory while the job is made
        Assert.Equal([Pictures.CornerPng], reader.Files);
        Assert.Equal(["strength"], reader.Ignored);
        Assert.Equal("image_generation", reader.EventName);
    }

    [Fact]
    public async Task An_edit_may_have_a_control_image_too_and_one_that_no_network_reads_is_refused()
    {
        var form = await Read(Form([("prompt", "a cat"), ("control", "hed")], ("image", Pictures.Jpeg), ("control_image", Pictures.CornerPng)));
        var without = await Read(Form([("prompt", "a cat")], ("image", Pictures.Jpeg), ("control_image", Pictures.CornerPng)));

        Assert.Equal([Pictures.Jpeg, Pictures.CornerPng], new ImagesRequestReader(form.Asked, null, form.Start, form.Control).Files);
        var fault = Assert.Throws<ApiException>(() => new ImagesRequestReader(without.Asked, null, without.Start, without.Control));
        Assert.Equal("control_image", fault.Field);
        Assert.NotEqual(form.Said, without.Said);
    }

    public static TheoryData<string, int, string, string> Faults => new()
    {
        { "no image", 422, "image", "The field 'image' is missing" },
        { "no prompt", 422, "prompt", "The field 'prompt' is missing" },
        { "two images", 400, "image", "2 files as image; one is taken" },
        { "address", 400, "image", "not a file of the form" },
        { "other file", 400, "photo", "a file as photo" },
        { "text as picture", 422, "image", "Image: The file is no image" },
        { "mask of another size", 422, "mask", "Mask has 2×2 pixels and the image 96×64" },
        { "strength", 400, "strength", "strength 2 is not a number above 0 and up to 1" },
        { "n", 422, "n", "n" },
        { "twice", 400, "n", "2 times" },
        { "json", 415, "", "multipart/form-data" },
        { "too long", 413, "", "longer than 1048576 bytes" },
        { "cut", 400, "", "The form" },
        { "mask of a variation", 400, "mask", "A variation has no mask" },
        { "image of a generation", 400, "image", "A generation begins from no picture" },
        { "two control images", 400, "control_image", "2 files as control_image; one is taken" },
        { "text as control image", 422, "control_image", "Control image: The file is no image" },
        { "control image as text", 400, "control_image", "not a file of the form" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task What_cannot_be_used_is_named(string what, int status, string field, string why)
    {
        (string, string)[] prompt = [("prompt", "x")];
        using HttpContent content = what switch
        {
            "no image" => Form(prompt),
            "no prompt" => Form([("n", "1")], ("image", Pictures.CornerPng)),
            "two images" => Form(prompt, ("image[]", Pictures.CornerPng), ("image[]", Pictures.Jpeg)),
            "address" => Form([("prompt", "x"), ("image", "https://example.org/a.png")]),
            "other file" => Form(prompt, ("image", Pictures.CornerPng), ("photo", Pictures.Jpeg)),
            "text as picture" => Form(prompt, ("image", "#!/bin/sh"u8.ToArray())),
            "mask of another size" => Form(prompt, ("image", Pictures.CornerPng), ("mask", StartImagesTests.Flat(2, 2, 255, 255, 255))),
            "strength" => Form([("prompt", "x"), ("strength", "2")], ("image", Pictures.CornerPng)),
            "n" => Form([("prompt", "x"), ("n", "many")], ("image", Pictures.CornerPng)),
            "twice" => Form([("prompt", "x"), ("n", "1"), ("n", "2")], ("image", Pictures.CornerPng)),
            "json" => new StringContent("{}", Encoding.UTF8, "application/json"),
            "too long" => Form(prompt, ("image", new byte[Limit + 1])),
            "cut" => Cut(Form(prompt, ("image", Pictures.CornerPng))),
            "image of a generation" => Form(prompt, ("image", Pictures.CornerPng)),
            "two control images" => Form(prompt, ("control_image", Pictures.CornerPng), ("control_image", Pictures.Jpeg)),
            "text as control image" => Form(prompt, ("control_image", "#!/bin/sh"u8.ToArray())),
            "control image as text" => Form([("prompt", "x"), ("control_image", "file:///etc/passwd")]),
            _ => Form(prompt, ("image", Pictures.CornerPng), ("mask", _mask)),
        };

        var fault = await Assert.ThrowsAsync<ApiException>(() => Read(content, UseOf(what)));

        Assert.Equal((status, field), (fault.Status, fault.Field ?? ""));
        Assert.Contains(why, fault.Message, StringComparison.Ordinal);
    }

    private static PictureUse UseOf(string what) => what switch
    {
        "mask of a variation" => PictureUse.Variation,
        "image of a generation" or "two control images" or "text as control image" or "control image as text" => PictureUse.Generation,
        _ => PictureUse.Edit,
    };

    private static async Task<PictureForm> Read(HttpContent content, PictureUse use = PictureUse.Edit)
    {
        var context = new DefaultHttpContext();
        (context.Request.ContentType, context.Request.Body) = (content.Headers.ContentType!.ToString(), new MemoryStream(await content.ReadAsByteArrayAsync()));
        return await PictureForm.Read(context.Request, Limit, use);
    }

    private static MultipartFormDataContent Form((string Name, string Text)[] fields, params (string Name, byte[] Bytes)[] files)
    {
        var form = new MultipartFormDataContent();
        foreach (var (name, text) in fields)
            form.Add(new StringContent(text), name);
        foreach (var (name, bytes) in files)
            form.Add(new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("image/png") } }, name, "picture.png");
        return form;
    }

    private static ByteArrayContent Cut(MultipartFormDataContent form)
    {
        using (form)
        {
            var bytes = form.ReadAsByteArrayAsync().GetAwaiter().GetResult();
            return new ByteArrayContent(bytes[..^60]) { Headers = { ContentType = form.Headers.ContentType } };
        }
    }
}
