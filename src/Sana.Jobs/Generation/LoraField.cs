using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;

namespace Sana.Jobs.Generation;

/// <summary>
/// The adapters that a row names: <c>"name"</c>, <c>"name:0.8"</c>, several with commas between, or a list of these or of <c>{"name", "weight"}</c>. Names are the host's; whether it knows them is
/// found when the row is planned.
/// </summary>
internal static class LoraField
{
    /// <exception cref="Exception">What <paramref name="fault"/> makes of the sentence that says what is wrong.</exception>
    public static IReadOnlyList<AdapterUse> Read(JsonElement value, Func<string, Exception> fault) => value.ValueKind switch
    {
        JsonValueKind.String => [.. Text(value, fault).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(Named)],
        JsonValueKind.Array => [.. value.EnumerateArray().Select(item => Item(item, fault))],
        _ => throw Wrong(fault),
    };

    private static AdapterUse Item(JsonElement item, Func<string, Exception> fault)
    {
        if (item.ValueKind == JsonValueKind.String)
            return Named(Text(item, fault));
        if (item.ValueKind != JsonValueKind.Object || !item.TryGetProperty("name", out var name) || name.ValueKind != JsonValueKind.String || item.EnumerateObject().Any(member => member.Name is not ("name" or "weight")))
            throw Wrong(fault);
        if (!item.TryGetProperty("weight", out var weight) || weight.ValueKind == JsonValueKind.Null)
            return new AdapterUse(Text(name, fault));
        return weight.ValueKind == JsonValueKind.Number && weight.TryGetSingle(out var number) ? new AdapterUse(Text(name, fault), number) : throw Wrong(fault);
    }

    private static AdapterUse Named(string text)
    {
        var (name, weight) = LoraPlace.Parse(text);
        return new AdapterUse(name, weight);
    }

    private static string Text(JsonElement value, Func<string, Exception> fault)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // The escape \ud800 without its other half.
            throw fault("The lora has half a surrogate pair; remove it.");
        }
    }

    private static Exception Wrong(Func<string, Exception> fault) => fault("""lora is none of "name", "name:0.8", a list of these, and a list of {"name": "…", "weight": 0.8}.""");
}
