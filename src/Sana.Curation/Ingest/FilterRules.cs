using System.Globalization;
using System.Numerics;
using Sana.Storage;

namespace Sana.Curation.Ingest;

/// <summary>What an image and its caption must be to be worth training on. A rule that is null is off.</summary>
public sealed record FilterRules
{
    /// <summary>Keeps everything.</summary>
    public static FilterRules None { get; } = new();

    /// <summary>
    /// The basic filter of DataComp without its language test: sides of at least 200 pixels, at most three times as long as wide, captions of more than two
    /// words and five characters.
    /// </summary>
    public static FilterRules DataCompBasic { get; } = new() { MinSide = 200, MaxAspect = 3, MinWords = 3, MinCharacters = 6 };

    /// <value>Pixels of the shorter side, 1 or more.</value>
    public int? MinSide { get; init; }

    /// <value>Longer side over shorter side, 1 or more.</value>
    public double? MaxAspect { get; init; }

    /// <value>Pixels in all, 1 or more.</value>
    public long? MinArea { get; init; }

    /// <inheritdoc cref="MinArea"/>
    public long? MaxArea { get; init; }

    /// <value>Words of a caption, between spaces; 1 or more.</value>
    public int? MinWords { get; init; }

    /// <value>Characters of a caption, 1 or more.</value>
    public int? MinCharacters { get; init; }

    /// <inheritdoc cref="MinCharacters"/>
    public int? MaxCharacters { get; init; }

    /// <value>Images known to stand for missing ones: SHA-256 of the file (64 hexadecimal digits) or perceptual hash (16). Default none.</value>
    public IReadOnlyList<string> Placeholders { get; init; } = [];

    /// <value>Bits in which a perceptual hash may differ from one of <see cref="Placeholders"/>, 0…16. Default 2.</value>
    public int PlaceholderDistance { get; init; } = 2;

    /// <summary>The rules of a name: <c>none</c> or <c>datacomp-basic</c>.</summary>
    /// <exception cref="CurationException">There are none of that name.</exception>
    public static FilterRules Preset(string name) => name switch
    {
        "none" => None,
        "datacomp-basic" => DataCompBasic,
        _ => throw new CurationException($"There are no filter rules '{name}'; there are none and datacomp-basic."),
    };

    /// <summary>Checks every value.</summary>
    /// <exception cref="CurationException">One is out of range.</exception>
    public void Check()
    {
        Positive(nameof(MinSide), MinSide);
        Positive(nameof(MinArea), MinArea);
        Positive(nameof(MaxArea), MaxArea);
        Positive(nameof(MinWords), MinWords);
        Positive(nameof(MinCharacters), MinCharacters);
        Positive(nameof(MaxCharacters), MaxCharacters);
        if (MaxAspect is { } aspect && !(aspect >= 1))
            throw new CurationException(string.Create(CultureInfo.InvariantCulture, $"{nameof(MaxAspect)} {aspect} is below 1; use 3."));
        if (MinArea > MaxArea)
            throw new CurationException($"{nameof(MinArea)} {MinArea} is above {nameof(MaxArea)} {MaxArea}: nothing would be left.");
        if (MinCharacters > MaxCharacters)
            throw new CurationException($"{nameof(MinCharacters)} {MinCharacters} is above {nameof(MaxCharacters)} {MaxCharacters}: nothing would be left.");
        if (PlaceholderDistance is < 0 or > 16)
            throw new CurationException($"{nameof(PlaceholderDistance)} {PlaceholderDistance} is outside 0…16; use 2.");
        if (Placeholders.FirstOrDefault(hash => hash.Length is not (16 or 64) || !hash.All(char.IsAsciiHexDigit)) is { } wrong)
            throw new CurationException($"The placeholder '{wrong}' is neither a SHA-256 of 64 hexadecimal digits nor a perceptual hash of 16.");
    }

    /// <summary>Judges an image that was ingested; null when every rule keeps it.</summary>
    public FilterVerdict? Judge(IngestedImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        var (shorter, longer, area) = (Math.Min(image.Width, image.Height), Math.Max(image.Width, image.Height), (long)image.Width * image.Height);
        if (Placeholders.Any(hash => IsPlaceholder(hash, image)))
            return new FilterVerdict(Reasons.PlaceholderSuspect, "The image is on the list of known placeholders.");
        if (shorter < MinSide)
            return Of(Reasons.TooSmall, $"The image has {image.Width}×{image.Height} pixels; the shorter side must have {MinSide}.");
        if (longer > MaxAspect * shorter)
        {
            var aspect = (double)longer / shorter;
            return Of(Reasons.Aspect, $"The image has {image.Width}×{image.Height} pixels, {aspect:0.##} to 1; the limit is {MaxAspect} to 1.");
        }

        if (area < MinArea)
            return Of(Reasons.Area, $"The image has {Counted.Of(area, "pixel")}; {MinArea} is the least.");
        return area > MaxArea ? Of(Reasons.Area, $"The image has {area} pixels; {MaxArea} is the most.") : null;
    }

    /// <summary>Judges a caption; null when every rule keeps it.</summary>
    public FilterVerdict? Judge(string caption)
    {
        ArgumentNullException.ThrowIfNull(caption);
        var words = caption.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length;
        var characters = caption.EnumerateRunes().Count();
        if (words < MinWords)
            return Of(Reasons.CaptionLength, $"The caption has {Counted.Of(words, "word")}; {MinWords} is the least.");
        if (characters < MinCharacters)
            return Of(Reasons.CaptionLength, $"The caption has {Counted.Of(characters, "character")}; {MinCharacters} is the least.");
        return characters > MaxCharacters ? Of(Reasons.CaptionLength, $"The caption has {Counted.Of(characters, "character")}; {MaxCharacters} is the most.") : null;
    }

    // Hashes of flat images are alike without being of one picture, so for those the bytes decide.
    private bool IsPlaceholder(string hash, IngestedImage image)
    {
        if (hash.Length == 64)
            return hash.Equals(image.Sha256, StringComparison.OrdinalIgnoreCase);
        var look = ulong.Parse(hash, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        return PerceptualHash.IsTelling(image.Phash) && BitOperations.PopCount(look ^ image.Phash) <= PlaceholderDistance;
    }

    private static void Positive(string name, long? value)
    {
        if (value < 1)
            throw new CurationException($"{name} {value} is below 1; leave it out to switch the rule off.");
    }

    private static FilterVerdict Of(string reason, FormattableString message) => new(reason, message.ToString(CultureInfo.InvariantCulture));
}

/// <summary>Why a rule drops an image or a caption.</summary>
/// <param name="Reason">A code of <see cref="Reasons"/>.</param>
/// <param name="Message">One sentence: the value, the limit.</param>
public sealed record FilterVerdict(string Reason, string Message);
