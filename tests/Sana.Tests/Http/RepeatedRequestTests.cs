using Microsoft.AspNetCore.Http;
using Sana.Jobs.Http;
using Xunit;

namespace Sana.Tests.Http;

public sealed class RepeatedRequestTests
{
    [Fact]
    public void A_repeat_is_known_by_key_path_and_body()
    {
        var first = Of("0", "Bearer a", "/v1/images/generations", "{}")!;

        Assert.Equal((first.Blob, 1), (Of("1", "Bearer a", "/v1/images/generations", "{}")!.Blob, Of("1", "Bearer a", "/v1/images/generations", "{}")!.Count));
        Assert.NotEqual(first.Blob, Of("1", "Bearer b", "/v1/images/generations", "{}")!.Blob);
        Assert.NotEqual(first.Blob, Of("1", "Bearer a", "/openai/deployments/x/images/generations", "{}")!.Blob);
        Assert.NotEqual(first.Blob, Of("1", "Bearer a", "/v1/images/generations", "{ }")!.Blob);
        Assert.DoesNotContain("Bearer", first.Blob, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("-1")]
    [InlineData("many")]
    public void A_client_that_does_not_count_repeats_nothing(string? count) => Assert.Null(Of(count, "Bearer a", "/v1/images/generations", "{}"));

    [Theory]
    [InlineData(null, 0)]
    [InlineData(0, 2.5)]
    [InlineData(1, 3)]
    [InlineData(9, 10)]
    public void A_job_is_kept_for_as_long_as_a_client_pauses(int? repeats, double seconds) => Assert.Equal(TimeSpan.FromSeconds(seconds), RepeatedRequest.PauseBefore(repeats));

    private static RepeatedRequest? Of(string? count, string key, string path, string body)
    {
        var request = new DefaultHttpContext().Request;
        request.Path = path;
        request.Headers.Authorization = key;
        if (count is not null)
            request.Headers["x-stainless-retry-count"] = count;
        return RepeatedRequest.Of(request, System.Text.Encoding.UTF8.GetBytes(body));
    }
}
