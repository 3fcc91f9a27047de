using Sana.Jobs.Curation;
using Sana.Jobs.Networks;
using Sana.Storage.Hub;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Checkpoint;

/// <summary>A folder or a repository: which of them a text is.</summary>
public sealed class CheckpointPlaceTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_wins_and_a_repository_need_not_be_there()
    {
        Assert.Null(CheckpointPlace.Fault(_folder.Path));
        Assert.False(CheckpointPlace.IsRepository(_folder.Path));
        Assert.Null(CheckpointPlace.Fault("owner/name@v1"));
        Assert.True(CheckpointPlace.IsRepository("owner/name@v1"));
        Assert.Equal("owner/name", CheckpointPlace.FullName("owner/name"));
        Assert.Equal(Path.GetFullPath("name"), CheckpointPlace.FullName("name"));
    }

    [Theory]
    [InlineData("name")]
    [InlineData("/no/such/folder")]
    [InlineData("../name")]
    [InlineData("a/b/c")]
    public void What_is_neither_is_one_sentence_that_names_both(string text) => Assert.Equal(
        $"There is no checkpoint folder '{text}', and that is no repository of the Hugging Face Hub either; give the folder that holds model_index.json, or owner/name[@revision].",
        CheckpointPlace.Fault(text));

    [Theory]
    [InlineData("hf:owner/name@v1", true)]
    [InlineData("hf:owner/name", true)]
    [InlineData("hf:datasets/owner/name", false)]
    [InlineData("hf:name", false)]
    [InlineData("s3://bucket/name", false)]
    public void With_hf_no_folder_is_meant(string text, bool isRepository) => Assert.Equal(isRepository, CheckpointPlace.IsRepository(text));

    [Fact]
    public void A_path_below_a_folder_that_is_there_is_mistyped_and_asks_nobody()
    {
        const string Here = "mistyped";
        Directory.CreateDirectory(Here);
        try
        {
            Assert.False(CheckpointPlace.IsRepository($"{Here}/tinny"));
            Assert.True(CheckpointPlace.IsRepository($"hf:{Here}/tinny"));
            Assert.Equal(
                "There is no checkpoint folder 'mistyped/tinny', and that is no repository of the Hugging Face Hub either; give the folder that holds model_index.json, or hf:mistyped/tinny if it is one.",
                CheckpointPlace.Fault("mistyped/tinny"));
        }
        finally
        {
            Directory.Delete(Here);
        }
    }

    [Fact]
    public async Task A_folder_is_given_as_it_is() => Assert.Equal(_folder.Path, await CheckpointPlace.Folder(_folder.Path, variant: null, new Nobody(), default));

    [Fact]
    public void Clip_of_a_server_may_be_either()
    {
        Directory.CreateDirectory(_folder.File("clip/here"));

        Assert.Equal(_folder.File("clip/here"), new CurationConfig { Clip = "clip/here" }.Under(_folder.Path).Settings().Clip);
        Assert.Equal("openai/clip-vit-large-patch14", new CurationConfig { Clip = "openai/clip-vit-large-patch14" }.Under(_folder.Path).Settings().Clip);
        Assert.Equal(_folder.File("clip"), new CurationConfig { Clip = "clip" }.Under(_folder.Path).Settings().Clip);
        Assert.Equal(_folder.File("not-here"), new CurationConfig { Clip = "not-here" }.Under(_folder.Path).Settings().Clip);
    }

    private sealed class Nobody : IProgress<HubProgress>
    {
        public void Report(HubProgress value) => Assert.Fail($"Nothing is downloaded: {value}");
    }
}
