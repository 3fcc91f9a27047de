using Xunit;

namespace Sana.Functions.Tests.Infra;

/// <summary>What the resources are never to be, whoever edits them.</summary>
public sealed class SafetyTests
{
    [Fact]
    public void It_compiles_and_no_rule_of_the_linter_complains() => Assert.Equal("", Template.Main.Said.Trim());

    [Fact]
    public void Storage_has_no_keys_no_public_blobs_and_no_old_tls()
    {
        var accounts = Template.Main.All("Microsoft.Storage/storageAccounts").ToList();

        Assert.Equal(2, accounts.Count);
        Assert.All(accounts, account =>
        {
            Assert.False(account.Bool("properties.allowSharedKeyAccess"));
            Assert.False(account.Bool("properties.allowBlobPublicAccess"));
            Assert.False(account.Bool("properties.allowCrossTenantReplication"));
            Assert.True(account.Bool("properties.supportsHttpsTrafficOnly"));
            Assert.Equal("TLS1_2", account.String("properties.minimumTlsVersion"));
        });
        Assert.All(Template.Main.All("Microsoft.Storage/storageAccounts/blobServices/containers"), container => Assert.False(container.Has("properties.publicAccess")));
    }

    [Fact]
    public void Nothing_else_takes_a_key_or_a_password_either()
    {
        Assert.True(Template.Main.Only("Microsoft.ServiceBus/namespaces").Bool("properties.disableLocalAuth"));
        Assert.Equal("1.2", Template.Main.Only("Microsoft.ServiceBus/namespaces").String("properties.minimumTlsVersion"));
        Assert.True(Template.Main.Only("Microsoft.Insights/components").Bool("properties.DisableLocalAuth"));
        Assert.True(Template.Main.Only("Microsoft.OperationalInsights/workspaces").Bool("properties.features.disableLocalAuth"));
        Assert.False(Template.Main.Only("Microsoft.ContainerRegistry/registries").Bool("properties.adminUserEnabled"));
        Assert.All(Template.Main.All("Microsoft.Web/sites/basicPublishingCredentialsPolicies"), policy => Assert.False(policy.Bool("properties.allow")));
        Assert.Equal(2, Template.Main.All("Microsoft.Web/sites/basicPublishingCredentialsPolicies").Count());
    }

    [Fact]
    public void The_site_speaks_https_and_nothing_older_than_tls_1_2()
    {
        var site = Template.Main.Only("Microsoft.Web/sites");

        Assert.True(site.Bool("properties.httpsOnly"));
        Assert.Equal("1.2", site.String("properties.siteConfig.minTlsVersion"));
        Assert.Equal("1.2", site.String("properties.siteConfig.scmMinTlsVersion"));
        Assert.Equal("Disabled", site.String("properties.siteConfig.ftpsState"));
        Assert.False(Template.Main.Only("Microsoft.App/containerApps").Bool("properties.configuration.ingress.allowInsecure"));
    }

    [Theory]
    [InlineData("listKeys")]
    [InlineData("listConnectionStrings")]
    [InlineData("listSecrets")]
    [InlineData("listCredentials")]
    [InlineData("AccountKey=")]
    [InlineData("SharedAccessKey")]
    [InlineData("\"sharedKey\"")]
    [InlineData("\"secrets\"")]
    [InlineData("secureString")]
    public void No_secret_is_read_or_handed_on(string word) => Assert.DoesNotContain(word, Template.Main.Text, StringComparison.OrdinalIgnoreCase);

    [Fact]
    public void Keys_of_captioners_are_references_that_the_app_reads_with_its_own_identity()
    {
        Assert.True(Template.Main.Only("Microsoft.KeyVault/vaults").Bool("properties.enableRbacAuthorization"));
        Assert.Empty(Template.Main.All("Microsoft.KeyVault/vaults/secrets"));
        Assert.Contains("'@Microsoft.KeyVault(VaultName={0};SecretName={1})'", Template.Main.Text, StringComparison.Ordinal);
        Assert.Equal("[parameters('identity')]", Template.Main.Only("Microsoft.Web/sites").String("properties.keyVaultReferenceIdentity"));
    }

    [Fact]
    public void The_gpu_app_has_its_profile_and_no_scale_rule_of_its_own()
    {
        var app = Template.Main.Only("Microsoft.App/containerApps");
        var profiles = Template.Main.Only("Microsoft.App/managedEnvironments").At("properties.workloadProfiles").EnumerateArray().ToList();

        Assert.Equal("functionapp", app.String("kind"));
        Assert.Contains(profiles, profile => profile.GetProperty("name").GetString() == app.String("properties.workloadProfileName"));
        Assert.All(profiles, profile => Assert.False(profile.TryGetProperty("minimumCount", out _) || profile.TryGetProperty("maximumCount", out _)));
        Assert.False(app.Has("properties.template.scale.rules"));
        Assert.True(app.Has("properties.configuration.ingress"));
        Assert.Equal("Single", app.String("properties.configuration.activeRevisionsMode"));
    }

    [Fact]
    public void The_queue_keeps_what_fails_and_knows_a_message_that_comes_twice()
    {
        var queue = Template.Main.Only("Microsoft.ServiceBus/namespaces/queues");

        Assert.EndsWith("'sana-jobs')]", queue.String("name"), StringComparison.Ordinal);
        Assert.True(queue.Bool("properties.requiresDuplicateDetection"));
        Assert.True(queue.Bool("properties.deadLetteringOnMessageExpiration"));
        Assert.False(queue.Bool("properties.requiresSession"));
        Assert.Equal(10, queue.At("properties.maxDeliveryCount").GetInt32());
    }
}
