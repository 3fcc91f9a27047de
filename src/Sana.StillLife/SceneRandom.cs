namespace Sana.StillLife;

/// <summary>Random numbers by SplitMix64 (Steele, Lea, Flood 2014): a seed gives the same numbers on every machine and in every version.</summary>
/// <param name="seed">Any number. Neighbouring seeds give unrelated numbers.</param>
public sealed class SceneRandom(ulong seed)
{
    private ulong _state = seed * 0xD1342543DE82EF95UL;

    /// <summary>The next 64 bits.</summary>
    public ulong Next()
    {
        var z = _state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }

    /// <summary>A number in [0, 1).</summary>
    public double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A number in [low, high).</summary>
    public double Between(double low, double high) => low + ((high - low) * Unit());

    /// <summary>A whole number in [0, count).</summary>
    public int Below(int count) => (int)(Unit() * count);

    /// <summary>True with the given probability.</summary>
    public bool Chance(double probability) => Unit() < probability;

    /// <summary>One of the values.</summary>
    public T Pick<T>(IReadOnlyList<T> values) => values[Below(values.Count)];

    /// <summary>One of the members of an enumeration.</summary>
    public T Pick<T>()
        where T : struct, Enum => Pick(Enum.GetValues<T>());
}
