using Sana.Curation;
using Xunit;

namespace Sana.Tests.Captioning;

/// <summary>Answers with a caption in them and something beside it.</summary>
internal static class MendedCaptions
{
    private const string Cat = "A grey cat sleeps on a window sill.";

    public static TheoryData<string, string, string> All => new()
    {
        { $"  {Cat}\n", Cat, "" },
        { $"\u202a{Cat}\u202c\u0000", Cat, "" },
        { $"\"{Cat}\"", Cat, Reasons.CaptionLeak },
        { "A grey cat\nsleeps on\n\na window sill.", Cat, "" },
        { $"{Cat}<|im_end|>", Cat, Reasons.CaptionLeak },
        { $"{Cat}</s>", Cat, Reasons.CaptionLeak },
        { $"<s> {Cat}</s>", Cat, Reasons.CaptionLeak },
        { $"{Cat}<|endoftext|>The cat is a small animal that", Cat, Reasons.CaptionLeak },
        { $"<|im_start|>assistant\n{Cat}<|im_end|>", Cat, Reasons.CaptionLeak },
        { $"<|start_header_id|>assistant<|end_header_id|>\n\n{Cat}<|eot_id|>", Cat, Reasons.CaptionLeak },
        { $"<start_of_turn>model\n{Cat}<end_of_turn>", Cat, Reasons.CaptionLeak },
        { $"[/INST] {Cat}", Cat, Reasons.CaptionLeak },
        { $"ASSISTANT: {Cat}", Cat, Reasons.CaptionLeak },
        { $"### Response: {Cat}", Cat, Reasons.CaptionLeak },
        { $"{Cat} USER: What colour is it? ASSISTANT: Grey.", Cat, Reasons.CaptionLeak },
        { $"{Cat}\nHuman: and the window?\nAssistant: It is open.", Cat, Reasons.CaptionLeak },
        { $"Caption: {Cat}", Cat, Reasons.CaptionLeak },
        { $"Image description: {Cat}", Cat, Reasons.CaptionLeak },
        { $"Here is a detailed description of the image: {Cat}", Cat, Reasons.CaptionLeak },
        { $"Sure! Here's a caption for the image:\n\n{Cat}", Cat, Reasons.CaptionLeak },
        { $"Certainly! {Cat}", Cat, Reasons.CaptionLeak },
        { $"```\n{Cat}\n```", Cat, Reasons.CaptionLeak },
        { $"```json\n{{\"caption\": \"{Cat}\"}}\n```", Cat, Reasons.CaptionLeak },
        { $"{{\"description\": \"{Cat}\", \"confidence\": 0.9}}", Cat, Reasons.CaptionLeak },
        { "A **grey** cat sleeps on a **window sill**.", Cat, Reasons.CaptionLeak },
        { $"# The cat\n{Cat}", Cat, Reasons.CaptionLeak },
        { "- A grey cat sleeps\n- on a window sill.", Cat, Reasons.CaptionLeak },
        { $"{Cat}<br>", Cat, Reasons.CaptionLeak },
        { $"Describe this image in detail. {Cat}", Cat, Reasons.CaptionLeak },
        { $"Describe this image in detail:\n{Cat}", Cat, Reasons.CaptionLeak },
        { $"<think>I see a cat.</think>\n{Cat}", Cat, Reasons.CaptionReasoning },
        { $"I see a cat, so I say so.\n</think>\n\n{Cat}", Cat, Reasons.CaptionReasoning },
        { $"<|channel|>analysis<|message|>A cat.<|end|><|start|>assistant<|channel|>final<|message|>{Cat}", Cat, Reasons.CaptionReasoning },
        { $"<think>I see a cat.</think>\n{Cat}<|im_end|>", Cat, $"{Reasons.CaptionReasoning} {Reasons.CaptionLeak}" },
        { "A cafÃ© with a grey cat on a chair.", "A café with a grey cat on a chair.", Reasons.CaptionEncoding },
        { "The catâ€™s paw rests on a window sill.", "The cat’s paw rests on a window sill.", Reasons.CaptionEncoding },
        {
            "A grey cat sleeps on a window sill in the morning sun. The cat is grey. It is a grey cat. It is a grey cat. It is a grey cat.",
            "A grey cat sleeps on a window sill in the morning sun. The cat is grey. It is a grey cat.", Reasons.CaptionRepetition
        },
        {
            "A long street with many old houses, a church and a school, and a house, and a house, and a house, and a house, and a house",
            "A long street with many old houses, a church and a school, and a house", Reasons.CaptionRepetition
        },
    };
}
