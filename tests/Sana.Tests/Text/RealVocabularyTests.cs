using System.Security.Cryptography;
using System.Text;
using Sana.Inference.Text;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Text;

[Trait("Category", "Parity")]
public sealed class RealVocabularyTests
{
    [Fact]
    public void Every_text_gets_the_reference_ids_of_gemma()
    {
        var vectors = RealVocabularies.GemmaVectors.GetProperty("vectors").EnumerateArray().ToArray();

        Assert.NotEmpty(vectors);
        Assert.All(vectors, vector => Assert.Equal(vector.GetProperty("ids").Ints(), RealVocabularies.Gemma.Encode(vector.GetProperty("text").GetString()!)));
    }

    [Fact]
    public void Every_gemma_text_without_metaspaces_decodes_to_itself()
    {
        var texts = RealVocabularies.GemmaVectors.GetProperty("vectors").EnumerateArray().Select(vector => vector.GetProperty("text").GetString()!)
            .Where(text => !text.Contains('▁', StringComparison.Ordinal));

        Assert.All(texts, text => Assert.Equal(text, RealVocabularies.Gemma.Decode(RealVocabularies.Gemma.Encode(text))));
    }

    [Fact]
    public void Published_instruction_has_the_reference_text_and_length()
    {
        using var checkpoint = new TempFolder();

        var instruction = ComplexHumanInstruction.Load(checkpoint.Path, RealVocabularies.Gemma)!;

        Assert.Equal(RealVocabularies.GemmaVectors.GetProperty("instruction_sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(instruction.Text))));
        Assert.Equal(RealVocabularies.GemmaVectors.GetProperty("instruction_tokens").GetInt32(), instruction.Tokens);
    }

    [Fact]
    public void Kept_positions_after_the_published_instruction_are_the_reference_selection()
    {
        using var checkpoint = new TempFolder();
        var instruction = ComplexHumanInstruction.Load(checkpoint.Path, RealVocabularies.Gemma)!;
        var vectors = RealVocabularies.GemmaVectors.GetProperty("with_instruction").EnumerateArray().ToArray();

        Assert.NotEmpty(vectors);
        Assert.All(vectors, vector =>
        {
            var tokens = instruction.Encode(vector.GetProperty("prompt").GetString()!);
            Assert.Equal(vector.GetProperty("selected_ids").Ints(), tokens.KeptPositions().Select(position => tokens.Ids[position]));
            Assert.Equal(vector.GetProperty("valid").GetInt32(), tokens.KeptCount);
        });
    }

    [Fact]
    public void Every_text_gets_the_reference_ids_of_clip()
    {
        var vectors = RealVocabularies.ClipVectors.GetProperty("vectors").EnumerateArray().ToArray();

        Assert.Equal(RealVocabularies.ClipVectors.GetProperty("texts").GetInt32(), vectors.Length);
        Assert.All(vectors, vector =>
        {
            var text = vector.GetProperty("text").GetString()!;
            Assert.Equal(vector.GetProperty("ids").Ints(), RealVocabularies.Clip.EncodeUncut(text));
            if (vector.TryGetProperty("ids_77", out var cut)) Assert.Equal(cut.Ints(), RealVocabularies.Clip.Encode(text).Ids);
        });
    }
}
