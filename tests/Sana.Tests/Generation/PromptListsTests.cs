using System.IO.Compression;
using Sana.Jobs.Generation;
using Sana.Tests.Sources;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Generation;

/// <summary>Lists of prompts as people have them.</summary>
public sealed class PromptListsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("parti.tsv", "Prompt\tCategory\tChallenge\tNote\na cat\tAnimals\tBasic\t\n\"a \"\"red\"\" dog\"\tAnimals\tBasic\tx\n", "a cat|a \"red\" dog")]
    [InlineData("draw.csv", "Prompts,Category\n\"a cat, sitting\",Colors\na dog,Counting\n", "a cat, sitting|a dog")]
    [InlineData("semicolons.csv", "\ufeffid;caption\n1;a cat\n2;a dog\n", "a cat|a dog")]
    [InlineData("list.json", "[\"a cat\", \"a dog\"]", "a cat|a dog")]
    [InlineData("objects.json", "[{\"prompt\": \"a cat\"}, {\"Prompt\": \"a dog\"}]", "a cat|a dog")]
    [InlineData("within.json", "{\"info\": {}, \"prompts\": [\"a cat\", {\"text\": \"a dog\"}]}", "a cat|a dog")]
    [InlineData("coco.json", "{\"annotations\": [{\"image_id\": 5, \"id\": 1, \"caption\": \"a cat\"}, {\"image_id\": 6, \"id\": 2, \"caption\": \"a dog\"}]}", "a cat|a dog")]
    [InlineData("by-id.json", "{\"a\": \"a cat\", \"b\": \"a dog\"}", "a cat|a dog")]
    [InlineData("lines.json", "{\"prompt\": \"a cat\"}\n{\"prompt\": \"a dog\"}\n", "a cat|a dog")]
    [InlineData("batch.jsonl", "{\"custom_id\": \"1\", \"method\": \"POST\", \"url\": \"/v1/images/generations\", \"body\": {\"prompt\": \"a cat\"}}\n{\"prompt\": \"a dog\"}", "a cat|a dog")]
    [InlineData("odd.prompts", "a cat\na dog\n", "a cat|a dog")]
    public void A_list_is_read_by_its_form(string name, string content, string prompts)
    {
        File.WriteAllText(_folder.File(name), content);

        var file = PromptFile.Open(_folder.File(name));

        Assert.Equal(prompts, string.Join('|', file.Rows().Select(row => row.Prompt?.Text ?? row.Rejection!.Message)));
        Assert.Equal(prompts, string.Join('|', file.Rows().Select(row => row.Prompt?.Text)));
    }

    [Fact]
    public void Columns_of_a_table_set_what_they_name_and_the_others_are_named()
    {
        File.WriteAllText(_folder.File("db.csv"), "prompt,seed,step,cfg,width,height,negative_prompt,sampler\na cat,7,5.0,4.5,64,96,blurry,k_lms\n\"two\nlines\",,,,,,,\na dog,x,,,,,,\n");

        var file = PromptFile.Open(_folder.File("db.csv"));
        var rows = file.Rows().ToArray();

        var spec = rows[0].Prompt!;
        Assert.Equal((7UL, 5, 4.5f, 64, 96, "blurry"), (spec.Seeds![0], spec.Steps, spec.GuidanceScale, spec.Width, spec.Height, spec.NegativePrompt));
        Assert.Equal([(2L, null), (3L, null), (4L, RejectReason.WrongType)], rows.Select(row => (row.Row, row.Rejection?.Reason)));
        Assert.Contains("sampler", Assert.Single(file.Notes), StringComparison.Ordinal);
        Assert.Contains("sampler", Assert.Throws<SanaException>(() => PromptFile.Open(_folder.File("db.csv"), new PromptListOptions(IsStrict: true))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parquet_and_gzip_are_read()
    {
        Duck.Write(_folder.File("p.parquet"), "select * from (values ('a cat', 640, 'http://x/1.jpg', 7), ('a dog', null, null, null)) as t(\"TEXT\", width, url, seed)");
        using (var packed = new GZipStream(File.Create(_folder.File("p.csv.gz")), CompressionLevel.Fastest))
            packed.Write("Prompt\na cat\na dog\n"u8);

        var rows = PromptFile.Open(_folder.File("p.parquet")).Rows().ToArray();

        Assert.Equal(["a cat", "a dog"], rows.Select(row => row.Prompt!.Text));
        Assert.Null(rows[0].Prompt!.Width); // the size of an image that exists
        Assert.Equal((7UL, null), (rows[0].Prompt!.Seeds![0], rows[1].Prompt!.Seeds));
        Assert.Equal(["a cat", "a dog"], PromptFile.Open(_folder.File("p.csv.gz")).Rows().Select(row => row.Prompt!.Text));
    }

    [Fact]
    public void A_list_in_utf16_is_read()
    {
        File.WriteAllText(_folder.File("p.txt"), "a cat\r\n一只狗 🐈\r\n", System.Text.Encoding.Unicode);

        Assert.Equal(["a cat", "一只狗 🐈"], PromptFile.Open(_folder.File("p.txt")).Rows().Select(row => row.Prompt!.Text));
    }

    [Fact]
    public void A_named_field_is_the_prompt()
    {
        File.WriteAllText(_folder.File("p.csv"), "a,prompt\nthe one,the other\n");
        File.WriteAllText(_folder.File("p.jsonl"), "{\"a\": \"the one\", \"prompt\": \"the other\"}\n");

        foreach (var name in new[] { "p.csv", "p.jsonl" })
            Assert.Equal("the one", PromptFile.Open(_folder.File(name), new PromptListOptions("a")).Rows().Single().Prompt!.Text);
        Assert.Contains("a, prompt", Assert.Throws<SanaException>(() => PromptFile.Open(_folder.File("p.csv"), new PromptListOptions("b"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_of_texts_has_a_prompt_a_file()
    {
        File.WriteAllText(_folder.File("b.txt"), "a dog\n");
        File.WriteAllText(_folder.File("a.txt"), "a cat\non a sill\n");

        Assert.Equal([("a cat on a sill", "a"), ("a dog", "b")], PromptFile.Open(_folder.Path).Rows().Select(row => (row.Prompt!.Text, row.Prompt.Id)));
    }

    [Fact]
    public void The_index_of_a_dataset_gives_its_captions()
    {
        Directory.CreateDirectory(_folder.File("shards"));
        File.WriteAllText(_folder.File("shards/00000.jsonl"), """
            {"key":"k1","shard":0,"row":0,"source_uri":"a.jpg","status":"success","width":640,"height":427,"caption":"a cat"}
            {"key":"k2","shard":0,"row":1,"source_uri":"b.jpg","status":"rejected","reason":"truncated"}

            """);

        var file = PromptFile.Open(_folder.Path);
        var row = Assert.Single(file.Rows());

        Assert.Equal(("a cat", "k1", null), (row.Prompt!.Text, row.Prompt.Id, row.Prompt.Width));
        Assert.Empty(row.Unknown);
        Assert.Contains("1 row of the index is not in the shards", Assert.Single(file.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipe_is_read()
    {
        var path = _folder.File("pipe");
        using (var make = System.Diagnostics.Process.Start("mkfifo", path))
            await make.WaitForExitAsync(TestContext.Current.CancellationToken);
        var writing = Task.Run(() => File.WriteAllTextAsync(path, "{\"prompt\":\"a cat\"}\n", TestContext.Current.CancellationToken)); // opening a pipe waits for its reader

        var file = PromptFile.Open(path);

        Assert.Equal("a cat", file.Rows().Single().Prompt!.Text);
        Assert.Equal("a cat", file.Rows().Single().Prompt!.Text);
        await writing;
    }

    [Theory]
    [InlineData("--prompt \"a cat, \\\"big\\\"\" --seed 3 --steps 20", "a cat, \"big\"", 3UL, 20)]
    [InlineData("--prompt 'a cat' --seed=3 --num-inference-steps=20", "a cat", 3UL, 20)]
    [InlineData("--prompt a cat on a mat --steps 20 --seed 3", "a cat on a mat", 3UL, 20)]
    [InlineData("--prompt \"a cat\" --s 20 --d 3 --n blurry", "a cat", 3UL, 20)]
    public void A_line_of_options_means_what_it_says(string line, string prompt, ulong seed, int steps)
    {
        File.WriteAllText(_folder.File("p.txt"), line);

        var spec = PromptFile.Open(_folder.File("p.txt")).Rows().Single().Prompt!;

        Assert.Equal((prompt, seed, steps), (spec.Text, spec.Seeds![0], spec.Steps));
    }

    [Theory]
    [InlineData("p.txt", "a cat --ar 16:9", "--ar 16:9")]
    [InlineData("p.txt", "a cat | 4k", "| 4k")]
    [InlineData("p.txt", "--prompt \"a cat\" --sampler ddim", "sampler")]
    [InlineData("p.jsonl", "{\"prompt\":\"a cat\",\"styl\":\"oil\"}", "styl")]
    [InlineData("p.jsonl", "{\"prompt\":\"a cat\",\"caption\":\"a dog\"}", "caption")]
    public void What_means_nothing_here_is_named_or_with_strict_left_out(string name, string line, string unknown)
    {
        File.WriteAllText(_folder.File(name), line);

        var row = PromptFile.Open(_folder.File(name)).Rows().Single();

        Assert.StartsWith("a cat", row.Prompt!.Text, StringComparison.Ordinal);
        Assert.Equal([unknown], row.Unknown);
        var strict = PromptFile.Open(_folder.File(name), new PromptListOptions(IsStrict: true));
        Assert.Equal(RejectReason.BadRow, strict.Rows().Single().Rejection?.Reason);
        Assert.NotEqual(PromptFile.Open(_folder.File(name)).Sha256(), strict.Sha256());
    }

    [Theory]
    [InlineData("a cat -- sitting on a mat")]
    [InlineData("a black-and-white cat|dog")]
    [InlineData("--prompted by nothing")]
    public void What_is_plain_text_has_no_flag(string text)
    {
        File.WriteAllText(_folder.File("p.txt"), text);

        Assert.Empty(PromptFile.Open(_folder.File("p.txt")).Rows().Single().Unknown);
    }

    [Theory]
    [InlineData("""{"prompt":"a","num_inference_steps":5.0,"guidance_scale":4,"n":2.0,"size":"64X96","seed":7.0}""", 5, 4f, 2, 64, 96, 7UL)]
    [InlineData("""{"prompt":"a","steps":5,"cfg_scale":4,"num_images":2,"width":64,"height":96.0,"seed":7}""", 5, 4f, 2, 64, 96, 7UL)]
    public void The_spellings_of_http_and_of_other_programs_are_known(string line, int steps, float guidance, int images, int width, int height, ulong seed)
    {
        File.WriteAllText(_folder.File("p.jsonl"), line);

        var row = PromptFile.Open(_folder.File("p.jsonl")).Rows().Single();

        Assert.Empty(row.Unknown);
        Assert.Equal((steps, guidance, images, width, height, seed), (row.Prompt!.Steps, row.Prompt.GuidanceScale, row.Prompt.Images, row.Prompt.Width, row.Prompt.Height, row.Prompt.Seeds![0]));
    }

    [Theory]
    [InlineData("""{"prompt":"a","steps":5,"num_inference_steps":6}""", RejectReason.BadRow, "steps and num_inference_steps")]
    [InlineData("""{"prompt":"a","width":16}""", RejectReason.BadRequest, "32…8192")]
    [InlineData("""{"prompt":"a","steps":5000}""", RejectReason.BadRequest, "1…1000")]
    [InlineData("""{"prompt":"a","guidance_scale":101}""", RejectReason.BadRequest, "0…100")]
    [InlineData("""{"prompt":"a","size":"big"}""", RejectReason.BadRequest, "1024x1024")]
    [InlineData("""{"prompt":"a","size":"64x64","width":64}""", RejectReason.BadRow, "both size")]
    public void A_value_out_of_its_range_says_the_range(string line, string reason, string words)
    {
        File.WriteAllText(_folder.File("p.jsonl"), line);

        var rejection = PromptFile.Open(_folder.File("p.jsonl")).Rows().Single().Rejection!;

        Assert.Equal(reason, rejection.Reason);
        Assert.Contains(words, rejection.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("p.docx", "x", ".docx")]
    [InlineData("p.csv", "name,colour\na,b\n", "--prompt-field")]
    [InlineData("p.json", "{\"a\": 1}", "list of prompts")]
    [InlineData("p.json", "[\"a\", ", "JSON list")]
    [InlineData("p.parquet", "PAR1 and no more", "Parquet")]
    public void A_list_that_cannot_be_read_is_refused_with_the_fix(string name, string content, string words)
    {
        File.WriteAllText(_folder.File(name), content);

        Assert.Contains(words, Assert.Throws<SanaException>(() => PromptFile.Open(_folder.File(name)).Rows().ToArray()).Message, StringComparison.Ordinal);
    }
}
