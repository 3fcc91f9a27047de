using Sana.Storage.Hub;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Hub;

public sealed class HubSettingsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_cache_is_where_Python_has_it()
    {
        Assert.Equal("/h/hub", Read(("HF_HOME", "/h")).Cache);
        Assert.Equal("/c", Read(("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")).Cache);
        Assert.Equal("/x/huggingface/hub", Read(("XDG_CACHE_HOME", "/x")).Cache);
        Assert.EndsWith("/.cache/huggingface/hub", Read().Cache, StringComparison.Ordinal);
    }

    [Fact]
    public void The_token_is_a_variable_or_a_file()
    {
        File.WriteAllText(_folder.File("token"), "hf_file\n");
        File.WriteAllText(_folder.File("other"), "hf_other");

        Assert.Equal(("hf_one", "HF_TOKEN"), Token(("HF_TOKEN", " hf_one "), ("HF_HOME", _folder.Path)));
        Assert.Equal(("hf_file", _folder.File("token")), Token(("HF_HOME", _folder.Path)));
        Assert.Equal(("hf_other", _folder.File("other")), Token(("HF_HOME", _folder.Path), ("HF_TOKEN_PATH", _folder.File("other"))));
        Assert.Equal((null, null), Token(("HF_HOME", _folder.File("nowhere"))));
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("true", true)]
    [InlineData("ON", true)]
    [InlineData("0", false)]
    [InlineData("", false)]
    public void Offline_is_a_word(string text, bool isOffline) => Assert.Equal(isOffline, Read(("HF_HUB_OFFLINE", text)).IsOffline);

    [Theory]
    [InlineData("HF_ENDPOINT", "mirror.example.org", "HF_ENDPOINT is 'mirror.example.org'; give an http or https address such as https://huggingface.co, or leave it out.")]
    [InlineData("HF_ENDPOINT", "https://user:key@example.org", "HF_ENDPOINT is 'https://user:key@example.org'; give an http or https address")]
    [InlineData("HF_HUB_DOWNLOAD_TIMEOUT", "soon", "HF_HUB_DOWNLOAD_TIMEOUT is 'soon'; give seconds in 1…86400, or leave it out.")]
    [InlineData("HF_TOKEN", "two words", "HF_TOKEN holds something that is no token")]
    [InlineData("HF_TOKEN", "hf_ü", "HF_TOKEN holds something that is no token")]
    public void What_cannot_be_used_is_one_sentence(string name, string value, string sentence) =>
        Assert.StartsWith(sentence, Assert.Throws<SanaException>(() => Read((name, value))).Message, StringComparison.Ordinal);

    [Fact]
    public void An_endpoint_may_have_a_path() =>
        Assert.Equal(new Uri("https://mirror.example.org/hf/"), Read(("HF_ENDPOINT", "https://mirror.example.org/hf")).Endpoint);

    private static (string?, string?) Token(params (string Name, string Value)[] variables) => (Read(variables).Token, Read(variables).TokenPlace);

    private static HubSettings Read(params (string Name, string Value)[] variables) =>
        HubSettings.FromEnvironment(name => variables.FirstOrDefault(variable => variable.Name == name).Value);
}
