using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;

namespace Sana.Local.Commands;

/// <summary>What <c>--lora</c> names: places with names of their own, and how each is used.</summary>
internal static class LoraArguments
{
    /// <summary>The places by name, and the uses; null for none.</summary>
    /// <param name="texts">As they were given.</param>
    /// <param name="known">Places of <c>sana.json</c> by name.</param>
    /// <exception cref="SanaException">One of them is nothing that there is.</exception>
    public static (IReadOnlyDictionary<string, string> Places, AdapterUses? Uses) Read(IReadOnlyList<string> texts, IReadOnlyDictionary<string, string> known)
    {
        var (places, uses) = (new Dictionary<string, string>(StringComparer.Ordinal), new List<AdapterUse>());
        foreach (var (place, weight) in texts.Select(text => Path.Exists(text) ? (text, 1) : LoraPlace.Parse(text)))
        {
            if (known.ContainsKey(place) && !Path.Exists(place))
            {
                uses.Add(new AdapterUse(place, weight));
                continue;
            }

            if (LoraPlace.Fault(place) is { } fault)
                throw new SanaException(fault);
            uses.Add(new AdapterUse(Named(places, known, place), weight));
        }

        return (places, uses.Count == 0 ? null : new AdapterUses(uses));
    }

    // Two files of one name in two folders are two adapters.
    private static string Named(Dictionary<string, string> places, IReadOnlyDictionary<string, string> known, string place)
    {
        var (plain, name) = (LoraPlace.NameOf(place), LoraPlace.NameOf(place));
        for (var number = 2; known.ContainsKey(name) || places.GetValueOrDefault(name, place) != place; number++)
            name = FormattableString.Invariant($"{plain}-{number}");
        places[name] = place;
        return name;
    }
}
