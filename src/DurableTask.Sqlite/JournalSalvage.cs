using System.Text.Json;
using DurableTask.Core;
using DurableTask.Core.History;
using Microsoft.Data.Sqlite;

namespace DurableTask.Sqlite;

/// <summary>Copies what can be read of a damaged journal: each table from both ends up to the damage, then each key between; the indexes tell what is missing.</summary>
internal sealed class JournalSalvage(SqliteConnection source, Journal target)
{
    private const string InstanceColumns =
        "key, id, execution, name, version, status, input, output, failure, custom_status, tags, parent_id, parent, generation, created, updated, completed, scheduled, refused";

    // Keys that are looked for beyond the last one that was found, where the end of a table is damaged.
    private const long Beyond = 100_000;

    private readonly Dictionary<long, (string Id, bool IsUnfinished)> _instances = [];
    private readonly Dictionary<long, string> _cannotGoOn = [];
    private readonly List<string> _lost = [];
    private bool _isListComplete = true;

    public JournalRescue Run()
    {
        Execute(target.Connection, "BEGIN");
        Instances();
        Histories();
        Waiting("messages", "id, instance, due, recursive, message", "messages_by_instance");
        Waiting("activities", "id, instance, message", "activities_by_instance");
        foreach (var (key, reason) in _cannotGoOn)
            Fail(key, reason);
        Execute(target.Connection, "COMMIT");
        return new JournalRescue(
            _instances.Count, _instances.Values.Count(instance => instance.IsUnfinished) - _cannotGoOn.Count, [.. _cannotGoOn.Keys.Select(key => _instances[key].Id).Order(StringComparer.Ordinal)], _lost,
            _isListComplete);
    }

    private void Instances()
    {
        using var insert = new Statement(target.Connection, $"INSERT OR IGNORE INTO instances({InstanceColumns}) VALUES({Parameters(19)})", 19);
        foreach (var row in Rows("instances", "key", InstanceColumns))
        {
            if (row is [long key, string id, string, string, _, long status and >= 0 and <= 7, ..] && id.Length > 0 && insert.Run(row) > 0)
                _instances[key] = (id, Journal.IsUnfinished((OrchestrationStatus)status));
        }

        // An index holds the ids again, and another one the parents.
        Dictionary<long, string> missing = [];
        ByIndex("SELECT id, key FROM instances INDEXED BY sqlite_autoindex_instances_1", row =>
        {
            if (!_instances.ContainsKey(row.GetInt64(1)))
                missing[row.GetInt64(1)] = row.GetString(0);
        });
        _lost.AddRange(missing.Values.Order(StringComparer.Ordinal));
        if (missing.Count == 0)
            return;
        var keys = _instances.ToDictionary(instance => instance.Value.Id, instance => instance.Key);
        ByIndex("SELECT parent_id, key FROM instances INDEXED BY instances_by_parent WHERE parent_id IS NOT NULL", row =>
        {
            if (missing.TryGetValue(row.GetInt64(1), out var child) && keys.TryGetValue(row.GetString(0), out var parent))
                CannotGoOn(parent, $"its child {child} could not be read");
        });
    }

    private void Histories()
    {
        using var read = new Statement(source, "SELECT turn, events FROM history WHERE instance=$1 ORDER BY turn", 1);
        using var insert = new Statement(target.Connection, "INSERT INTO history VALUES($1, $2, $3)", 3);
        foreach (var (key, _) in _instances)
        {
            try
            {
                var turns = 0;
                foreach (var (turn, events) in read.Rows(row => (Turn: row.GetInt64(0), Events: row.GetString(1)), key))
                {
                    if (turn != ++turns || !IsJson<List<HistoryEvent>>(events))
                        CannotGoOn(key, "its history could not be read whole");
                    insert.Run(key, turn, events);
                }
            }
            catch (SqliteException)
            {
                CannotGoOn(key, "its history could not be read");
            }
        }
    }

    private void Waiting(string table, string columns, string index)
    {
        var width = columns.Split(',').Length;
        using var insert = new Statement(target.Connection, $"INSERT OR IGNORE INTO {table} VALUES({Parameters(width)})", width);
        HashSet<long> there = [];
        foreach (var row in Rows(table, "id", columns))
        {
            if (row is [long id, long instance, .., string message] && IsJson<TaskMessage>(message))
            {
                there.Add(id);
                if (_instances.ContainsKey(instance))
                    insert.Run(row);
            }
        }

        ByIndex($"SELECT instance, rowid FROM {table} INDEXED BY {index}", row =>
        {
            if (!there.Contains(row.GetInt64(1)))
                CannotGoOn(row.GetInt64(0), $"what it waits for ({table}) could not be read");
        });
    }

