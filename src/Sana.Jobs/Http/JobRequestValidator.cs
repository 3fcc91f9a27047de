using System.Buffers;
using System.Text.Json;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Storage;

namespace Sana.Jobs.Http;

/// <summary>From what a request asks for to a queue message that a worker can take: everything is checked here, before anything is queued.</summary>
/// <param name="rules">The limits, and the checkpoint where it is loaded.</param>
/// <param name="name">From a field of <see cref="JobRequest"/> to what the caller calls it. Default the same.</param>
internal sealed class JobRequestValidator(RequestRules rules, Func<string, string>? name = null)
{
    /// <summary>Of one attempt, in seconds.</summary>
    public const int LongestAttempt = 86_400;

    private const int DefaultDeadline = 24 * 3600;

    private static readonly SearchValues<char> IdLetters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_");
    private static readonly string[] Schedulers = ["flow-dpm++2m", "flow-dpm", "flow-euler", "scm"];

    /// <summary>An id nobody has: sortable by time.</summary>
    public static string NewId() => Guid.CreateVersion7().ToString("n");

    /// <summary>The id that a client's own key stands for.</summary>
    public static string IdOf(string idempotencyKey) => "k" + Digest.Sha256(idempotencyKey)[..40];

    /// <exception cref="ApiException">Not an id: lower case only, because the id is part of blob names.</exception>
    public static string CheckId(string id) => id.Length is > 0 and <= 64 && !id.AsSpan().ContainsAnyExcept(IdLetters) && id[0] is not ('-' or '_') && !IsOfRuns(id)
        ? id
        : throw ApiException.BadRequest("id", "An id takes a-z, 0-9, hyphens and underscores, 1…64 characters, begins with a letter or digit and is not b or j and nine digits.");

    /// <summary>The same for a job that is asked for: the lines of uploaded batches have ids of their own.</summary>
    /// <exception cref="ApiException">Not an id, or one of theirs.</exception>
    public static string CheckNewId(string id) => CheckId(id).StartsWith(BatchFiles.IdPrefix, StringComparison.Ordinal)
        ? throw ApiException.BadRequest("id", $"Ids that begin with {BatchFiles.IdPrefix} are those of the lines of uploaded batches; take another.")
        : id;

    /// <summary>The checked message of a request.</summary>
    /// <exception cref="ApiException">Something in it cannot be used; the field is named.</exception>
    public JobMessage Message(string id, JobRequest request, string? traceparent)
    {
        var input = Checked(request.Input);
        var output = request.Output ?? new JobOutput();
        if (output is { Container: not null } or { Prefix: not null })
            throw Invalid("output", _ => "A job writes to jobs/{id}/; leave container and prefix out.");
        output = output with { Format = ImageWords.Format(output.Format) };
        if (output.Format is not (null or "png" or "jpeg" or "webp"))
            throw Invalid("output.format", field => $"{field} is png, jpeg or webp.");
        Range("output.quality", output.Quality, 1, 100);
        Range("priority", request.Priority, 0, 9);
        var limits = request.Limits ?? new JobLimits(TimeoutS: rules.Limits.AttemptSeconds);
        Range("limits.max_attempts", limits.MaxAttempts, 1, 20);
        Range("limits.timeout_s", limits.TimeoutS, 1, LongestAttempt);
        var now = rules.Clock.GetUtcNow();
        if (request.NotAfter <= now)
            throw Invalid("not_after", field => $"{field} has passed.");
        return new JobMessage
        {
            JobId = id,
            RequestSha256 = Fingerprint(request),
            Priority = request.Priority,
            CreatedAt = now,
            NotAfter = request.NotAfter,
            Traceparent = traceparent,
            // Its defaults are this checkpoint's: another one must not paint it.
            Model = rules.Model() is { } model ? JobModel.Of(model.ModelName, model.Fingerprint) : null,
            Input = input,
            Output = output,
            Callback = Checked(request.Callback),
            Limits = limits,
        };
    }

    /// <summary>What follows the message to its end.</summary>
    public static JobTicket Ticket(JobMessage message)
    {
        var deadline = message.NotAfter is { } last ? (int)Math.Min((last - message.CreatedAt!.Value).TotalSeconds + message.Limits.TimeoutS, 30 * 86_400) : DefaultDeadline;
        var webhook = message.Callback is { } callback ? new WebhookTarget(callback.Url, callback.SecretRef!, callback.Events) : null;
        var sha256 = message.RequestSha256!;
        return new JobTicket(message.JobId, RequestedJobs.Message(message.JobId, sha256), sha256, message.Input.Seeds!.Count, deadline, webhook);
    }

    /// <summary>The hash of what was asked for: equal requests are equal hashes.</summary>
    public static string Fingerprint<T>(T asked) => Digest.Sha256(JsonSerializer.SerializeToUtf8Bytes(asked, ApiJson.Options));

