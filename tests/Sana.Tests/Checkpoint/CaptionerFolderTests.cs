using Sana.Local.Commands;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Checkpoint;

/// <summary><c>sana build</c> and <c>sana info</c> know a captioner's folder by its config.json.</summary>
public sealed class CaptionerFolderTests
{
    [Fact]
    public void A_captioner_s_folder_is_built_and_described()
    {
        using var tiny = new TinyCaptioner(layers: 1);

        Assert.Equal(0, new BuildCommand().Parse([tiny.Folder]).Invoke());
        Assert.True(File.Exists(tiny.File("encoder_model.onnx")) && File.Exists(tiny.File("decoder_model.onnx")));
        Assert.Equal(0, new InfoCommand().Parse([tiny.Folder]).Invoke());
        Assert.Equal(0, new InfoCommand().Parse([tiny.Folder, "--json"]).Invoke());
    }
}
