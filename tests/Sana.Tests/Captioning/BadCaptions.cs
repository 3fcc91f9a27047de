using Sana.Curation;
using Xunit;

namespace Sana.Tests.Captioning;

/// <summary>Answers of language models that are no captions, with the code of each.</summary>
internal static class BadCaptions
{
    public static TheoryData<string, string> All
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (var (reason, answers) in _answers)
            {
                foreach (var answer in answers)
                    all.Add(answer, reason);
            }

            return all;
        }
    }

    private static readonly (string Reason, string[] Answers)[] _answers =
    [
        (Reasons.CaptionEmpty, ["", " ", "<|im_end|>", "ASSISTANT:", "\n\n\t", "\u200b", "\u0000\u0001"]),
        (Reasons.CaptionRefusal,
        [
            "I'm sorry, but I can't assist with that.",
            "I’m sorry, I cannot describe this image.",
            "Sorry, I can't help with identifying people.",
            "I am sorry, but this picture shows something I may not talk about.",
            "I cannot provide a description of this image because it contains people.",
            "I can't see the image you mention.",
            "I am unable to view images.",
            "I'm not able to identify the people in this image. However, I can say that it shows two men in suits.",
            "I do not have the ability to see images.",
            "I don't see any image attached.",
            "As an AI language model, I cannot view images.",
            "As a language model I have no access to pictures.",
            "As an AI, I have no eyes.",
            "Unfortunately, I cannot process this image.",
            "I apologize, but I cannot fulfil this request.",
            "I must decline to describe this.",
            "I'm just an AI and cannot do that.",
            "No image was provided.",
            "There is no image attached to your message.",
            "It seems that you forgot to attach the image.",
            "It looks like the image didn't load. Could you try again?",
            "The image you provided could not be loaded.",
            "The image was not provided.",
            "The image is missing.",
            "Please upload the image so that I can describe it.",
            "Could you please provide an image?",
            "Your request was flagged by our safety system.",
            "This image violates our policy.",
            "Lo siento, pero no puedo ayudar con eso.",
            "Je suis désolé, mais je ne peux pas décrire cette image.",
            "Es tut mir leid, aber dabei kann ich nicht helfen.",
            "抱歉，我无法描述这张图片。",
            "对不起，我不能提供帮助。",
            "N/A",
            "None",
            "null",
            "I'm sorry.",
            "Unable to describe the image.",
        ]),
        (Reasons.CaptionRepetition,
        [
            "The image shows a cat and a cat and a cat and a cat and a cat and a cat",
            "a a a a a a a a a a a a a a a a a a a a a a",
            "A tree, a tree, a tree, a tree, a tree, a tree, a tree.",
            "The sky. The sky. The sky. The sky. The sky. The sky.",
            "hahahahahahahahahahahahahahahahahahaha",
            "........................................",
            "猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫",
            "A \"cat\" and \"cat\" and \"cat\" and \"cat\" and \"cat\" and \"cat\"",
        ]),
        (Reasons.CaptionLeak,
        [
            "Describe this image in detail.",
            "describe this image  in detail",
            "You are a helpful assistant that writes captions for pictures of a museum.",
            "A cat. You are a helpful assistant that writes captions for pictures of a museum. A dog.",
        ]),
        (Reasons.CaptionMarkup,
        [
            "{\"objects\": [\"cat\", \"sofa\"], \"colour\": \"grey\", \"mood\": \"calm\"}",
            "{\"caption\": \"A grey cat on a",
            "[\"cat\", \"sofa\"]",
            "A <|box_start|>cat on a sofa in a room.",
            "A cat on a sofa. ```python print(1)",
        ]),
        (Reasons.CaptionReasoning,
        [
            "<think>The user wants a caption. I see a cat, so",
            "<think>The user wants a caption.</think>",
            "I see a cat.</think>",
            "<thinking>Let me look at the image first.",
            "<|channel|>analysis<|message|>The user wants a caption of a cat",
        ]),
        (Reasons.CaptionLang,
        [
            "Eine graue Katze liegt auf dem Fensterbrett und schläft in der Sonne.",
            "Un chat gris dort sur le rebord de la fenêtre, et il y a une tasse sur la table.",
            "Un gato gris duerme en el alféizar de la ventana con una taza al lado.",
            "Un gatto grigio dorme sul davanzale della finestra, e una tazza è sul tavolo.",
            "Um gato cinza dorme no parapeito da janela com uma xícara ao lado.",
            "Een grijze kat ligt op de vensterbank en slaapt in het zonlicht van de ochtend.",
            "Серый кот спит на подоконнике.",
            "一只灰色的猫睡在窗台上。",
            "灰色の猫が窓辺で眠っています。",
            "회색 고양이가 창가에서 자고 있다.",
            "قطة رمادية تنام على حافة النافذة.",
        ]),
        (Reasons.CaptionLength, ["Cat.", "A cat.", "\"OPEN\""]),
        (Reasons.CaptionEncoding, ["A caf\ufffd at the corner of a street.", "A man \ufffd\ufffd\ufffd on a horse."]),
    ];
}
