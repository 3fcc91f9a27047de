using Sana.Curation.Ingest;
using Sana.Tests.Ingest.Hostile;
using Xunit;

namespace Sana.Tests.Ingest;

public sealed class HostileImagesTests
{
    // The machine may be busy: what is tested is what becomes of a file, and the deadline has a test of its own.
    private static readonly ImageIngest _ingest = new(new IngestOptions { Deadline = TimeSpan.FromMinutes(2) });

    public static TheoryData<string> Names => [.. HostileImages.All.Select(file => file.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_hostile_file_gets_its_own_reason_or_is_kept(string name)
    {
        var file = HostileImages.All.Single(candidate => candidate.Name == name);

        var image = _ingest.Ingest(file.Bytes, file.Name, CancellationToken.None);

        Assert.Equal(file.Reason, image.Reason);
        Assert.Equal(file.Reason is null, image.File is not null);
        Assert.Equal(file.Reason is null, image.Message is null);
        if (file.Reason is null)
            Assert.Equal(file.Notes.Order(), image.Notes.Order());
    }
}
