using System.Buffers;
using System.Text.Json;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>Every image and every rejected row as a line, in lists of 10,000, and their counts: what becomes of a row is never only in a log.</summary>
internal sealed class OutcomeLists(IBlobs blobs, RunNames names)
{
    private const int RowsPerList = 10_000;

    private readonly List<OutcomeListRecord> _lists = [];
    private readonly SortedDictionary<string, long> _status = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _reasons = new(StringComparer.Ordinal);
    private readonly ArrayBufferWriter<byte> _lines = new();
    private int _rows;

    public IReadOnlyList<OutcomeListRecord> Lists => _lists;

    public IReadOnlyDictionary<string, long> Status => _status;

    public IReadOnlyDictionary<string, long> Reasons => _reasons;

    public long Count(string status) => _status.GetValueOrDefault(status);

    public Task Add(ImageRecord image, CancellationToken cancellationToken) => Add(OutcomeRecord.Of(image), cancellationToken);

    public Task Add(RejectedRow row, CancellationToken cancellationToken) => Add(OutcomeRecord.Of(row), cancellationToken);

    public async Task Add(OutcomeRecord outcome, CancellationToken cancellationToken)
    {
        _status[outcome.Status] = Count(outcome.Status) + 1;
        if (outcome.Reason is { } reason)
        {
            _reasons[reason] = _reasons.GetValueOrDefault(reason) + 1;
        }

        _lines.Write(JsonSerializer.SerializeToUtf8Bytes(outcome, RunJson.Readable.OutcomeRecord));
        _lines.Write("\n"u8);
        if (++_rows == RowsPerList)
        {
            await Flush(cancellationToken);
        }
    }

    /// <summary>Writes the last list.</summary>
    public async Task Flush(CancellationToken cancellationToken)
    {
        if (_rows == 0)
        {
            return;
        }

        var name = names.Outcomes(_lists.Count);
        var bytes = _lines.WrittenMemory;
        await blobs.PutOrRepair(name, bytes, cancellationToken);
        _lists.Add(new OutcomeListRecord(name, RunJson.Sha256(bytes.Span), bytes.Length, _rows));
        _lines.ResetWrittenCount();
        _rows = 0;
    }
}
