using Sana.Jobs.Curation;
using Sana.Jobs.Generation;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Workflows;

public sealed class SubmissionTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_prompt_file_of_several_pieces_comes_back_byte_by_byte()
    {
        var path = _folder.File("prompts.txt");
        File.WriteAllLines(path, Enumerable.Range(0, 100_000).Select(i => $"prompt ☃ number {i} with {new string('x', 40 + (i % 50))}"));
        var blobs = FileBlobs.Open(_folder.File("blobs"));
        var job = new GenerateJob { Prompts = PromptFile.Open(path), Seed = ulong.MaxValue, Device = "cuda:1", Run = "mine" };

        var back = await GenerateSubmission.Read(blobs, await GenerateSubmission.Write(blobs, job, default), default);

        Assert.True(new FileInfo(path).Length > 4 * 1024 * 1024);
        Assert.Equal(job.Prompts.Sha256(), back.Prompts.Sha256());
        Assert.Equal(job.Prompts.Rows().Count(), back.Prompts.Rows().Count());
        Assert.Equal(job with { Prompts = back.Prompts }, back);
    }

    [Fact]
    public async Task Equal_jobs_are_one_blob()
    {
        var blobs = FileBlobs.Open(_folder.File("blobs"));

        Assert.Equal(await GenerateSubmission.Write(blobs, JobScenarios.Job(), default), await GenerateSubmission.Write(blobs, JobScenarios.Job(), default));
        Assert.NotEqual(await GenerateSubmission.Write(blobs, JobScenarios.Job(), default), await GenerateSubmission.Write(blobs, JobScenarios.Job() with { Seed = 1 }, default));
    }

    [Theory]
    [InlineData("AccountName=a;AccountKey=c2VjcmV0", "v1", 10, "The source holds a key")]
    [InlineData("https://a.blob.core.windows.net/c?sv=1&sig=abc", "v1", 10, "The source holds a key")]
    [InlineData("photos", "../v1", 10, "'../v1' is not a dataset's name or version")]
    [InlineData("photos", "v1", 0, "A shard of 0 items is outside")]
    [InlineData("photos", "v1", 10_001, "A shard of 10001 items is outside")]
    public void What_must_not_be_kept_is_refused_before_it_is(string source, string version, int items, string why) =>
        Assert.StartsWith(
            why, Assert.ThrowsAny<SanaException>(() => CurationSubmission.Check(new CurationJob(source, "pets", version, null, new CurationSettings { ItemsPerShard = items }))).Message, StringComparison.Ordinal);
}
