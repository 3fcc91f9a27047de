using Sana.Curation;
using Sana.Curation.Ingest;
using Sana.Inference.Imaging;
using Xunit;

namespace Sana.Tests.Ingest;

public sealed class IngestOptionsTests
{
    public static TheoryData<IngestOptions, string> Unusable => new()
    {
        { new IngestOptions { MaxBytes = 0 }, "MaxBytes 0 is outside" },
        { new IngestOptions { MaxPixels = 0 }, "MaxPixels 0 is outside" },
        { new IngestOptions { MaxSide = 65_501 }, "MaxSide 65501 is outside" },
        { new IngestOptions { MaxMemory = 1 }, "MaxMemory 1 is outside" },
        { new IngestOptions { Deadline = TimeSpan.Zero }, "Deadline 00:00:00 is outside" },
        { new IngestOptions { Quality = 49 }, "Quality 49 is outside" },
        { new IngestOptions { Output = ImageFormat.Webp }, "Webp is not possible" },
        { new IngestOptions { Background = "white" }, "'white' is no colour" },
        { new IngestOptions { Background = "#12345g" }, "'#12345g' is no colour" },
    };

    [Fact]
    public void Defaults_are_usable() => new IngestOptions().Check();

    [Theory]
    [MemberData(nameof(Unusable))]
    public void Options_out_of_range_are_refused_with_the_value(IngestOptions options, string message) =>
        Assert.Contains(message, Assert.Throws<CurationException>(() => new ImageIngest(options)).Message, StringComparison.Ordinal);
}