    // Workers refuse these: a run's batches and jobs have such names.
    private static bool IsOfRuns(string id) => id.Length == 10 && id[0] is ('b' or 'j') && !id.AsSpan(1).ContainsAnyExceptInRange('0', '9');

    private JobInput Checked(JobInput input)
    {
        if (input is { PromptRef: not null } or { Batch: not null } or { Redo: not null })
            throw Invalid("input", _ => "prompt_ref, batch and redo are the workers' own; give the prompt itself.");
        if (input.Prompt is null && input.StartImage is null)
            throw ApiException.Missing(Name("input.prompt"));
        input = input with { Prompt = input.Prompt ?? "" };
        Check("input.prompt", PromptText.Check(input.Prompt, mayBeEmpty: input.StartImage is not null));
        if (input.StartImage is { } start && !(StartImages.IsHash(start.Sha256) && (start.MaskSha256 is null || StartImages.IsHash(start.MaskSha256))))
            throw Invalid("input.start_image", field => $"{field} names files by SHA-256, 64 lower-case hexadecimal digits.");
        Check("input.negative_prompt", PromptText.Check(input.NegativePrompt ?? "", "Negative prompt", mayBeEmpty: true));
        if (input.Scheduler is { } scheduler && !Schedulers.Contains(scheduler))
            throw Invalid("input.scheduler", field => $"{field} is flow-dpm, flow-euler or scm.");
        var seeds = input.Seeds is { Count: > 0 } ? input.Seeds : [0UL];
        if (seeds.Count > rules.Limits.MaxImages || seeds.Distinct().Count() != seeds.Count)
            throw Invalid("input.seeds", field => $"{field} takes 1…{rules.Limits.MaxImages} distinct numbers, one an image.");
        if (input.Lora is { } lora && lora.Any(use => use?.Name is null))
            throw Invalid("input.lora", field => $"{field} is a list of objects with a name and, if it is not 1, a weight.");
        if (input.Control is { Name: null } or { Image: null })
            throw Invalid("input.control", field => $"{field} is an object with the name of a control network, its image and, if it is not 1, a scale.");
        if (input.Control is { Image: { } image } && !StartImages.IsHash(image.Sha256))
            throw Invalid("input.control", field => $"{field}.image names a file by SHA-256, 64 lower-case hexadecimal digits.");
        var longPrompts = (input.LongPrompts ?? (rules.Limits.RefusesLongPrompts ? "refuse" : null)) switch
        {
            null or "cut" => null,
            "refuse" => "refuse",
            var other => throw Invalid("input.long_prompts", field => $"{field} is cut or refuse; '{(other.Length <= 40 ? other : other[..40] + "…")}' is neither."),
        };
        return Resolved(input with { Seeds = seeds, LongPrompts = longPrompts });
    }

    private JobInput Resolved(JobInput input)
    {
        if (input.BestOf is { } best)
        {
            Range("input.best_of.of", best.Of, 2, BestOf.Most);
            if (input.Seeds!.Count * best.Of > rules.Limits.MaxImages)
                throw Invalid("input.best_of.of", field => $"{field}: {best.Of} candidates of {Counted.Of(input.Seeds.Count, "image")} are {input.Seeds.Count * best.Of}; a job makes at most {rules.Limits.MaxImages}. Ask for fewer.");
            if (input.Seeds.SelectMany(best.Seeds).Distinct().Count() != input.Seeds.Count * best.Of)
                throw Invalid("input.seeds", field => $"With {best.Of} candidates each, seeds count up and two of {field} meet; leave {best.Of} between them.");
        }

        Range("input.steps", input.Steps, 1, 1000);
        Range("input.previews", input.Previews, 0, Previews.Most);
        Side("input.width", input.Width);
        Side("input.height", input.Height);
        if (input.GuidanceScale is not (null or (>= 0 and <= 100)))
            throw Invalid("input.guidance_scale", field => $"{field} is a number in 0…100; use 4.5.");
        if (rules.Model() is not { } renderer)
            return Bounded(input);
        // What is not done yet has not been judged.
        if (renderer.Gate?.HasLimits == true || input.BestOf is not null)
            input = input with { Previews = null };
        try
        {
            var options = renderer.Resolve(new GenerateOptions
            {
                Width = input.Width,
                Height = input.Height,
                Steps = input.Steps,
                Guidance = input.GuidanceScale ?? new GenerateOptions().Guidance,
                NegativePrompt = input.NegativePrompt ?? "",
                Solver = input.Scheduler switch
                {
                    "flow-dpm" or "flow-dpm++2m" => SolverKind.FlowDpm,
                    "flow-euler" => SolverKind.FlowEuler,
                    "scm" => SolverKind.Scm,
                    _ => null,
                },
                UseInstruction = input.Chi ?? true,
                Adapters = input.Lora is { Count: > 0 } lora ? new AdapterUses(lora) : null,
                StartImage = input.StartImage,
                Pag = input.Pag,
                Control = input.Control,
            });
            if (input.LongPrompts == "refuse")
            {
                Fit("input.prompt", renderer.Measure(input.Prompt!, options.UseInstruction));
                if (options.Guidance > 1)
                    Fit("input.negative_prompt", renderer.Measure(options.NegativePrompt, useInstruction: false));
            }

            return Bounded(input with
            {
                Width = options.Width,
                Height = options.Height,
                Steps = options.Steps,
                GuidanceScale = options.Guidance,
                Lora = options.Adapters?.Items,
                Pag = options.Pag,
                Control = options.Control,
                StartImage = options.StartImage,
                BestOf = input.BestOf?.Resolve(renderer.Gate),
            });
        }
        catch (InferenceException error)
        {
            throw Invalid(FieldOf(error), _ => error.Message);
        }
    }

