namespace Sana.StillLife.Captions;

/// <summary>
/// Reads a caption word by word. It holds adjectives until their noun follows, because the noun decides whether they describe an object or the background.
/// </summary>
internal sealed class ClaimReader(string caption)
{
    private static readonly Dictionary<string, Shape> Singular = Enum.GetValues<Shape>().ToDictionary(SceneWords.Of, StringComparer.Ordinal);
    private static readonly Dictionary<string, Shape> Plural = Enum.GetValues<Shape>().ToDictionary(SceneWords.Plural, StringComparer.Ordinal);
    private static readonly Dictionary<string, Colour> Colours = Enum.GetValues<Colour>().ToDictionary(SceneWords.Of, StringComparer.Ordinal);
    private static readonly Dictionary<string, ObjectSize> Sizes = Enum.GetValues<ObjectSize>().ToDictionary(SceneWords.Of, StringComparer.Ordinal);
    private static readonly Dictionary<string, int> Numbers = Enumerable.Range(1, 4).ToDictionary(SceneWords.Number, StringComparer.Ordinal);
    private static readonly Dictionary<string, Texture> Textures = Enum.GetValues<Texture>().ToDictionary(SceneWords.Of, StringComparer.Ordinal);
    private static readonly Dictionary<string, Tone> Tones = Enum.GetValues<Tone>().ToDictionary(SceneWords.Of, StringComparer.Ordinal);
    private static readonly (string[] Words, Place Place)[] Places = [.. Enum.GetValues<Place>().Select(place => (SceneWords.Of(place).Split(' '), place)).OrderByDescending(pair => pair.Item1.Length)];
    private static readonly (string[] Words, Relation Relation)[] Relations = [(["to", "the", "left", "of"], Relation.LeftOf), (["to", "the", "right", "of"], Relation.RightOf), (["above"], Relation.Above), (["below"], Relation.Below)];

    private static readonly ObjectClaim Nothing = new(null, null, null, null);

    // Commas and colons become words of their own.
    private readonly string[] _words = caption.ToLowerInvariant().Replace(",", " , ", StringComparison.Ordinal).Replace(":", " : ", StringComparison.Ordinal)
        .Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private readonly List<ObjectClaim> _objects = [];
    private readonly List<RelationClaim> _relations = [];
    private ObjectClaim _held = Nothing; // the adjectives that wait for their noun
    private Relation? _open; // a relation whose second object has not been read
    private int _last = NoOne; // index of the object that was read last; Sign for the sign
    private bool _inARow, _hasSign;
    private Tone? _tone;
    private Texture? _texture;
    private string? _word;

    private const int NoOne = -2, Sign = -1;

    public CaptionClaims Read()
    {
        for (var at = 0; at < _words.Length;)
            at += ReadAt(at);
        NameHeld(null);
        return new(_objects, _relations, _inARow, _tone, _texture, _hasSign, _word);
    }

    /// <summary>Reads the words at a position and returns how many it has read.</summary>
    private int ReadAt(int at)
    {
        var word = _words[at];
        if (at + 1 < _words.Length && Tones.TryGetValue($"{word} {_words[at + 1]}", out var pale))
            return ReadBackground(2, tone: pale);
        if (Tones.TryGetValue(word, out var tone))
            return ReadBackground(1, tone: tone);
        if (Textures.TryGetValue(word, out var texture))
            return ReadBackground(1, texture: texture);
        if (word == "background")
            return ReadBackground(1);
        if (Relations.FirstOrDefault(relation => IsAt(relation.Words, at)) is { Words: { } related } found)
            return ReadRelation(found.Relation, related.Length);
        if (Places.FirstOrDefault(place => IsAt(place.Words, at)) is { Words: { } placed } where)
            return ReadPlace(where.Place, placed.Length);
        if (IsAt(["in", "a", "row"], at))
        {
            NameHeld(null);
            _inARow = true;
            return 3;
        }

        ReadWord(word);
        return 1;
    }

    private void ReadWord(string word)
    {
        if (Singular.TryGetValue(word, out var one))
            NameHeld(one, 1);
        else if (Plural.TryGetValue(word, out var several))
            NameHeld(several);
        else if (Colours.TryGetValue(word, out var colour))
            _held = _held with { Colour = colour };
        else if (Sizes.TryGetValue(word, out var size))
            _held = _held with { Size = size };
        else if (Numbers.TryGetValue(word, out var number))
            _held = _held with { Count = number };
        else if (word == "sign")
            NameSign();
        else if (word.StartsWith('"') && word.Trim('"').Length > 0)
            _word = word.Trim('"');
        else if (word is "," or "and" or "a" or "an" or "on" or ":")
            NameHeld(null);
    }

    // Adjectives before a word of the background belong to the background.
    private int ReadBackground(int words, Tone? tone = null, Texture? texture = null)
    {
        (_held, _tone, _texture) = (Nothing, tone ?? _tone, texture ?? _texture);
        return words;
    }

    private int ReadRelation(Relation relation, int words)
    {
        NameHeld(null);
        _open = _last == NoOne ? null : relation;
        return words;
    }

    private int ReadPlace(Place place, int words)
    {
        NameHeld(null);
        if (_last >= 0)
            _objects[_last] = _objects[_last] with { Place = place };
        return words;
    }

    private void NameHeld(Shape? shape, int? count = null)
    {
        var named = _held with { Shape = shape, Count = _held.Count ?? count };
        _held = Nothing;
        // An article or a comma without adjectives before it names no object.
        if (named is { Shape: null, Colour: null, Size: null })
            return;
        _objects.Add(named);
        Name(_objects.Count - 1);
    }

    private void NameSign()
    {
        (_hasSign, _held) = (true, Nothing);
        Name(Sign);
    }

    private void Name(int one)
    {
        if (_open is { } relation)
            _relations.Add(new(relation, _last, one));
        (_open, _last) = (null, one);
    }

    private bool IsAt(string[] words, int at) => at + words.Length <= _words.Length && words.AsSpan().SequenceEqual(_words.AsSpan(at, words.Length));
}
