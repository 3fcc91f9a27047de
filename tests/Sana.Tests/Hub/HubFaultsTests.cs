using Sana.Storage.Hub;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Hub;

/// <summary>Downloads where the Hub, its other host or somebody between misbehaves.</summary>
public sealed class HubFaultsTests : HubDownloadTests
{
    [Theory]
    [InlineData(HubFault.IgnoresRange)]
    [InlineData(HubFault.NotSatisfiable)]
    public async Task A_server_without_ranges_sends_the_whole(HubFault fault)
    {
        await using var server = await HubServer.Start("owner/name", Files, call => call.Kind == "cdn" && call.From > 0 ? fault : HubFault.None);
        Begin(Large, Files[Large][..600_000]);

        Same(await Fetch(server), Files);
    }

    [Theory]
    [InlineData(HubFault.Cut)]
    [InlineData(HubFault.Unavailable)]
    [InlineData(HubFault.TooManyRequests)]
    [InlineData(HubFault.Expired)]
    public async Task Faults_that_pass_are_waited_for_and_cost_no_byte(HubFault fault)
    {
        await using var server = await HubServer.Start("owner/name", Files, call => call.Kind == "cdn" && call.Number <= 3 ? fault : HubFault.None);

        Same(await Fetch(server), Files);

        // How much of what the server sent arrives before a cut is chance; what did is not asked for again.
        var starts = server.Of("cdn", Large).Select(call => call.From).ToArray();
        Assert.Equal((4, 0), (starts.Length, starts[0]));
        Assert.Equal(starts.Order(), starts);
        Assert.Equal(fault == HubFault.Cut, starts[^1] > 0);
        Assert.Contains(Seen, report => report.Note?.StartsWith($"{Large} is asked for again in 0 s: ", StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData("list")]
    [InlineData("head")]
    [InlineData("resolve")]
    public async Task So_are_those_of_the_endpoint(string kind)
    {
        await using var server = await HubServer.Start("owner/name", Files, call => call.Kind == kind && call.Number == 1 ? HubFault.TooManyRequests : HubFault.None);

        Same(await Fetch(server), Files);
    }

    [Fact]
    public async Task Faults_that_do_not_pass_are_one_sentence()
    {
        await using var server = await HubServer.Start("owner/name", Files, call => call is { Kind: "cdn", Path: Large } ? HubFault.Unavailable : HubFault.None);

        var error = await Assert.ThrowsAsync<SanaException>(() => Fetch(server));

        Assert.Equal($"{Large} of owner/name did not come from {server.Endpoint} in 4 attempts: 127.0.0.1 answered 503; run the same command again, it goes on where it stopped.", error.Message);
        Assert.Equal(4, server.Of("cdn", Large).Length);
        Assert.False(File.Exists(Path.Combine(Cache, "refs", "main")));
    }

    [Fact]
    public async Task A_silent_server_is_given_up()
    {
        await using var server = await HubServer.Start("owner/name", Files, call => call is { Kind: "cdn", Path: Large, Number: 1 } ? HubFault.Silent : HubFault.None);

        Same(await HubRepository.Fetch(Id, (names, _) => names, Settings(server) with { Patience = TimeSpan.FromSeconds(1) }, null, default), Files);

        Assert.Equal(2, server.Of("cdn", Large).Length);
    }

    [Fact]
    public async Task Wrong_bytes_never_get_the_name()
    {
        await using var server = await HubServer.Start("owner/name", Files, call => call is { Kind: "cdn", Path: Large } ? HubFault.WrongBytes : HubFault.None);

        var error = await Assert.ThrowsAsync<SanaException>(() => Fetch(server));

        Assert.Matches($"^{Large} of owner/name came twice from {server.Endpoint} with other bytes than it should have: their hash is [0-9a-f]{{64}}, not {HubServer.HashOf(Large, Files[Large])}; nothing of them was kept", error.Message);
        Assert.DoesNotContain(HubServer.HashOf(Large, Files[Large]), Blobs());
        Assert.False(Path.Exists(Path.Combine(Cache, "snapshots", server.Commit, Large)));
    }

    [Fact]
    public async Task So_is_a_small_file_checked()
    {
        await using var server = await HubServer.Start("owner/name", Files, call => call is { Kind: "resolve", Path: "config.json" } ? HubFault.WrongBytes : HubFault.None);

        Assert.StartsWith("config.json of owner/name came twice", (await Assert.ThrowsAsync<SanaException>(() => Fetch(server))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_token_is_for_the_endpoint_alone()
    {
        await using var server = await HubServer.Start("owner/name", Files);

        await Fetch(server, token: "hf_secret");

        Assert.All(server.Calls, call => Assert.Equal(call.Kind == "cdn" ? null : "Bearer hf_secret", call.Token));
        Assert.NotEmpty(server.Of("cdn"));
    }

    [Theory]
    [InlineData(HubFault.GatedRepo, null, "owner/name is gated: accept its terms at {0}owner/name and set HF_TOKEN to a token of the account that did.")]
    [InlineData(HubFault.GatedRepo, "hf_a", "owner/name is gated, and the account of HF_TOKEN has not accepted its terms")]
    [InlineData(HubFault.BadToken, "hf_a", "The token of HF_TOKEN is not valid, or was revoked: make a new one at {0}settings/tokens")]
    [InlineData(HubFault.Forbidden, "hf_a", "{0} does not let the token of HF_TOKEN read owner/name (403: This token has no such right): set HF_TOKEN to one that may.")]
    [InlineData(HubFault.RepoNotFound, null, "There is no folder 'owner/name' here, and {0} has no model repository of that name, or shows it only to some: check the name, or set HF_TOKEN")]
    [InlineData(HubFault.RepoNotFound, "hf_a", "There is no folder 'owner/name' here, and {0} has no model repository of that name")]
    [InlineData(HubFault.RevisionNotFound, null, "owner/name has no revision 'main': give a branch, a tag or a commit that {0}owner/name shows")]
    public async Task Refusals_are_one_sentence_and_are_not_tried_again(HubFault fault, string? token, string sentence)
    {
        await using var server = await HubServer.Start("owner/name", Files, call => call.Kind == "list" ? fault : HubFault.None);

        var error = await Assert.ThrowsAsync<UnusableJobException>(() => Fetch(server, token));

        Assert.StartsWith(string.Format(null, sentence, server.Endpoint), error.Message, StringComparison.Ordinal);
        Assert.Single(server.Calls);
    }

    [Fact]
    public async Task A_token_that_is_revoked_whileFiles_come_is_one_sentence()
    {
        await using var server = await HubServer.Start("owner/name", Files, call => call.Kind == "resolve" ? HubFault.BadToken : HubFault.None);

        Assert.StartsWith("The token of HF_TOKEN is not valid, or was revoked", (await Assert.ThrowsAsync<UnusableJobException>(() => Fetch(server, "hf_a"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_Hub_is_said_to_be_none()
    {
        await using var server = await HubServer.Start("owner/name", Files, call => HubFault.NoHub);

        Assert.StartsWith($"{server.Endpoint} did not answer as the Hub does", (await Assert.ThrowsAsync<SanaException>(() => Fetch(server))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_that_lead_out_of_the_cache_are_not_taken()
    {
        await using var server = await HubServer.Start("owner/name", new Dictionary<string, byte[]>(Files) { ["../../evil.json"] = [1], ["/tmp/evil.json"] = [2], [".gitattributes"] = [3] });

        Same(await Fetch(server), Files);
    }
}