    /// <summary>What the checkpoint refuses begins with the word for what it refuses.</summary>
    private static string FieldOf(InferenceException error) => error.Message.Split(' ')[0] switch
    {
        "Width" => "input.width",
        "Height" => "input.height",
        "Steps" => "input.steps",
        "Guidance" => "input.guidance_scale",
        "Negative" => "input.negative_prompt",
        "Solver" => "input.scheduler",
        "Lora" => "input.lora",
        "Pag" => "input.pag",
        "Control" => "input.control",
        "Strength" => "input.start_image.strength",
        "best_of" or "best_of:" or "keep" or "stop_at" => "input.best_of.of",
        _ => "input",
    };

    /// <summary>Within what a worker takes: it would bury the job.</summary>
    private JobInput Bounded(JobInput input)
    {
        var pixels = (long)(input.Width ?? 1024) * (input.Height ?? 1024);
        if (pixels > rules.Limits.MaxImagePixels)
            throw Invalid("input.width", field => $"{field}: {input.Width}x{input.Height} has {pixels} pixels; an image has at most {rules.Limits.MaxImagePixels}, such as 4096x4096. Ask for a smaller one.");
        var images = input.Seeds!.Count * (input.BestOf?.Of ?? 1);
        return pixels * images <= rules.Limits.MaxPixels
            ? input
            : throw Invalid("input.width", field => $"{field}: {Counted.Of(images, "image")} of {pixels} pixels come to {pixels * images}; a job has at most {rules.Limits.MaxPixels}. Ask for fewer or smaller ones.");
    }

    private void Check(string field, Rejection? rejection)
    {
        if (rejection is not null)
            throw ApiException.Invalid(Name(field), rejection.Message, rejection.Reason);
    }

    private void Fit(string field, PromptLength? length)
    {
        if (length is { } prompt && prompt.Tokens > prompt.Limit)
        {
            throw ApiException.Invalid(
                Name(field), $"{Name(field)} has {prompt.Tokens} tokens and the network reads {prompt.Limit}; shorten it, or send long_prompts: cut to have its end left out.", SanaPipeline.TooLong);
        }
    }

    private JobCallback? Checked(JobCallback? callback)
    {
        if (callback is null)
            return null;
        try
        {
            var target = rules.Callbacks.Check(callback);
            return callback with { Url = target.Url, SecretRef = target.Secret };
        }
        catch (BlockedCallbackException error) when (error.InnerException is null)
        {
            throw ApiException.Invalid(Name(error.Field), error.Message);
        }
        catch (BlockedCallbackException error)
        {
            throw ApiException.Invalid(Name(error.Field), error.Message, "blocked_address");
        }
    }

    private void Side(string field, int? pixels)
    {
        if (pixels is not (null or (>= 32 and <= 8192)))
            throw Invalid(field, shown => $"{shown} {pixels} is not in 32…8192 pixels.");
        if (pixels % 32 is not (null or 0))
            throw Invalid(field, shown => $"{shown} {pixels} is not a multiple of 32; use {pixels / 32 * 32} or {(pixels / 32 * 32) + 32}.");
    }

    private void Range(string field, int? value, int least, int most)
    {
        if (value is { } number && (number < least || number > most))
            throw Invalid(field, shown => $"{shown} {number} is not in {least}…{most}.");
    }

    private string Name(string field) => name?.Invoke(field) ?? field;

    private ApiException Invalid(string field, Func<string, string> sentence) => ApiException.Invalid(Name(field), sentence(Name(field)));
}

/// <summary>Words that clients spell in several ways.</summary>
internal static class ImageWords
{
    /// <summary><c>jpeg</c> for <c>jpg</c>, in lower case; null for none and for an empty text, which forms send for a field that was left alone.</summary>
    public static string? Format(string? word) => Given(word)?.ToLowerInvariant() switch
    {
        "jpg" => "jpeg",
        var other => other,
    };

    /// <summary>The text, or null when it is empty.</summary>
    public static string? Given(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}
