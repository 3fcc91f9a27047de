namespace Sana.StillLife.Captions;

/// <summary>The words that captions use, in lower case.</summary>
public static class SceneWords
{
    private static readonly string[] Numbers = ["no", "one", "two", "three", "four"];

    private static readonly string[] Tones = ["cream", "grey", "pale blue", "pale green", "pale pink"];

    private static readonly string[] Places =
    [
        "at the top left", "at the top", "at the top right", "on the left", "in the middle", "on the right", "at the bottom left", "at the bottom", "at the bottom right",
    ];

    /// <summary>"red".</summary>
    public static string Of(Colour colour) => Lower(colour);

    /// <summary>"star".</summary>
    public static string Of(Shape shape) => Lower(shape);

    /// <summary>"stars".</summary>
    public static string Plural(Shape shape) => Of(shape) + (shape == Shape.Cross ? "es" : "s");

    /// <summary>"small".</summary>
    public static string Of(ObjectSize size) => Lower(size);

    /// <summary>"at the top left".</summary>
    public static string Of(Place place) => Places[(int)place];

    /// <summary>"three".</summary>
    /// <param name="count">1 to 4.</param>
    public static string Number(int count) => Numbers[count];

    /// <summary>"pale blue".</summary>
    public static string Of(Tone tone) => Tones[(int)tone];

    /// <summary>"striped".</summary>
    public static string Of(Texture texture) => Lower(texture);

    /// <summary>"a pale blue striped background".</summary>
    public static string Of(Background background)
    {
        var (tone, texture) = (Of(background.Tone), Of(background.Texture));
        return background.Texture is Texture.Plain or Texture.Shaded ? $"a {texture} {tone} background" : $"a {tone} {texture} background";
    }

    /// <summary>"an orange circle" from "orange circle".</summary>
    public static string WithArticle(string phrase) => (phrase[0] is 'a' or 'e' or 'i' or 'o' or 'u' ? "an " : "a ") + phrase;

    private static string Lower<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
