using System.Text.Json;
using System.Text.RegularExpressions;
using Sana.Curation.Captioning.Config;
using Sana.Jobs.Curation;
using Sana.Jobs.Generation;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Conventions;

/// <summary>What stands in <c>samples/</c> can be used.</summary>
public sealed class SamplesTests
{
    [Theory]
    [InlineData("prompts.txt")]
    [InlineData("prompts.jsonl")]
    public void Prompts_have_no_bad_row(string file)
    {
        var rows = PromptFile.Open(Sample(file)).Rows().ToList();

        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Null(row.Rejection));
    }

    [Fact]
    public void Captioners_can_be_read() =>
        Assert.Equal(["vlm", "local"], new CurationSettings { Captioners = CaptionerFile.Read(Sample("captioners.json")) }.ReadCaptioners().Select(captioner => captioner.Label));

    [Fact]
    public void Bodies_of_requests_are_json() =>
        Assert.All(Regex.Matches(File.ReadAllText(Sample("requests.http")), @"^\{.*\}$", RegexOptions.Multiline), body => JsonDocument.Parse(body.Value).Dispose());

    private static string Sample(string file) => Path.Combine(Repository.Root, "samples", file);
}