    private void CannotGoOn(long key, string reason)
    {
        if (_instances.TryGetValue(key, out var instance) && instance.IsUnfinished)
            _cannotGoOn.TryAdd(key, reason);
    }

    /// <summary>Ends an instance as failed and tells its parent.</summary>
    private void Fail(long key, string reason)
    {
        var sentence = $"The journal was damaged: {reason}, so this instance could not go on. What it did before stays; ask for the rest again.";
        var failure = new FailureDetails(typeof(JournalDamagedException).FullName!, sentence, null, null, false);
        using var fail = new Statement(
            target.Connection, "UPDATE instances SET status=3, output=$2, failure=$3, completed=updated, refused=NULL WHERE key=$1 RETURNING parent", 3);
        var parent = fail.Rows(row => Statement.Text(row, 0), key, sentence, EventJson.Write(failure)).FirstOrDefault();
        foreach (var table in (string[])["messages", "activities"])
        {
            using var drop = new Statement(target.Connection, $"DELETE FROM {table} WHERE instance=$1", 1);
            drop.Run(key);
        }

        if (parent is null || !IsJson<ParentInstance>(parent) || EventJson.Read<ParentInstance>(parent) is not { OrchestrationInstance: { } above } told)
            return;
        // The ids go on behind those that were brought over.
        using var next = new Statement(target.Connection, "SELECT 1 + max(coalesce((SELECT max(id) FROM messages), 0), coalesce((SELECT max(id) FROM activities), 0))", 0);
        target.Add(Pending.Write(next.Number()!.Value, new TaskMessage
        {
            OrchestrationInstance = above,
            Event = new SubOrchestrationInstanceFailedEvent(-1, told.TaskScheduleId, sentence, null, failure),
        }));
    }

    /// <summary>The rows of a table that can be read.</summary>
    private IEnumerable<object?[]> Rows(string table, string key, string columns)
    {
        var (low, high) = (long.MinValue, long.MaxValue);
        List<object?[]> some = [];
        if (Collect(some, $"SELECT {columns} FROM {table} WHERE {key}>$1 ORDER BY {key}", low, ref low))
            return some;
        // Damaged: from the other end, and then what stands between.
        Collect(some, $"SELECT {columns} FROM {table} WHERE {key}<$1 ORDER BY {key} DESC", high, ref high);
        using var one = new Statement(source, $"SELECT {columns} FROM {table} WHERE {key}=$1", 1);
        for (var number = Math.Max(low, 0) + 1; number < Math.Min(high, Math.Max(low, 0) + Beyond); number++)
        {
            try
            {
                some.AddRange(one.Rows(Values, number));
            }
            catch (SqliteException)
            {
                // Unreadable; if there was a row, an index tells.
            }
        }

        return some.DistinctBy(row => row[0]);
    }

    /// <summary>Reads on until the end, or until a row that cannot be read: then false.</summary>
    private bool Collect(List<object?[]> rows, string sql, long from, ref long last)
    {
        using var command = source.CreateCommand();
        command.CommandText = sql;
        command.Parameters.AddWithValue("$1", from);
        try
        {
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                var row = Values(reader);
                rows.Add(row);
                last = (long)row[0]!;
            }

            return true;
        }
        catch (Exception error) when (error is SqliteException or InvalidCastException)
        {
            return false;
        }
    }

    /// <summary>An index that is damaged itself leaves the list incomplete.</summary>
    private void ByIndex(string sql, Action<SqliteDataReader> read)
    {
        using var command = source.CreateCommand();
        command.CommandText = sql;
        try
        {
            using var reader = command.ExecuteReader();
            while (reader.Read())
                read(reader);
        }
        catch (Exception error) when (error is SqliteException or InvalidCastException)
        {
            _isListComplete = false;
        }
    }

    private static object?[] Values(SqliteDataReader row)
    {
        var values = new object?[row.FieldCount];
        for (var column = 0; column < values.Length; column++)
            values[column] = row.IsDBNull(column) ? null : row.GetValue(column);
        return values;
    }

    private static bool IsJson<T>(string text)
    {
        try
        {
            return EventJson.Read<T>(text) is not null;
        }
        catch (Exception error) when (error is JsonException or NotSupportedException)
        {
            return false;
        }
    }

    private static string Parameters(int count) => string.Join(", ", Enumerable.Range(1, count).Select(number => $"${number}"));

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
