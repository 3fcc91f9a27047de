using Sana.Jobs.Queue;
using Xunit;

namespace Sana.Tests.Queue;

public sealed class JobMessageTests
{
    [Fact]
    public void Fields_that_a_foreign_message_leaves_out_have_their_defaults()
    {
        var job = JobMessage.Parse("""{"schema":"sana.job/1","job_id":"a1","input":{"prompt":"a cat"},"output":{},"limits":{}}""");

        var expected = new JobMessage { JobId = "a1", Input = new JobInput { Prompt = "a cat" } };
        Assert.Equal(expected.ToJson(), job.ToJson());
        Assert.Equal(5, job.Priority);
    }

    [Fact]
    public void Fields_that_nobody_knows_are_ignored()
    {
        var job = JobMessage.Parse("""{"schema":"sana.job/1.7","job_id":"a1","input":{"prompt":"a cat","mood":"calm"},"colour":[1,2]}""");

        Assert.Equal("a cat", job.Input.Prompt);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"schema\":\"sana.job/2\",\"job_id\":\"a\"}")]
    [InlineData("{\"schema\":\"sana.job/1\"}")]
    [InlineData("{\"schema\":\"sana.job/1\",\"job_id\":7}")]
    [InlineData("{\"schema\":\"sana.job/1\",\"job_id\":\"a\",\"priority\":1e99}")]
    [InlineData("{\"schema\":\"sana.job/1\",\"job_id\":\"a\",\"input\":{\"width\":\"wide\"}}")]
    [InlineData("{\"schema\":\"sana.job/1\",\"job_id\":\"a\",\"input\":{\"seeds\":[-1]}}")]
    [InlineData("{\"schema\":\"sana.job/1\",\"job_id\":\"a\",\"input\":{\"guidance_scale\":NaN}}")]
    [InlineData("{\"schema\":\"sana.job/1\",\"job_id\":\"a\",\"not_after\":\"yesterday\"}")]
    public void What_is_no_job_is_refused_as_bad_input(string body)
    {
        var fault = Assert.Throws<JobFaultException>(() => JobMessage.Parse(body));

        Assert.Equal(FaultReason.BadInput, fault.Reason);
    }

    [Fact]
    public void Deep_nesting_is_refused_and_not_followed() =>
        Assert.Throws<JobFaultException>(() => JobMessage.Parse(string.Concat(Enumerable.Repeat("[", 100_000))));
}
