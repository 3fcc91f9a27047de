using System.Text.Json;
using Sana.GraphBuilder.Models;
using Sana.Inference.Diffusion;
using Sana.Inference.Text;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

[Trait("Category", "Parity")]
public sealed class TextEncoderParityTests
{
    public static IEnumerable<TheoryDataRow<string, string>> Instructed() => Prompts(".embeds");

    public static IEnumerable<TheoryDataRow<string, string>> Bare() => Prompts(".bare");

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Instructed))]
    public void Prompt_with_instruction_is_embedded(string checkpoint, string prompt)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var tokenizer = GemmaTokenizer.Load(Path.Combine(reference.Folder, "tokenizer"));
        using var encoder = new PromptEncoder(tokenizer, () => ComplexHumanInstruction.Load(reference.Folder, tokenizer), Encoder(reference), capacity: 1);

        var encoded = encoder.Encode(TextOf(reference, prompt), useInstruction: true);

        Assert.Equal(reference.Tensor($"text.{prompt}.embeds").Shape, encoded.Embeddings.Shape);
        Close.To(reference.Expected.Floats($"text.{prompt}.embeds"), encoded.Embeddings.Data, ReferenceCheckpoint.NetworkTolerance);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Instructed))]
    public void Cached_instruction_gives_what_all_ids_give_at_the_kept_positions(string checkpoint, string prompt)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var tokenizer = GemmaTokenizer.Load(Path.Combine(reference.Folder, "tokenizer"));
        var instruction = ComplexHumanInstruction.Load(reference.Folder, tokenizer)!;
        var plain = Encoder(reference);
        using var cached = new PromptEncoder(tokenizer, () => instruction, plain, capacity: 0);
        var tokens = instruction.Encode(TextOf(reference, prompt));

        var encoded = cached.Encode(TextOf(reference, prompt), useInstruction: true).Embeddings;

        var (all, width) = (plain.Encode(tokens.Ids).Data, (int)encoded.Shape[1]);
        Close.To([.. tokens.KeptPositions().SelectMany(at => all.AsSpan(at * width, width).ToArray())], encoded.Data, ReferenceCheckpoint.NetworkTolerance);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Bare))]
    public void Prompt_alone_is_embedded(string checkpoint, string prompt)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var tokenizer = GemmaTokenizer.Load(Path.Combine(reference.Folder, "tokenizer"));
        using var encoder = new PromptEncoder(tokenizer, () => null, Encoder(reference), capacity: 1);

        var encoded = encoder.Encode(TextOf(reference, prompt), useInstruction: false);

        Close.To(reference.Expected.Floats($"text.{prompt}.bare"), encoded.Embeddings.Data, ReferenceCheckpoint.NetworkTolerance);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Bare))]
    public void Every_layer_is_the_references(string checkpoint, string prompt)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var network = reference.Load(SanaGraphs.TextEncoder(reference.Files.TextEncoder, reference.Files.TextEncoderWeights, expose: _ => true), "text_encoder");
        using var encoder = new TextEncoder(network);
        var ids = reference.Json.GetProperty("ids_without_instruction").GetProperty(prompt).Deserialize<int[]>();

        foreach (var layer in reference.Between($"text.{prompt}.bare.hidden.", ""))
        {
            var module = layer == "0" ? "embed_tokens" : $"layers.{int.Parse(layer, null) - 1}"; // what goes into a layer came out of the one before
            var hidden = encoder.Encode(ids, module, TestContext.Current.CancellationToken);
            Close.To(reference.Expected.Floats($"text.{prompt}.bare.hidden.{layer}"), hidden.Data, ReferenceCheckpoint.NetworkTolerance);
        }
    }

    private static IEnumerable<TheoryDataRow<string, string>> Prompts(string suffix) =>
        from checkpoint in ReferenceCheckpoint.Names
        from name in SafetensorsReader.Open("expected", $"{checkpoint}.safetensors").Names
        where name.StartsWith("text.", StringComparison.Ordinal) && name.EndsWith(suffix, StringComparison.Ordinal)
        select new TheoryDataRow<string, string>(checkpoint, name["text.".Length..^suffix.Length]);

    private static TextEncoder Encoder(ReferenceCheckpoint reference) =>
        new TextEncoder(reference.Load(SanaGraphs.TextEncoder(reference.Files.TextEncoder, reference.Files.TextEncoderWeights), "text_encoder"));

    private static string TextOf(ReferenceCheckpoint reference, string prompt) => reference.Json.GetProperty("prompts").GetProperty(prompt).GetString()!;
}
