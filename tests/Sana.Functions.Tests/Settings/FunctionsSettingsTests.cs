using Microsoft.Extensions.Configuration;
using Xunit;

namespace Sana.Functions.Tests.Settings;

public sealed class FunctionsSettingsTests
{
    [Fact]
    public void Without_a_word_one_machine_does_everything_on_the_emulator()
    {
        var settings = Read(("AzureWebJobsStorage", "UseDevelopmentStorage=true"));

        Assert.True(settings.IsGpu && settings.IsOrchestrator);
        Assert.Equal(("azurite", "storage", "cpu"), (settings.Blobs, settings.Queue, settings.Device));
    }

    [Theory]
    [InlineData("Sana:Role", "worker", "Sana__Role is 'worker'; use orchestrator, gpu or both.")]
    [InlineData("Sana:Queue", "rabbit", "Sana__Queue is 'rabbit'; use servicebus or storage.")]
    [InlineData("Sana:Queue", "servicebus", "Sana__Queue is servicebus: set ServiceBus or ServiceBus__fullyQualifiedNamespace too.")]
    [InlineData("Sana:Role", "gpu", "Sana__Role is gpu: set Sana__Checkpoint to the folder of the weights, or to a repository of the Hugging Face Hub as owner/name.")]
    [InlineData("Sana:Precision", "fp16", "Sana__Precision is 'fp16'; use auto, float32, w8a8 or mixed.")]
    [InlineData("Sana:OutsideLimits", "blur", "Sana__OutsideLimits is 'blur'; use withhold or quarantine.")]
    [InlineData("Sana:Judges", "[{\"label\": \"a\"}]", "Sana__Judges: judges[0].kind is missing; add it.")]
    [InlineData("Sana:PublicUrl", "images.example.org", "'images.example.org' in Sana__PublicUrl is not an address such as https://images.example.org or https://images.example.org/sana.")]
    [InlineData("AzureWebJobsStorage", "", "Sana__Queue is storage: set AzureWebJobsStorage or AzureWebJobsStorage__accountName too.")]
    public void A_setting_that_cannot_be_used_is_named_with_what_would(string name, string value, string sentence)
    {
        var error = Assert.Throws<SanaException>(() => Read(("AzureWebJobsStorage", "UseDevelopmentStorage=true"), (name, value)));

        Assert.Equal(sentence, error.Message);
    }

    private static FunctionsSettings Read(params (string Name, string Value)[] values) => FunctionsSettings.Read(
        new ConfigurationBuilder().AddInMemoryCollection(values.GroupBy(pair => pair.Name).ToDictionary(group => group.Key, group => (string?)group.Last().Value)).Build());
}
