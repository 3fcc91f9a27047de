using NetVips;
using Sana.Inference.Imaging;
using Sana.Storage;
using static System.FormattableString;

namespace Sana.Curation.Ingest;

/// <summary>
/// The only place where untrusted files are decoded: file type, header limits, bounded decode, normal form. Only its normalised files go on to captioners,
/// scorers and shards. Any number of threads may call it at once.
/// </summary>
public sealed class ImageIngest
{
    // Nothing is guessed, and no line is accepted that the format's own checksums or markers deny: lower levels take cut files, wrong checksums and flipped
    // scans in silence.
    private const Enums.FailOn Strict = Enums.FailOn.Warning;

    private const int PngCompression = 3;

    private static readonly Dictionary<string, string[]> _endings = new()
    {
        ["jpeg"] = [".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp"],
        ["png"] = [".png", ".apng"],
        ["webp"] = [".webp"],
        ["gif"] = [".gif"],
        ["tiff"] = [".tif", ".tiff"],
        ["avif"] = [".avif", ".avifs"],
        ["heic"] = [".heic", ".heif"],
    };

    private static readonly HashSet<string> _imageEndings =
    [
        .. _endings.Values.SelectMany(endings => endings),
        ".bmp", ".heic", ".heif", ".avif", ".svg", ".ico", ".psd", ".jxl", ".jp2", ".pdf", ".txt", ".html", ".json",
    ];

    private static readonly ReaderWriterLockSlim _decodes = new();

    private readonly IngestOptions _options;
    private readonly double[] _background;

    /// <summary>Ingest with checked options.</summary>
    /// <exception cref="CurationException">An option is out of range.</exception>
    public ImageIngest(IngestOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        _options = options;
        _background = options.BackgroundLevels;
        LibVips.Configure();
    }

    /// <summary>Makes of a file its normal form or a reason; what is in it never throws.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="name">What its owner calls it; only its ending is looked at.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public IngestedImage Ingest(byte[] bytes, string name, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        ArgumentNullException.ThrowIfNull(name);
        cancellationToken.ThrowIfCancellationRequested();
        var found = new IngestedImage { Sha256 = Digest.Sha256(bytes) };
        if (bytes.Length == 0)
            return Rejected(found, Reasons.EmptyFile, "The file has no bytes.");
        if (bytes.Length > _options.MaxBytes)
            return Rejected(found, Reasons.TooManyBytes, Invariant($"The file has {bytes.Length} bytes; the limit is {_options.MaxBytes}."));
        if (GitLfs.IsPointer(bytes))
            return Rejected(found, Reasons.NotAnImage, GitLfs.Message);
        var kind = FileSignature.Read(bytes, name);
        if (kind.Format is null)
        {
            return kind.IsImage
                ? Rejected(found, Reasons.UnsupportedFormat,
                    $"The file is {kind.Name}; JPEG, PNG, WebP, GIF, TIFF and AVIF are read, so convert it to one of these.")
                : Rejected(found, Reasons.NotAnImage, $"The file is no image by its first bytes but {kind.Name}.");
        }

        found = found with { Format = kind.Format };
        var shell = FileStructure.Read(kind.Format, bytes);
        if (TooManyPixels(shell.Width, shell.Height) is { } tooMany)
            return Rejected(found, Reasons.TooManyPixels, tooMany);
        found = found with { Frames = shell.Frames };
        if (shell.Frames > _options.MaxFrames)
            return Rejected(found, Reasons.TooManyPixels, Invariant($"The {kind.Format} has {shell.Frames} frames or pages; the limit is {_options.MaxFrames}."));
        if (shell.IsCut)
            return Rejected(found, Reasons.Truncated, $"The {kind.Format} ends before its end.");
        byte[] opened = kind.Format == "png" ? PngChunks.WithoutBombs(bytes) : shell.LacksEndMark ? [.. bytes, .. JpegSegments.EndMark] : bytes;
        var ingested = Whole(found, opened, shell, name, cancellationToken);
        if (shell.LacksEndMark && ingested.Reason is null && !HasEveryPixel(bytes, ingested, cancellationToken))
            return Rejected(found, Reasons.Truncated, $"The {kind.Format} ends before its end.");
        if (ingested.Reason == Reasons.DecodeError && !shell.LacksEndMark && Bare(kind.Format, opened) is { } bare)
        {
            // What is wrong may be said of metadata alone, which nobody keeps.
            var without = Whole(found, bare, shell, name, cancellationToken);
            if (without.Reason is null)
                ingested = without with { Notes = [.. without.Notes, IngestNotes.MetadataIgnored] };
        }

