namespace Sana.Curation;

/// <summary>
/// Why an item, a caption or a score is not in the shards: the closed set of codes that rows, reports, metrics and <c>sana retry --reason</c> use.
/// </summary>
public static class Reasons
{
#pragma warning disable CS1591 // The name is the code, and the message beside it in each row says what was found.
    // Sources
    public const string BadRow = "bad_row";
    public const string BadSidecar = "bad_sidecar";
    public const string MissingColumn = "missing_column";
    public const string WrongType = "wrong_type";
    public const string DuplicateMember = "duplicate_member";
    public const string MissingImage = "missing_image";
    public const string UnsafeMember = "unsafe_member";
    public const string NotFound = "not_found";
    public const string Unreadable = "unreadable";
    public const string HashMismatch = "hash_mismatch";
    public const string OptOut = "opt_out";
    public const string BlockedAddress = "blocked_address";
    public const string DownloadTimeout = "download_timeout";
    public const string DownloadFailed = "download_failed";
    public const string CaptionEncoding = "caption_encoding";

    // Ingest
    public const string EmptyFile = "empty_file";
    public const string NotAnImage = "not_an_image";
    public const string UnsupportedFormat = "unsupported_format";
    public const string TooManyBytes = "too_many_bytes";
    public const string TooManyPixels = "too_many_pixels";
    public const string Truncated = "truncated";
    public const string DecodeError = "decode_error";
    public const string DecodeTimeout = "decode_timeout";
    public const string PlaceholderSuspect = "placeholder_suspect";
    public const string TooSmall = "too_small";
    public const string Aspect = "aspect";
    public const string Area = "area";
    public const string DuplicateOf = "duplicate_of";
    public const string SimilarTo = "similar_to";

    public const string Known = "known";

    // Captions
    public const string CaptionEmpty = "caption_empty";
    public const string CaptionRefusal = "caption_refusal";
    public const string CaptionTruncated = "caption_truncated";
    public const string CaptionRepetition = "caption_repetition";
    public const string CaptionLeak = "caption_leak";
    public const string CaptionMarkup = "caption_markup";
    public const string CaptionReasoning = "caption_reasoning";
    public const string CaptionLang = "caption_lang";
    public const string CaptionLength = "caption_length";
    public const string CandidateDuplicate = "candidate_duplicate";
    public const string CaptionerUnavailable = "captioner_unavailable";
    public const string CaptionerTimeout = "captioner_timeout";
    public const string CaptionerRefused = "captioner_refused";
    public const string BadAnswer = "bad_answer";
    public const string Budget = "budget";

    // Scores and selection
    public const string ScoreInvalid = "score_invalid";
    public const string NoCaption = "no_caption";
    public const string ImageScore = "image_score";
    public const string Unsafe = "unsafe";
    public const string JudgeScore = "judge_score";

    // Of a whole shard
    public const string FailureThreshold = "failure_threshold";
#pragma warning restore CS1591
}
