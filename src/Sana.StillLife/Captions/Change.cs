namespace Sana.StillLife.Captions;

/// <summary>What a hard negative gets wrong.</summary>
public enum Change
{
    /// <summary>The colour of one object.</summary>
    Colour,

    /// <summary>The shape of one object.</summary>
    Shape,

    /// <summary>How many there are.</summary>
    Count,

    /// <summary>Where a lone object stands.</summary>
    Place,

    /// <summary>Which of two stands where.</summary>
    Relation,

    /// <summary>Which of two has which colour.</summary>
    Binding,
}
