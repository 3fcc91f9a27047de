namespace Sana.StillLife.Captions;

/// <summary>
/// What a caption claims, read by the words of the grammar; words it does not know say nothing. Careless captions are read as far as they can be: "a red crcile" claims something red.
/// </summary>
/// <param name="Objects">What it says of objects, in the order of the caption.</param>
/// <param name="Relations">How they stand to each other.</param>
/// <param name="InARow">Whether it says that they stand in a row.</param>
/// <param name="Tone">The background's colour.</param>
/// <param name="Texture">The background's pattern.</param>
/// <param name="HasSign">Whether it mentions a sign.</param>
/// <param name="Word">The word that it says the sign bears.</param>
public sealed record CaptionClaims(
    IReadOnlyList<ObjectClaim> Objects, IReadOnlyList<RelationClaim> Relations, bool InARow, Tone? Tone, Texture? Texture, bool HasSign, string? Word)
{
    /// <summary>How many things it claims.</summary>
    public int Count => Objects.Sum(one => one.Claims) + Relations.Count + (InARow ? 1 : 0) + (Tone is null ? 0 : 1) + (Texture is null ? 0 : 1) + (HasSign ? 1 : 0) + (Word is null ? 0 : 1);

    /// <summary>Reads a caption of the grammar, or what a careless person has made of one. None (null or empty) claims nothing.</summary>
    public static CaptionClaims Parse(string? caption) => new ClaimReader(caption ?? "").Read();

    /// <summary>Holds the claims against a scene.</summary>
    public CaptionVerdict Judge(Scene scene)
    {
        ArgumentNullException.ThrowIfNull(scene);
        return ClaimJudge.Judge(this, scene);
    }
}

/// <summary>How two stand to each other.</summary>
/// <param name="Relation">Where the first stands, seen from the second.</param>
/// <param name="First">The number of the first among the caption's objects; −1 for the sign.</param>
/// <param name="Second">The number of the second; −1 for the sign.</param>
public sealed record RelationClaim(Relation Relation, int First, int Second);

/// <summary>Where one object stands, seen from another.</summary>
public enum Relation
{
    /// <summary>To its left.</summary>
    LeftOf,

    /// <summary>To its right.</summary>
    RightOf,

    /// <summary>Over it.</summary>
    Above,

    /// <summary>Under it.</summary>
    Below,
}

/// <summary>How a caption stands to a scene.</summary>
/// <param name="Claims">Things claimed.</param>
/// <param name="True">Those that are true, objects taken as kindly as can be.</param>
/// <param name="Completeness">Which share of the scene's facts it states truly, 0 to 1.</param>
public sealed record CaptionVerdict(int Claims, int True, double Completeness)
{
    /// <summary>Whether the whole caption is true. One that claims nothing is not: there is nothing in it to learn from.</summary>
    public bool IsTrue => Claims > 0 && True == Claims;
}
