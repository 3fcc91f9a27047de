using System.Runtime.CompilerServices;
using System.Text;
using Sana.Jobs.Http;
using Xunit;

namespace Sana.Tests.Http;

/// <summary>The lines of an uploaded batch: what is wrong with them, and how much of them stands in memory.</summary>
public sealed class BatchLineReaderTests
{
    private const string Endpoint = "/v1/images/generations";

    [Theory]
    [InlineData("{", "invalid_json_line", null, "not JSON: byte 2")]
    [InlineData("[]", "invalid_json_line", null, "not a JSON object")]
    [InlineData("""{"custom_id":"\uD800","method":"POST","url":"/v1/images/generations","body":{}}""", "invalid_json_line", null, "whole Unicode")]
    [InlineData("""{"method":"POST","url":"/v1/images/generations","body":{}}""", "invalid_custom_id", "custom_id", "1…512")]
    [InlineData("""{"custom_id":7,"method":"POST","url":"/v1/images/generations","body":{}}""", "invalid_custom_id", "custom_id", "1…512")]
    [InlineData("""{"custom_id":"","method":"POST","url":"/v1/images/generations","body":{}}""", "invalid_custom_id", "custom_id", "1…512")]
    [InlineData("""{"custom_id":"b","method":"GET","url":"/v1/images/generations","body":{}}""", "invalid_method", "method", "POST")]
    [InlineData("""{"custom_id":"b","method":"POST","url":"/v1/images/edits","body":{}}""", "mismatched_url", "url", "/v1/images/edits, and the batch is for /v1/images/generations")]
    [InlineData("""{"custom_id":"b","method":"POST","body":{}}""", "mismatched_url", "url", "missing")]
    [InlineData("""{"custom_id":"b","method":"POST","url":"/v1/images/generations"}""", "invalid_body", "body", "not an object")]
    [InlineData("""{"custom_id":"b","method":"POST","url":"/v1/images/generations","body":"a cat"}""", "invalid_body", "body", "not an object")]
    [InlineData("""{"custom_id":"b","method":"POST","url":"/v1/images/generations","body":{},"priority":9}""", "unknown_parameter", "priority", "'priority'")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/images/generations","body":{}}""", "duplicate_custom_id", "custom_id", "earlier line")]
    public void A_line_that_cannot_be_used_is_named(string line, string code, string? param, string part)
    {
        var (lines, reader) = Read($"{Line("a")}\n\n{line}\n{Line("c")}");

        var fault = Assert.Single(reader.Listed);
        Assert.Equal((code, 3, param), (fault.Code, fault.Line, fault.Param));
        Assert.Contains(part, fault.Message, StringComparison.Ordinal);
        Assert.Equal([1, 4], lines.Select(each => each.Number));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n \n\r\n")]
    public void A_file_without_lines_is_refused(string text) => Assert.Equal("empty_file", Assert.Single(Read(text).Reader.Listed).Code);

    [Fact]
    public void A_hundred_faults_are_listed_and_the_others_counted()
    {
        var (_, reader) = Read(string.Join('\n', Enumerable.Range(0, 130).Select(i => $"no {i}")));

        Assert.Equal((130, 101), (reader.Faults, reader.Listed.Count));
        Assert.Equal(("more_errors", "30 further lines cannot be used."), (reader.Listed[^1].Code, reader.Listed[^1].Message));
    }

    [Fact]
    public void A_line_is_handed_on_as_it_was_written()
    {
        const string Body = """{"prompt":"a \"quoted\" ☃\u0041","seed":18446744073709551615,"n":1.0,"n":2}""";

        var (lines, _) = Read($$"""{"body":{{Body}},"custom_id":"ü","url":"{{Endpoint}}","method":"POST"}""");
        using var chunk = new MemoryStream();
        lines[0].WriteTo(chunk);
        var again = BatchLine.Read(chunk.ToArray().AsMemory(0, (int)chunk.Length - 1));

        Assert.Equal((1, "ü", Body), (again.Number, again.CustomId, Encoding.UTF8.GetString(again.Body.Span)));
    }

    [Fact]
    public void Fifty_thousand_lines_are_read_and_none_stays_in_memory()
    {
        var reader = new BatchLineReader(Endpoint);
        var (count, alive) = Consume(reader, Lines(BatchLineReader.MaxLines));

        GC.Collect();
        Assert.Equal((BatchLineReader.MaxLines, BatchLineReader.MaxLines, 0), (count, reader.Lines, reader.Faults));
        Assert.DoesNotContain(alive, line => line.TryGetTarget(out _));
    }

    [Fact]
    public void One_line_more_is_too_many()
    {
        var reader = new BatchLineReader(Endpoint);

        var (count, _) = Consume(reader, Lines(BatchLineReader.MaxLines + 1));

        Assert.Equal((BatchLineReader.MaxLines, "too_many_lines"), (count, Assert.Single(reader.Listed).Code));
    }

    [Fact]
    public void A_line_without_an_end_is_one_fault() => Assert.Equal(
        ("line_too_long", 1), Read(new string('x', 5 << 20)).Reader.Listed.Select(fault => (fault.Code, fault.Line!.Value)).Single());

    /// <summary>Of every thousandth line, whether something still holds it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (int Count, List<WeakReference<BatchLine>> Alive) Consume(BatchLineReader reader, Stream stream)
    {
        var (count, alive) = (0, new List<WeakReference<BatchLine>>());
        foreach (var line in reader.Read(stream))
        {
            if (count++ % 1000 == 0)
                alive.Add(new WeakReference<BatchLine>(line));
        }

        return (count, alive);
    }

    private static (List<BatchLine> Lines, BatchLineReader Reader) Read(string text)
    {
        var reader = new BatchLineReader(Endpoint);
        return ([.. reader.Read(new MemoryStream(Encoding.UTF8.GetBytes(text)))], reader);
    }

    private static string Line(string id) => $$$"""{"custom_id":"{{{id}}}","method":"POST","url":"{{{Endpoint}}}","body":{"prompt":"a cat"}}""";

    /// <summary>So many lines, made as they are read.</summary>
    private static GeneratedLines Lines(int count) => new(count);

    private sealed class GeneratedLines(int count) : Stream
    {
        private int _next;
        private ReadOnlyMemory<byte> _left;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int length)
        {
            if (_left.IsEmpty && _next < count)
                _left = Encoding.UTF8.GetBytes(Line($"line {_next++}") + "\n");
            var part = _left[..Math.Min(length, _left.Length)];
            part.CopyTo(buffer.AsMemory(offset));
            _left = _left[part.Length..];
            return part.Length;
        }

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int length) => throw new NotSupportedException();
    }
}
