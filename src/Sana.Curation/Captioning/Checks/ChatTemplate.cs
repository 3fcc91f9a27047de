using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Checks;

/// <summary>Removes what a chat template puts around an answer: tokens, names of speakers, the question before it, the next turn after it.</summary>
internal static partial class ChatTemplate
{
    /// <summary>The answer's own turn. Tokens in its middle that are no end of a turn are left.</summary>
    public static string Strip(string text)
    {
        text = Bytes().Replace(text, run => Decoded(run.Value)).Trim();
        if (Dialogue().Match(text) is { Success: true } dialogue)
            text = text[(dialogue.Index + dialogue.Length)..];
        text = Leading().Replace(text, "").Trim();
        text = CutAt(End(), text);
        text = CutAt(NextTurn(), text);
        return Trailing().Replace(text, "").Trim();
    }

    private static string CutAt(Regex mark, string text)
    {
        var outside = CaptionText.WithoutQuotations(text);
        return mark.Match(outside) is { Success: true } found ? text[..found.Index].Trim() : text;
    }

    // Tokenizers with byte fallback that are decoded token by token: <0x0A> is a line end, <0xC3><0xA9> is é.
    private static string Decoded(string run)
    {
        var bytes = ByteToken().Matches(run).Select(token => Convert.ToByte(token.Groups[1].Value, 16)).ToArray();
        return System.Text.Encoding.UTF8.GetString(bytes);
    }

    [GeneratedRegex("(?:<0x[0-9A-Fa-f]{2}>)+")]
    private static partial Regex Bytes();

    [GeneratedRegex("<0x([0-9A-Fa-f]{2})>")]
    private static partial Regex ByteToken();

    // The whole conversation came back: system, user, and at last the answer.
    [GeneratedRegex("""
        \A\s*(?:(?:system|user|human|question)\s*:?\s*\n|(?:USER|Human|User|Question|SYSTEM|System)\s*:|<s>\s*\[INST\]|\[INST\]).*?
          (?:\n\s*(?:assistant|model)\s*:?\s*\n|(?:ASSISTANT|Assistant|Answer|GPT|Model)\s*:|\[/INST\])
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.Singleline)]
    private static partial Regex Dialogue();

    [GeneratedRegex("""
        \A(?:\s*(?:
          <\|(?!/?(?:object_ref|box|quad|ref|det|point)|[^|<>]*(?:begin|start)[^|<>]*(?:box|response|answer|solution|content|output|caption|final)
            |(?:response|answer|solution|content|output|caption|final)[^|<>]*(?:begin|start))[^|<>]{1,60}\|>
          |<｜[^｜<>]{1,60}｜>|<\|turn>|</?(?:s|bos|eos|unk|pad|img|image|im_start|im_end|start_of_turn|end_of_turn|start_of_image|end_of_image|tool_call|eoa|eoh|IMG_CONTEXT|fake_token_around_image|global-img|vila/[\w-]+)>
          |\[/?INST\]|<</?SYS>>|\[(?:CLS|SEP|PAD|BOS|EOS|gMASK|sop|UNUSED_TOKEN_\d+)\]|<sop>
          |(?<=[>\]])\s*(?:(?:assistant|model|user|system|bot)\b\s*:?|:)|(?:assistant|model)\s*\n
          |(?:\#\#\#\s*)?(?:ASSISTANT|Assistant|GPT|Response|AI|Bot|Chatbot|Model|model|assistant)\s*:))+
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Leading();

    // Any token whose name tells of an end, a turn or a speaker.
    [GeneratedRegex("""
        <\|(?!/?(?:object_ref|box|quad|ref|det|point|vision))[^|<>]{0,40}(?:end|eos|stop|user|human|system|assistant|turn|im_|eot|eom|sep|return|bot|observation|channel|message|tts)[^|<>]{0,40}\|>
          |</s>|<s>|<eos>|<bos>|<eot>|<eod>|<eoa>|<end_of_turn>|<start_of_turn>|<end_of_utterance>|<turn\|>|<\|turn>|</tool_call>|<im_end>|<AnswerEnd>|<｜[^｜<>]{1,60}｜>|\[/?INST\]
          |\[(?:SEP|EOS|PAD|UNUSED_TOKEN_\d+)\]|<TOKENS_UNUSED_\d+>|\|ENDOFTEXT\||<pad>
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase)]
    private static partial Regex End();

    [GeneratedRegex("""
        (?:\n\s*|(?<=[.!?…])\s+)(?:\#{2,3}\s*)?(?:USER|ASSISTANT|SYSTEM|Human|User|Assistant|Question|\#\#\#\ (?:Instruction|Response|Human|Assistant))\s*:
          |\#{3}\s*(?:Human|Assistant|User|Instruction|Response)\s*:|\n\s*(?:user|assistant|human|system)\s*(?:\n|\z)|(?<=[.!?…])(?:assistant|user)\s*(?:\n|\z)
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex NextTurn();

    [GeneratedRegex(@"(?:\s*(?:<\|[^|<>]{1,60}\|>|\[(?:END|STOP|end of [a-z ]{1,20})\]|\(end of [a-z ]{1,20}\)|<end>|(?<=[.!?…]\s*)#{3,}))+\s*\z", RegexOptions.IgnoreCase)]
    private static partial Regex Trailing();
}
