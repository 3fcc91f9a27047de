using DuckDB.NET.Data;

namespace Sana.Tests.Sources;

/// <summary>Parquet by another hand than the one that reads it.</summary>
internal static class Duck
{
    public static void Write(string file, string select, string options = "")
    {
        using var connection = new DuckDBConnection("Data Source=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The test's own text.
        command.CommandText = $"copy ({select}) to '{file}' (format parquet{options})";
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}
