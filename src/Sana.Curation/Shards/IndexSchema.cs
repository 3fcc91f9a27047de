using Parquet;
using Parquet.Schema;
using Sana.Inference.Clip;
using static Sana.Curation.Shards.IndexColumn;

namespace Sana.Curation.Shards;

/// <summary>
/// The columns of the index: one row an image, kept or not. Names are those that img2dataset, DataComp and CapsFusion use where they have one.
/// </summary>
internal static class IndexSchema
{
    // No latency: a shard's bytes do not depend on the clock.
    private static IReadOnlyList<ItemColumn<Candidate>> Candidates(ShardSettings settings) =>
    [
        ItemColumn.Text<Candidate>("label", c => c.Label),
        ItemColumn.Text<Candidate>("model", c => c.Model),
        ItemColumn.Text<Candidate>("model_revision", c => c.ModelRevision),
        ItemColumn.Text<Candidate>("licence", c => c.Licence),
        ItemColumn.Text<Candidate>("prompt_id", c => c.PromptId),
        ItemColumn.Text<Candidate>("text", c => c.Text),
        ItemColumn.Text<Candidate>("text_raw", c => c.TextRaw),
        ItemColumn.Text<Candidate>("lang", c => c.Lang),
        ItemColumn.Value<Candidate, int>("words", c => c.Words),
        ItemColumn.Value<Candidate, int>("clip_tokens", c => c.ClipTokens),
        ItemColumn.Value<Candidate, bool>("clip_truncated", c => c.ClipTruncated),
        ItemColumn.Text<Candidate>("finish_reason", c => c.FinishReason),
        ItemColumn.Value<Candidate, int>("input_tokens", c => c.InputTokens),
        ItemColumn.Value<Candidate, int>("output_tokens", c => c.OutputTokens),
        ItemColumn.Value<Candidate, double>("cost", c => (double)c.Cost),
        ItemColumn.Value<Candidate, int>("attempts", c => c.Attempts),
        ItemColumn.Texts<Candidate>("flags", c => c.Flags),
        ItemColumn.Text<Candidate>("reason", c => c.Reason),
        ItemColumn.Text<Candidate>("message", c => c.Message),
        ItemColumn.Value<Candidate, double>("score", c => c.Score),
        ItemColumn.Value<Candidate, double>("window_score", c => c.WindowScore),
        ItemColumn.Text<Candidate>("score_model", c => c.Score is null ? null : settings.Scorer),
        .. settings.OtherScorers.SelectMany(name => new[]
        {
            ItemColumn.Value<Candidate, double>($"score__{name}", c => Other(c, name)?.Score),
            ItemColumn.Value<Candidate, double>($"window_score__{name}", c => Other(c, name)?.WindowScore),
        }),
        ItemColumn.Value<Candidate, double>("prob", c => c.Prob),
    ];

    /// <summary>What is chosen, by which rule.</summary>
    private static IReadOnlyList<IndexColumn<IndexRow>> Caption(ShardSettings settings)
    {
        var selection = settings.Selection.For(ScorerFamily.Clip);
        return
        [
            Text("caption", row => row.Caption),
            Text("caption_label", row => row.CaptionLabel),
            Value<double>("caption_score", row => row.CaptionScore),
            // There without a scorer too, and null: tables of versions with and without scores have the same columns.
            Value<double>($"clip_score__{settings.Scorer ?? ShardSettings.DefaultScorer}", row => settings.Scorer is null ? null : row.CaptionScore),
            .. settings.OtherScorers.Select(name => Value<double>($"clip_score__{name}", row => Chosen(row) is { } chosen ? Other(chosen, name)?.Score : null)),
            Text("selection_method", row => row.SelectionMethod),
            Text("selection_scorer", row => Selected(row) ? settings.Scorer : null),
            Value<double>("selection_tau", row => Selected(row) ? selection.Tau : null),
            Value<double>("selection_threshold", row => Selected(row) ? selection.Threshold : null),
            // In every row: a column of numbers with a gap is one of floats in pandas, which hold no seed of 64 bits.
            Value<ulong>("selection_seed", _ => selection.Seed),
            Value<double>("selection_prob", row => row.SelectionProb),
        ];
    }

    /// <summary>The columns of a new selection, which joins the index by its key.</summary>
    public static IReadOnlyList<IndexColumn<IndexRow>> Choice(ShardSettings settings) =>
    [
        Text("key", row => row.Key),
        Text("status", row => row.Status),
        Text("reason", row => row.Reason),
        Text("error_message", row => row.ErrorMessage),
        .. Caption(settings),
    ];

