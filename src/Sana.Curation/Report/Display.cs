using System.Globalization;
using static System.FormattableString;

namespace Sana.Curation.Report;

/// <summary>Numbers and names as people read them.</summary>
internal static class Display
{
    public static string Number(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>With one digit below ten percent; a part that is not all or nothing never reads 100 % or 0 %.</summary>
    public static string Share(long part, long whole)
    {
        var percent = whole == 0 ? 0 : 100.0 * part / whole;
        return percent switch
        {
            > 0 and < 0.1 => "< 0.1 %",
            > 99.9 and < 100 => "> 99.9 %",
            0 or 100 or >= 10 and < 99.5 => Invariant($"{percent:0} %"),
            _ => Invariant($"{percent:0.0} %"),
        };
    }

    /// <summary>Large counts of tokens.</summary>
    public static string Tokens(long count) => count switch
    {
        < 10_000 => Number(count),
        < 1_000_000 => Invariant($"{count / 1e3:0.#}k"),
        < 1_000_000_000 => Invariant($"{count / 1e6:0.##}M"),
        _ => Invariant($"{count / 1e9:0.##}G"),
    };

    /// <summary>A sum without its currency: the smaller, the more digits.</summary>
    public static string Money(decimal sum) => sum switch
    {
        0 => "0",
        < 0.0001m => "< 0.0001",
        < 1 => Invariant($"{sum:0.00##}"),
        _ => Invariant($"{sum:N2}"),
    };

    public static string Time(TimeSpan time) => time switch
    {
        { TotalSeconds: < 10 } => Invariant($"{time.TotalSeconds:0.0} s"),
        { TotalMinutes: < 1 } => Invariant($"{time.TotalSeconds:0} s"),
        { TotalHours: < 1 } => Invariant($"{time:m\\:ss} min"),
        _ => Invariant($"{(int)time.TotalHours}:{time:mm} h"),
    };

    /// <summary>Items in a second.</summary>
    public static string Rate(long items, TimeSpan time) => time <= TimeSpan.Zero ? "–" : (items / time.TotalSeconds) switch
    {
        >= 100 and var rate => Invariant($"{rate:N0}"),
        >= 1 and var rate => Invariant($"{rate:0.0}"),
        >= 0.1 and var rate => Invariant($"{rate:0.00}"),
        var rate => Invariant($"{rate:0.####}"),
    };

    /// <summary>The last part of where the image came from.</summary>
    public static string FileName(IndexRow row) => PlainText.Cut(row.SourceUri[(row.SourceUri.TrimEnd('/').LastIndexOf('/') + 1)..], 120)!;

    /// <summary>Size of a picture, such as <c>1,024 × 768</c>; empty when nobody knows.</summary>
    public static string Pixels(int? width, int? height) => width is > 0 && height is > 0 ? Invariant($"{width:N0} × {height:N0}") : "";
}
