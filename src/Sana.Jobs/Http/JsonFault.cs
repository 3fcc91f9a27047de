using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;

namespace Sana.Jobs.Http;

/// <summary>From what the reader of JSON says of a body to a sentence for its sender: which field, what stands there and what should.</summary>
internal static partial class JsonFault
{
    private const int MostShown = 60;

    public static ApiException Explain(ReadOnlySpan<byte> body, Type type, JsonException error)
    {
        var place = Place(error.Path);
        if (error.Message.Contains("missing required", StringComparison.Ordinal))
        {
            var missing = Quoted().Matches(error.Message[error.Message.IndexOf("including", StringComparison.Ordinal)..]).Select(match => match.Groups[1].Value).ToList();
            if (missing is [var first, ..])
                return ApiException.Missing(Join(place, first));
        }

        if (place.Count == 0)
            return ApiException.Invalid(null, "The body is not a JSON object.");
        var field = Shown(Join(place[..^1], place[^1]));
        if (error.Message.Contains("could not be mapped", StringComparison.Ordinal))
        {
            var known = Find(type, place[..^1])?.Properties.Where(property => !property.IsExtensionData).Select(property => property.Name) ?? [];
            return ApiException.Invalid(field, $"There is no field '{field}' here; the fields are {string.Join(", ", known)}.", openAICode: "unknown_parameter");
        }

        if (error.Message.Contains("uplicate", StringComparison.Ordinal))
            return ApiException.Invalid(field, $"The field '{field}' is given twice.");
        var wanted = Find(type, place)?.Type is { } clr ? Words(Nullable.GetUnderlyingType(clr) ?? clr, RangeOf(type, place)) : null;
        var sentence = wanted is null ? $"The field '{field}' cannot be used: it is {Value(body, place)}." : $"The field '{field}' is {Value(body, place)}; it takes {wanted}.";
        return ApiException.Invalid(field, sentence, openAICode: "invalid_type");
    }

    /// <summary><c>$.input.seeds[0]</c> as input, seeds, [0].</summary>
    private static List<string> Place(string? path) => [.. Step().Matches(path ?? "").Select(step =>
        step.Groups["name"] is { Success: true } name ? name.Value : step.Groups["quoted"] is { Success: true } quoted ? quoted.Value : $"[{step.Groups["index"].Value}]")];

    private static string Join(IEnumerable<string> place, string last) =>
        string.Join('.', place.Append(last)).Replace(".[", "[", StringComparison.Ordinal);

    private static JsonTypeInfo? Find(Type type, IEnumerable<string> place)
    {
        var info = ApiJson.Options.GetTypeInfo(type);
        foreach (var step in place)
        {
            var next = step[0] == '[' ? info.ElementType : info.Properties.FirstOrDefault(property => property.Name == step)?.PropertyType;
            if (next is null)
                return null;
            info = ApiJson.Options.GetTypeInfo(next);
        }

        return info;
    }

    private static RangeAttribute? RangeOf(Type type, List<string> place) =>
        Find(type, place[..^1])?.Properties.FirstOrDefault(property => property.Name == place[^1])?.AttributeProvider?.GetCustomAttributes(typeof(RangeAttribute), inherit: false) is [RangeAttribute range]
            ? range
            : null;

    private static string Words(Type type, RangeAttribute? range) => type switch
    {
        _ when range is not null => string.Create(CultureInfo.InvariantCulture, $"a {(type == typeof(int) ? "whole number" : "number")} in {range.Minimum}…{range.Maximum}"),
        _ when type == typeof(int) => $"a whole number up to {int.MaxValue}",
        _ when type == typeof(long) => "a whole number",
        _ when type == typeof(ulong) => $"a whole number in 0…{ulong.MaxValue}",
        _ when type == typeof(float) || type == typeof(double) || type == typeof(decimal) => "a number",
        _ when type == typeof(bool) => "true or false",
        _ when type == typeof(string) => "a text",
        _ when type == typeof(DateTimeOffset) => "a time such as 2026-01-31T12:00:00Z",
        _ when typeof(IEnumerable).IsAssignableFrom(type) => "a list",
        _ => "an object",
    };

    private static string Value(ReadOnlySpan<byte> body, IReadOnlyList<string> place)
    {
        try
        {
            using var document = JsonDocument.Parse(body.ToArray(), new JsonDocumentOptions { AllowTrailingCommas = true, MaxDepth = 32 });
            var value = document.RootElement;
            foreach (var step in place)
                value = step[0] == '[' ? value[int.Parse(step.AsSpan(1, step.Length - 2), CultureInfo.InvariantCulture)] : value.GetProperty(step);
            return value.ValueKind switch
            {
                JsonValueKind.Object => "an object",
                JsonValueKind.Array => "a list",
                JsonValueKind.String => $"the text {Shown(value.GetRawText())}",
                _ => Shown(value.GetRawText()),
            };
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or IndexOutOfRangeException or FormatException)
        {
            return "something else";
        }
    }

    private static string Shown(string text) => text.Length <= MostShown ? text : text[..MostShown] + "…";

    [GeneratedRegex("'([^']+)'", RegexOptions.CultureInvariant)]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\.(?<name>[^.\[\]]+)|\['(?<quoted>[^']*)'\]|\[(?<index>\d+)\]", RegexOptions.CultureInvariant)]
    private static partial Regex Step();
}
