using Microsoft.Data.Sqlite;
using Sana.Workflows.Contract;

namespace Sana.Local.Engine;

/// <summary>Looks into a journal without owning it, also while another process runs it.</summary>
public sealed class JournalReader : IDisposable
{
    private const string Columns = """
        i.id, i.workflow, i.status, i.input, i.output, i.error_type, i.error, i.custom_status, p.id, i.created, i.updated, i.run, i.steps_done, i.steps_failed, i.key
        FROM instances i LEFT JOIN instances p ON p.key = i.parent
        """;

    private readonly SqliteConnection _connection;
    private readonly Statement _find;
    private readonly Func<long, int> _inFlight;

    /// <param name="connection">Disposed with the reader.</param>
    /// <param name="inFlight">How many calls of an instance (by its key) are in flight.</param>
    internal JournalReader(SqliteConnection connection, Func<long, int> inFlight)
    {
        (_connection, _inFlight) = (connection, inFlight);
        _find = new Statement(connection, $"SELECT {Columns} WHERE i.id=$1", 1);
    }

    /// <summary>Opens an existing journal for reading.</summary>
    /// <exception cref="EngineException">There is none, or it is damaged or newer than this program.</exception>
    public static JournalReader Open(string path) => new(JournalSchema.Open(path, write: false, survivePowerLoss: false), _ => 0);

    /// <summary>The instance of this id, or null.</summary>
    public WorkflowInstance? Find(string id) => _find.Rows(Read, id).FirstOrDefault();

    /// <summary>Instances, newest first.</summary>
    public IReadOnlyList<WorkflowInstance> List(InstanceQuery query)
    {
        var statuses = string.Join(',', query.Statuses.Distinct().Select(status => $"'{status}'"));
        using var statement = new Statement(
            _connection,
            $"""
            SELECT {Columns}
            WHERE {(statuses.Length == 0 ? "true" : $"i.status IN ({statuses})")} AND ($1 IS NULL OR i.workflow=$1)
              AND substr(i.id, 1, length($2))=$2 AND ($3=0 OR i.parent IS NULL)
            ORDER BY i.key DESC LIMIT $4 OFFSET $5
            """,
            5);
        return statement.Rows(Read, query.Workflow, query.IdPrefix, query.TopOnly ? 1 : 0, query.Limit, query.Skip);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _find.Dispose();
        _connection.Dispose();
    }

    private WorkflowInstance Read(SqliteDataReader row) => new()
    {
        Id = row.GetString(0),
        Workflow = row.GetString(1),
        Status = Enum.Parse<WorkflowStatus>(row.GetString(2)),
        Input = row.GetString(3),
        Output = Text(row, 4),
        ErrorType = Text(row, 5),
        Error = Text(row, 6),
        CustomStatus = Text(row, 7),
        ParentId = Text(row, 8),
        Created = Journal.Time(row.GetInt64(9)),
        Updated = Journal.Time(row.GetInt64(10)),
        Runs = row.GetInt32(11),
        StepsDone = row.GetInt64(12),
        StepsFailed = row.GetInt64(13),
        StepsInFlight = _inFlight(row.GetInt64(14)),
    };

    internal static string? Text(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
