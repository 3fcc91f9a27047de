using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace DurableTask.Sqlite;

/// <summary>
/// A file beside the journal that says how many transactions were written. A journal that holds fewer has lost its newest ones: its <c>-wal</c> is missing or damaged, or an older copy was
/// put in its place; SQLite itself opens such a file without a word. Written after each commit and not flushed, so that it never runs ahead of the journal.
/// </summary>
internal sealed class WrittenMark : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly string _journal;

    private WrittenMark(SafeFileHandle file, string journal) => (_file, _journal) = (file, journal);

    /// <exception cref="JournalDamagedException">The journal ends before what was written.</exception>
    public static WrittenMark Open(string path, JournalMark held)
    {
        var place = PlaceOf(path);
        if (Missing(path, held) is var missing and > 0)
        {
            throw new JournalDamagedException(string.Create(
                CultureInfo.InvariantCulture,
                $"The journal {path} has lost {missing} of {held.Transactions + missing} transactions, the last ones: the file {path}-wal that held them is missing or damaged, or an older copy was put in its place. Put the missing file back; or delete {place} to go on without them, and what they recorded may be done again."));
        }

        var mark = new WrittenMark(File.OpenHandle(place, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite), held.Journal);
        mark.Write(held.Transactions);
        return mark;
    }

    /// <summary>How many transactions were written and are not held; 0 when that is not known.</summary>
    public static long Missing(string path, JournalMark held)
    {
        try
        {
            return File.ReadAllText(PlaceOf(path)).Split(' ', '\n') is [var journal, var count, ..] && journal == held.Journal && long.TryParse(count, CultureInfo.InvariantCulture, out var written)
                ? Math.Max(0, written - held.Transactions)
                : 0;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    public void Write(long transactions)
    {
        try
        {
            // Of one length, so that it never needs more room.
            RandomAccess.Write(_file, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{_journal} {transactions:D20}\n")), 0);
        }
        catch (Exception error) when (error is IOException or ArgumentOutOfRangeException)
        {
            // It stays behind, which is no harm. The second is .NET's word for a limit of the size of files.
        }
    }

    public void Dispose() => _file.Dispose();

    private static string PlaceOf(string path) => path + ".written";
}