    /// <summary>All columns.</summary>
    public static IReadOnlyList<IndexColumn<IndexRow>> All(ShardSettings settings)
    {
        return
        [
            Text("key", row => row.Key),
            Text("uid", row => row.Uid),
            Value<int>("shard", row => row.Shard),
            Value<int>("row", row => row.Row),
            Text("source_uri", row => row.SourceUri),
            Text("url", row => IsUrl(row.SourceUri) ? row.SourceUri : null),
            Text("sha256", row => row.Sha256),
            Text("phash", row => row.Phash),
            Text("status", row => row.Status),
            Text("reason", row => row.Reason),
            Text("error_message", row => row.ErrorMessage),
            Value<int>("attempts", row => row.Candidates.Sum(candidate => candidate.Attempts)),
            Value<int>("width", row => row.Width),
            Value<int>("height", row => row.Height),
            Value<int>("original_width", row => row.OriginalWidth),
            Value<int>("original_height", row => row.OriginalHeight),
            Text("format", row => row.Format),
            Value<bool>("exif_orientation_applied", row => row.Notes.Contains("exif_orientation_applied")),
            Value<bool>("icc_converted", row => row.Notes.Contains("icc_converted")),
            Value<long>("bytes", row => row.Bytes),
            Value<int>("frames", row => row.Frames),
            Texts("notes", row => row.Notes),
            Text("duplicate_of", row => row.DuplicateOf),
            Text("original", row => row.Original),
            Text("caption_encoding", row => row.CaptionEncoding),
            .. Caption(settings),
            Value<int>("candidates_expected", row => row.CandidatesExpected),
            Value<int>("candidates_present", row => row.CandidatesPresent),
            Structs("candidates", row => row.Candidates, Candidates(settings)),
            Structs("concepts", row => row.Concepts, [ItemColumn.Text<ConceptScore>("name", c => c.Name), ItemColumn.Value<ConceptScore, double>("score", c => c.Score)]),
            Structs("judges", row => row.Judges ?? [], [ItemColumn.Text<JudgeScore>("label", j => j.Label), ItemColumn.Value<JudgeScore, double>("score", j => j.Score)]),
            .. settings.Judges.Select(judge => Value<double>(judge.Column, row => row.Judges?.FirstOrDefault(score => score.Label == judge.Label)?.Score)),
            Value<double>("nsfw_score", row => Concept(row, "nsfw")),
            Value<double>("aesthetic_score", row => Concept(row, "aesthetic")),
            Value<double>("watermark_score", row => Concept(row, "watermark")),
            Text("licence", row => row.Licence),
            Value<bool>("opt_out", row => row.Reason == Reasons.OptOut),
            Text("run_id", _ => settings.RunId),
            Text("pipeline_version", _ => settings.PipelineVersion),
        ];
    }

    private static Candidate? Chosen(IndexRow row) => row.Candidates.FirstOrDefault(candidate => candidate.Label == row.CaptionLabel);

    private static ScorerScore? Other(Candidate candidate, string scorer) => candidate.OtherScores?.FirstOrDefault(score => score.Scorer == scorer);

    private static bool Selected(IndexRow row) => row.SelectionMethod is not null;

    private static bool IsUrl(string uri) => uri.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || uri.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    private static double? Concept(IndexRow row, string name) => row.Concepts.FirstOrDefault(concept => concept.Name == name)?.Score;
}

/// <summary>Writes rows as parquet. Compression is Snappy, whose bytes depend on no native library.</summary>
internal static class IndexWriter
{
    private const int RowsPerGroup = 10_000;

    public static async Task Write(Stream stream, IReadOnlyList<IndexRow> rows, IReadOnlyList<IndexColumn<IndexRow>> columns, CancellationToken cancellationToken)
    {
        var schema = new ParquetSchema(columns.Select(column => column.Field));
        await using var parquet = await ParquetWriter.CreateAsync(
            schema, stream, new ParquetOptions { CompressionMethod = CompressionMethod.Snappy }, cancellationToken: cancellationToken);
        parquet.CustomMetadata = new Dictionary<string, string> { ["schema"] = "sana.index/1" };
        foreach (var chunk in rows.Chunk(RowsPerGroup))
        {
            using var group = parquet.CreateRowGroup();
            foreach (var leaf in columns.SelectMany(column => column.Leaves))
                await leaf(group, chunk, cancellationToken);
        }
    }
}