        return ingested.Reason != Reasons.DecodeError ? shell.LacksEndMark && ingested.Reason is null
            ? ingested with { Notes = [.. ingested.Notes, IngestNotes.EndMarkMissing] } : ingested
            : shell.LacksEndMark ? Rejected(found, Reasons.Truncated, $"The {kind.Format} ends before its end.")
            : kind.Format is "avif" or "heic" && ingested.OriginalWidth == 0 ? Rejected(found, Reasons.UnsupportedFormat,
                $"The file is {kind.Name.ToUpperInvariant()} that cannot be opened here; convert it to JPEG or PNG.")
            : kind.Format == "heic" ? Rejected(found, Reasons.UnsupportedFormat,
                "The file is HEIC, for which the library has no decoder; convert it to JPEG or PNG.")
            : ingested with { Message = Warning(opened) is { } warning ? $"The {kind.Format} cannot be decoded: {warning}." : ingested.Message };
    }

    private IngestedImage Whole(IngestedImage found, byte[] opened, FileStructure shell, string name, CancellationToken cancellationToken)
    {
        _decodes.EnterReadLock();
        try
        {
            using var image = Image.NewFromBuffer(opened, access: Enums.Access.Sequential, failOn: Strict);
            return Opened(found, image, shell, name, cancellationToken);
        }
        catch (VipsException)
        {
            return Undecodable(found);
        }
        finally
        {
            _decodes.ExitReadLock();
        }
    }

    /// <summary>
    /// Whether a JPEG without its end mark has all its pixels: whatever is put behind it changes none. The decoder itself does not warn of the last ones.
    /// </summary>
    private bool HasEveryPixel(byte[] bytes, IngestedImage found, CancellationToken cancellationToken)
    {
        const int Padding = 64;
        _decodes.EnterReadLock();
        try
        {
            using var claim = MemoryGate.Process.Enter(Math.Min(_options.MaxMemory, 4L * found.OriginalWidth * found.OriginalHeight), _options.MaxMemory,
                cancellationToken);
            return Pixels(0) == Pixels(0xB5);
        }
        catch (VipsException)
        {
            return false;
        }
        finally
        {
            _decodes.ExitReadLock();
        }

        string Pixels(byte padding)
        {
            byte[] padded = [.. bytes, .. Enumerable.Repeat(padding, Padding), .. JpegSegments.EndMark];
            using var image = Image.NewFromBuffer(padded, access: Enums.Access.Sequential, failOn: Enums.FailOn.None);
            using var stop = new DecodeStop(_options.Deadline, cancellationToken);
            using var pixels = stop.Watch(image, NativePixels.Decode);
            return Digest.Sha256(pixels.Bytes);
        }
    }

    private static byte[]? Bare(string format, byte[] bytes) => format switch
    {
        "jpeg" => JpegSegments.Bare(bytes),
        "png" => PngChunks.Bare(bytes),
        "tiff" => TiffTags.Bare(bytes),
        _ => null,
    };

    /// <summary>
    /// What libvips says of a file, asked while nothing else is decoded: it keeps one text for all threads, and a row must say the same whenever it is made.
    /// </summary>
    private string? Warning(byte[] bytes)
    {
        _decodes.EnterWriteLock();
        try
        {
            using var image = Image.NewFromBuffer(bytes, access: Enums.Access.Sequential, failOn: Strict);
            using var stop = new DecodeStop(_options.Deadline, default);
            return stop.Watch(image, whole => whole.Avg()) < 0 ? "" : null;
        }
        catch (VipsException error)
        {
            var line = error.Message.Split('\n').Select(line => line.Trim()).LastOrDefault(line => line.Contains(": ", StringComparison.Ordinal));
            return line is null ? null : string.Concat(line.Take(160).Select(letter => char.IsControl(letter) ? ' ' : letter)).TrimEnd('.');
        }
        finally
        {
            _decodes.ExitWriteLock();
        }
    }

    /// <summary>The pixels of a file that <see cref="Ingest"/> wrote.</summary>
    /// <exception cref="CurationException">It is none.</exception>
    public static RgbImage Decode(byte[] normalisedFile)
    {
        ArgumentNullException.ThrowIfNull(normalisedFile);
        LibVips.Configure();
        try
        {
            using var image = Image.NewFromBuffer(normalisedFile, access: Enums.Access.Sequential, failOn: Strict);
            return image is { Bands: 3, Format: Enums.BandFormat.Uchar }
                ? new RgbImage(image.Width, image.Height, image.WriteToMemory<byte>())
                : throw new CurationException($"The file has {image.Bands} bands of {image.Format}; a normalised one has three of 8 bits.");
        }
        catch (VipsException error)
        {
            throw new CurationException("The normalised file cannot be decoded; it was damaged after it was written.", error);
        }
    }

    private IngestedImage Opened(IngestedImage found, Image image, FileStructure shell, string name, CancellationToken cancellationToken)
    {
        found = found with { OriginalWidth = image.Width, OriginalHeight = image.Height };
        var (size, memory) = (Invariant($"{image.Width}×{image.Height}"), LoadedHeader.Memory(image, found.Format!));
        if (TooManyPixels(image.Width, image.Height) is { } tooMany)
            return Rejected(found, Reasons.TooManyPixels, tooMany);
        if (memory > _options.MaxMemory)
        {
            var message = Invariant($"Decoding {size} pixels of this kind of {found.Format} takes {memory} bytes; the limit is {_options.MaxMemory}.");
            return Rejected(found, Reasons.TooManyPixels, message);
        }

        if (found.Frames > 1 && _options.RejectAnimated)
            return Rejected(found, Reasons.UnsupportedFormat, Invariant($"The {found.Format} has {found.Frames} frames or pages; single images are wanted."));

        using var claim = MemoryGate.Process.Enter(memory, _options.MaxMemory, cancellationToken);
        using var stop = new DecodeStop(_options.Deadline, cancellationToken);
        try
        {
            return Decoded(found, image, shell, name, stop);
        }
        catch (VipsException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var late = Invariant($"The image of {size} pixels was not through after {_options.Deadline.TotalSeconds} s.");
            return stop.IsStopped ? Rejected(found, Reasons.DecodeTimeout, late) : Undecodable(found);
        }
    }

    private IngestedImage Decoded(IngestedImage found, Image image, FileStructure shell, string name, DecodeStop stop)
    {
        var notes = new List<string>();
        if (IsMisnamed(name, found.Format!))
            notes.Add(IngestNotes.ExtFixed);
        if (found.Frames > 1)
            notes.Add(found.Format == "tiff" ? IngestNotes.FirstPage : IngestNotes.AnimatedFirstFrame);
        if (Metadata.IsBroken(image))
            notes.Add(IngestNotes.ExifIgnored);
        if (Orientation(image) > 1)
            notes.Add(IngestNotes.ExifOrientationApplied);
        if (shell.HasProfile && !image.Contains("icc-profile-data"))
            notes.Add(IngestNotes.IccIgnored);
        using var pipeline = new SrgbPipeline(image, _background, notes);
        if (pipeline.Last is null)
            return Rejected(found, Reasons.UnsupportedFormat, Invariant($"The {found.Format} has {image.Bands} bands of {image.Format}: no colours."));
        using var pixels = stop.Watch(pipeline.Last, NativePixels.Decode);
        var orientation = Orientation(image);
        pipeline.Dispose();
        image.Dispose(); // the decoder and what it holds: the rest needs the pixels alone

        using var upright = pixels.Upright(orientation);
        return found with
        {
            Width = upright.Width,
            Height = upright.Height,
            Phash = PerceptualHash.Compute(pixels.Bytes, pixels.Width, pixels.Height, orientation, out var colours),
            Colours = colours,
            File = stop.Watch(upright, Encode),
            Notes = notes,
        };
    }

    private string? TooManyPixels(long width, long height) => width * height > _options.MaxPixels || Math.Max(width, height) > _options.MaxSide
        ? Invariant($"The image has {width}×{height} pixels; the limits are {_options.MaxPixels} in all and {_options.MaxSide} a side.")
        : null;

    private byte[] Encode(Image image) => _options.Output == ImageFormat.Png
        ? image.PngsaveBuffer(compression: PngCompression, filter: Enums.ForeignPngFilter.Paeth, keep: Enums.ForeignKeep.None)
        : image.JpegsaveBuffer(q: _options.Quality, subsampleMode: Enums.ForeignSubsample.Off, keep: Enums.ForeignKeep.None);

    // The exception's text is no help here: libvips keeps one for all threads, so it may be of another image.
    private static IngestedImage Undecodable(IngestedImage found) =>
        Rejected(found, Reasons.DecodeError, $"The {found.Format} cannot be decoded: what is in it breaks the rules of its format.");

    private static int Orientation(Image image) =>
        image.Contains("orientation") && image.Get("orientation") is int and >= 1 and <= 8 and var orientation ? orientation : 1;

    private static bool IsMisnamed(string name, string format)
    {
        var ending = Path.GetExtension(name.Split('?')[0]).ToLowerInvariant();
        return _imageEndings.Contains(ending) && !_endings[format].Contains(ending);
    }

    private static IngestedImage Rejected(IngestedImage found, string reason, string message) => found with { Reason = reason, Message = message };
}
