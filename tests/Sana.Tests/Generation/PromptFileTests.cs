using Sana.Jobs.Generation;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Generation;

[Collection("measured alone")]
public sealed class PromptFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Text_has_one_prompt_a_line_and_blank_lines_are_none()
    {
        var rows = Rows("p.txt", "\uFEFFa cat\r\n\r\n  \n一只猫 🐈\nlast");

        Assert.Equal([(1L, "a cat"), (4L, "一只猫 🐈"), (5L, "last")], rows.Select(row => (row.Row, row.Prompt!.Text)));
    }

    [Fact]
    public void Json_lines_override_what_they_name()
    {
        var row = Assert.Single(Rows(
            "p.jsonl",
            """{"prompt":"a","negative_prompt":"","id":"x","seeds":[1,18446744073709551615],"images":2,"width":64,"height":96,"steps":3,"guidance_scale":1.5,"mine":{"a":[1]}}"""));

        var prompt = row.Prompt!;
        Assert.Equal(("a", "", "x", 2, 64, 96, 3, 1.5f), (prompt.Text, prompt.NegativePrompt, prompt.Id, prompt.Images, prompt.Width, prompt.Height, prompt.Steps, prompt.GuidanceScale));
        Assert.Equal([1UL, ulong.MaxValue], prompt.Seeds);
    }

    [Theory]
    [InlineData("not json", RejectReason.BadRow)]
    [InlineData("{\"prompt\":\"a\"", RejectReason.BadRow)]
    [InlineData("{\"prompt\":\"a\"} {\"prompt\":\"b\"}", RejectReason.BadRow)]
    [InlineData("{\"prompt\":\"a\",\"prompt\":\"b\"}", RejectReason.BadRow)]
    [InlineData("{}", RejectReason.BadRow)]
    [InlineData("{\"prompt\":null}", RejectReason.BadRow)]
    [InlineData("[1]", RejectReason.WrongType)]
    [InlineData("\"a cat\"", RejectReason.WrongType)]
    [InlineData("{\"prompt\":7}", RejectReason.WrongType)]
    [InlineData("{\"prompt\":[\"a\"]}", RejectReason.WrongType)]
    [InlineData("{\"prompt\":\"a\",\"width\":\"64\"}", RejectReason.WrongType)]
    [InlineData("{\"prompt\":\"a\",\"seeds\":[\"1\"]}", RejectReason.WrongType)]
    [InlineData("{\"prompt\":\"a\",\"id\":{}}", RejectReason.WrongType)]
    [InlineData("{\"prompt\":\"\"}", RejectReason.BadPrompt)]
    [InlineData("{\"prompt\":\" \\n\"}", RejectReason.BadPrompt)]
    [InlineData("{\"prompt\":\"a\\u0000b\"}", RejectReason.BadPrompt)]
    [InlineData("{\"prompt\":\"a\\u001bb\"}", RejectReason.BadPrompt)]
    [InlineData("{\"prompt\":\"a\\ud800b\"}", RejectReason.BadPrompt)]
    [InlineData("{\"prompt\":\"a\",\"negative_prompt\":\"\\u0007\"}", RejectReason.BadPrompt)]
    [InlineData("{\"prompt\":\"a\",\"seed\":-1}", RejectReason.BadRequest)]
    [InlineData("{\"prompt\":\"a\",\"seed\":1.5}", RejectReason.BadRequest)]
    [InlineData("{\"prompt\":\"a\",\"seed\":18446744073709551616}", RejectReason.BadRequest)]
    [InlineData("{\"prompt\":\"a\",\"seeds\":[]}", RejectReason.BadRequest)]
    [InlineData("{\"prompt\":\"a\",\"seeds\":[4,4]}", RejectReason.BadRequest)]
    [InlineData("{\"prompt\":\"a\",\"images\":0}", RejectReason.BadRequest)]
    [InlineData("{\"prompt\":\"a\",\"images\":10001}", RejectReason.BadRequest)]
    [InlineData("{\"prompt\":\"a\",\"guidance_scale\":1e999}", RejectReason.BadRequest)]
    public void A_bad_row_is_a_row_with_its_reason(string line, string reason)
    {
        var rows = Rows("p.jsonl", line + "\n{\"prompt\":\"good\"}\n");

        Assert.Equal(reason, rows[0].Rejection?.Reason);
        Assert.Equal("good", rows[1].Prompt?.Text);
    }

    [Fact]
    public void Deep_nesting_is_a_bad_row()
    {
        var row = Assert.Single(Rows("p.jsonl", $"{{\"prompt\":\"a\",\"x\":{new string('[', 100_000)}"));

        Assert.Equal(RejectReason.BadRow, row.Rejection?.Reason);
    }

    [Theory]
    [InlineData(100_000, null)]
    [InlineData(100_001, RejectReason.BadPrompt)]
    public void A_prompt_has_at_most_100_000_characters(int length, string? reason)
    {
        var row = Assert.Single(Rows("p.txt", new string('a', length)));

        Assert.Equal(reason, row.Rejection?.Reason);
    }

    [Theory]
    [InlineData(PromptLines.MaxBytes + 1)]
    [InlineData((4 * PromptLines.MaxBytes) + 1)]
    public void A_huge_line_is_one_bad_row_and_the_next_is_read(int length)
    {
        var rows = Rows("p.txt", $"first\n{new string('a', length)}\nlast\n{new string('b', length)}");

        Assert.Equal([null, RejectReason.BadRow, null, RejectReason.BadRow], rows.Select(row => row.Rejection?.Reason));
        Assert.Equal([1L, 2, 3, 4], rows.Select(row => row.Row));
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_a_bad_row()
    {
        File.WriteAllBytes(_folder.File("p.txt"), [.. "a\n"u8, 0xC3, 0x28, (byte)'\n', .. "b"u8]);

        var rows = PromptFile.Open(_folder.File("p.txt")).Rows().ToArray();

        Assert.Equal([null, RejectReason.BadEncoding, null], rows.Select(row => row.Rejection?.Reason));
    }

    [Fact]
    public void The_second_of_an_id_is_left_out_on_every_reading()
    {
        var file = Write("p.jsonl", "{\"prompt\":\"a\",\"id\":\"1\"}\n{\"prompt\":\"b\",\"id\":1}\n{\"prompt\":\"c\",\"id\":\"2\"}");

        string?[] expected = [null, RejectReason.DuplicateId, null];
        Assert.Equal(expected, file.Rows().Select(row => row.Rejection?.Reason));
        Assert.Equal(expected, file.Rows().Select(row => row.Rejection?.Reason));
    }

    [Fact]
    public void A_million_rows_are_read_in_bounded_memory()
    {
        using (var writer = new StreamWriter(_folder.File("p.txt")))
        {
            for (var i = 0; i < 1_000_000; i++)
            {
                writer.Write($"prompt {i}\n");
            }
        }

        var file = PromptFile.Open(_folder.File("p.txt"));
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var (count, most) = (0, 0L);
        foreach (var row in file.Rows())
        {
            most = ++count % 100_000 == 0 ? Math.Max(most, GC.GetTotalMemory(forceFullCollection: true) - before) : most;
        }

        Assert.Equal(1_000_000, count);
        Assert.InRange(most, 0, 16 * 1024 * 1024);
    }

    [Fact]
    public void Files_that_are_no_prompts_are_refused_with_a_sentence()
    {
        File.WriteAllBytes(_folder.File("empty.txt"), []);
        Directory.CreateDirectory(_folder.File("dir.txt"));
        File.CreateSymbolicLink(_folder.File("zero.txt"), "/dev/zero");

        foreach (var name in new[] { "empty.txt", "dir.txt", "zero.txt", "absent.txt", "a\0.txt" })
        {
            var error = Assert.Throws<SanaException>(() => PromptFile.Open(_folder.File(name)));

            Assert.Contains(".txt", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Typed_prompts_follow_the_same_rules()
    {
        var rows = PromptFile.Of(["a \"cat\"\nsits", "", "\u0001"]).Rows().ToArray();

        Assert.Equal("a \"cat\"\nsits", rows[0].Prompt?.Text);
        Assert.Equal([RejectReason.BadPrompt, RejectReason.BadPrompt], rows[1..].Select(row => row.Rejection?.Reason));
    }

    private PromptRow[] Rows(string name, string text) => [.. Write(name, text).Rows()];

    private PromptFile Write(string name, string text)
    {
        File.WriteAllText(_folder.File(name), text);
        return PromptFile.Open(_folder.File(name));
    }
}
