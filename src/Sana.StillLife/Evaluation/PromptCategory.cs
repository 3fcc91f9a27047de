namespace Sana.StillLife.Evaluation;

/// <summary>What a prompt of the evaluation tests: the six tasks of GenEval (arXiv:2310.11513), asked of this world.</summary>
public enum PromptCategory
{
    /// <summary>One object: the shape is there. Its size or its place is one that the shape never had in training.</summary>
    SingleObject,

    /// <summary>Two objects: both shapes are there. They never stood together in training.</summary>
    TwoObjects,

    /// <summary>Two to four of one kind: exactly as many of the shape. The shape never came in that number.</summary>
    Counting,

    /// <summary>One object: the shape is there in its colour. The shape never had that colour.</summary>
    Colours,

    /// <summary>Two objects: both shapes are there and stand as said. They never stood that way round.</summary>
    Position,

    /// <summary>Two objects: both shapes are there, each in its own colour. The two kinds never stood together.</summary>
    AttributeBinding,
}
