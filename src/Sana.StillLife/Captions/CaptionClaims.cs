namespace Sana.StillLife.Captions;

/// <summary>
/// What a caption claims, by the words of <see cref="CaptionGrammar"/>.
/// Unknown words claim nothing, so mistyped captions are read in part: "a red crcile" claims something red.
/// </summary>
/// <param name="Objects">The objects it mentions, in the order of the caption.</param>
/// <param name="Relations">The relations it states.</param>
/// <param name="InARow">Whether it says that the objects are in a row.</param>
/// <param name="Tone">The background's colour.</param>
/// <param name="Texture">The background's pattern.</param>
/// <param name="HasSign">Whether it mentions a sign.</param>
/// <param name="Word">The word that it says is on the sign.</param>
public sealed record CaptionClaims(
    IReadOnlyList<ObjectClaim> Objects, IReadOnlyList<RelationClaim> Relations, bool InARow, Tone? Tone, Texture? Texture, bool HasSign, string? Word)
{
    /// <summary>The number of its claims.</summary>
    public int Count => Objects.Sum(one => one.Claims) + Relations.Count + (InARow ? 1 : 0) + (Tone is null ? 0 : 1) + (Texture is null ? 0 : 1) + (HasSign ? 1 : 0) + (Word is null ? 0 : 1);

    /// <summary>Reads a caption. Null or an empty one claims nothing.</summary>
    public static CaptionClaims Parse(string? caption) => new ClaimReader(caption ?? "").Read();

    /// <summary>Compares the claims with a scene.</summary>
    public CaptionVerdict Judge(Scene scene)
    {
        ArgumentNullException.ThrowIfNull(scene);
        return ClaimJudge.Judge(this, scene);
    }
}

/// <summary>A claim about where one object is relative to another.</summary>
/// <param name="Relation">Where the first is, seen from the second.</param>
/// <param name="First">Index of the first in <see cref="CaptionClaims.Objects"/>; −1 for the sign.</param>
/// <param name="Second">Index of the second; −1 for the sign.</param>
public sealed record RelationClaim(Relation Relation, int First, int Second);

/// <summary>Where one object is, seen from another.</summary>
public enum Relation
{
    /// <summary>To its left.</summary>
    LeftOf,

    /// <summary>To its right.</summary>
    RightOf,

    /// <summary>Above it.</summary>
    Above,

    /// <summary>Below it.</summary>
    Below,
}

/// <summary>How true a caption is of a scene.</summary>
/// <param name="Claims">Number of claims.</param>
/// <param name="True">Number of true claims, in the assignment of the caption's objects to the scene's that makes most claims true.</param>
/// <param name="Completeness">Share of the scene's facts that it states correctly, 0 to 1.</param>
public sealed record CaptionVerdict(int Claims, int True, double Completeness)
{
    /// <summary>Whether every claim is true. A caption without claims is not true.</summary>
    public bool IsTrue => Claims > 0 && True == Claims;
}

/// <summary>What a caption says of one object, or of several equal ones. Null where it says nothing.</summary>
/// <param name="Count">How many; 1 for a singular noun, null for a plural without a number.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Colour">Its colour.</param>
/// <param name="Size">Its size.</param>
/// <param name="Place">Its place.</param>
public sealed record ObjectClaim(int? Count, Shape? Shape, Colour? Colour, ObjectSize? Size, Place? Place = null)
{
    /// <summary>The number of its claims.</summary>
    public int Claims => (Count is null ? 0 : 1) + (Shape is null ? 0 : 1) + (Colour is null ? 0 : 1) + (Size is null ? 0 : 1) + (Place is null ? 0 : 1);

    /// <summary>Whether the claimed shape, colour and size are those of an object.</summary>
    public bool Fits(SceneObject one)
    {
        ArgumentNullException.ThrowIfNull(one);
        return (Shape ?? one.Shape) == one.Shape && (Colour ?? one.Colour) == one.Colour && (Size ?? one.Size) == one.Size;
    }
}
