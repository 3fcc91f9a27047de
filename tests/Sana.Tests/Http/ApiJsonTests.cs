using System.Text;
using Microsoft.AspNetCore.Http;
using Sana.Jobs.Http;
using Sana.Jobs.Queue;
using Xunit;

namespace Sana.Tests.Http;

public sealed class ApiJsonTests
{
    [Theory]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"steps\":5.0}}")]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"steps\":5e0}}")]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"steps\":50E-1}}")]
    public void A_whole_number_may_be_written_as_others_are(string body) => Assert.Equal(5, Parse<JobRequest>(body).Input.Steps);

    [Fact]
    public void A_seed_keeps_all_its_digits() =>
        Assert.Equal([ulong.MaxValue, 7UL], Parse<JobRequest>("{\"input\":{\"prompt\":\"x\",\"seeds\":[18446744073709551615,7.0]}}").Input.Seeds!);

    [Theory]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"steps\":5.5}}", "input.steps")]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"steps\":1e99}}", "input.steps")]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"seeds\":[1,-1]}}", "input.seeds[1]")]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"seeds\":[null]}}", "input.seeds[0]")]
    [InlineData("{\"priority\":3}", "input")]
    [InlineData("{\"input\":{\"prompt\":\"x\"},\"input\":{}}", "input")]
    public void A_field_at_fault_is_named(string body, string field) => Assert.Equal(field, Assert.Throws<ApiException>(() => Parse<JobRequest>(body)).Field);

    [Theory]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"steps\":null},\"output\":null}")]
    [InlineData("{ \"output\" : null , \"priority\" : null , \"input\" : { \"steps\" : null , \"prompt\" : \"x\" } , \"limits\" : { \"max_attempts\" : null } }")]
    public void Null_means_absent_wherever_it_stands(string body)
    {
        var asked = Parse<JobRequest>(body);

        Assert.Equal(("x", (int?)null, 5, (JobOutput?)null), (asked.Input.Prompt, asked.Input.Steps, asked.Priority, asked.Output));
        Assert.Equal(5, asked.Limits?.MaxAttempts ?? 5);
    }

    [Theory]
    [InlineData("{\"input\":{\"prompt\":\"x\"},}")]
    [InlineData("{\"input\":null,,\"priority\":1}")]
    [InlineData("{\"a\":null \"b\":1}")]
    [InlineData("")]
    public void What_is_not_JSON_stays_so(string body) => Assert.Equal(400, Assert.Throws<ApiException>(() => Parse<JobRequest>(body)).Status);

    [Fact]
    public async Task A_byte_order_mark_is_no_part_of_the_body()
    {
        var context = new DefaultHttpContext();
        (context.Request.ContentType, context.Request.Body) = ("application/json", new MemoryStream("\uFEFF{\"prompt\":\"x\"}"u8.ToArray()));

        Assert.Equal("x", (await ApiJson.Read<ImagesRequest>(context.Request, 1000)).Prompt);
    }

    [Theory]
    [InlineData("{\"prompt\":\"x\",\"n\":\"2\"}", "The field 'n' is the text \"2\"; it takes a whole number in 1…10.")]
    [InlineData("{\"prompt\":\"x\",\"cfg_scale\":[]}", "The field 'cfg_scale' is a list; it takes a number in 0…100.")]
    [InlineData("{\"prompt\":\"x\",\"stream\":\"yes\"}", "The field 'stream' is the text \"yes\"; it takes true or false.")]
    [InlineData("{\"prompt\":{}}", "The field 'prompt' is an object; it takes a text.")]
    [InlineData("{}", "The field 'prompt' is missing.")]
    public void A_sentence_says_what_stands_there_and_what_should(string body, string sentence) =>
        Assert.Equal(sentence, Assert.Throws<ApiException>(() => Parse<ImagesRequest>(body)).Message);

    private static T Parse<T>(string body)
        where T : class => ApiJson.Parse<T>(Encoding.UTF8.GetBytes(body));
}
