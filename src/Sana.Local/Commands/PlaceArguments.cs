using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;

namespace Sana.Local.Commands;

/// <summary>What <c>--lora</c> and <c>--control</c> name: places with names of their own, and how each is used.</summary>
internal static class PlaceArguments
{
    /// <summary>The adapters: the places by name, and the uses; null for none.</summary>
    /// <param name="texts">As they were given.</param>
    /// <param name="known">Places of <c>sana.json</c> by name.</param>
    /// <exception cref="SanaException">One of them is nothing that there is.</exception>
    public static (IReadOnlyDictionary<string, string> Places, AdapterUses? Uses) Loras(IReadOnlyList<string> texts, IReadOnlyDictionary<string, string> known)
    {
        var (places, uses) = Read(texts, known, LoraPlace.Fault);
        return (places, uses.Count == 0 ? null : new AdapterUses([.. uses.Select(use => new AdapterUse(use.Name, use.Weight))]));
    }

    /// <summary>The control network: its place by name, and its use without the image; null for none.</summary>
    /// <param name="text">As it was given; null for none.</param>
    /// <param name="known">Places of <c>sana.json</c> by name.</param>
    /// <exception cref="SanaException">It is nothing that there is.</exception>
    public static (IReadOnlyDictionary<string, string> Places, ControlUse? Use) Control(string? text, IReadOnlyDictionary<string, string> known)
    {
        var (places, uses) = Read(text is null ? [] : [text], known, ControlPlace.Fault);
        return (places, uses.Count == 0 ? null : new ControlUse(uses[0].Name, uses[0].Weight));
    }

    private static (Dictionary<string, string> Places, List<(string Name, float Weight)> Uses) Read(IReadOnlyList<string> texts, IReadOnlyDictionary<string, string> known, Func<string, string?> wrong)
    {
        var (places, uses) = (new Dictionary<string, string>(StringComparer.Ordinal), new List<(string, float)>());
        foreach (var (place, weight) in texts.Select(text => Path.Exists(text) ? (text, 1) : LoraPlace.Parse(text)))
        {
            if (known.ContainsKey(place) && !Path.Exists(place))
            {
                uses.Add((place, weight));
                continue;
            }

            if (wrong(place) is { } fault)
                throw new SanaException(fault);
            uses.Add((Named(places, known, place), weight));
        }

        return (places, uses);
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
