namespace Sana.GraphBuilder.Configs;

/// <summary>Fields of transformers' configs that change no result of the networks here. What a config says beside what is read and these is refused.</summary>
internal static class TransformersFields
{
    /// <summary>Fields that any config may have.</summary>
    public static readonly IReadOnlyCollection<string> Harmless = new HashSet<string>(StringComparer.Ordinal)
    {
        // of the program that wrote the file, or loads it
        "architectures", "model_type", "transformers_version", "torch_dtype", "dtype", "name_or_path", "tokenizer_class", "processor_class",
        "unsloth_version", "unsloth_fixed",
        "attn_implementation", "use_cache", "torchscript", "use_bfloat16", "is_decoder", "is_encoder_decoder", "bos_token_id", "eos_token_id",
        "pad_token_id", "sep_token_id",

        // of training
        "initializer_range", "initializer_factor", "attention_dropout", "dropout", "gradient_checkpointing", "chunk_size_feed_forward", "tf_legacy_loss",
        "problem_type",
        "finetuning_task", "num_labels", "id2label", "label2id", "task_specific_params", "prefix",

        // of what is given out
        "output_attentions", "output_hidden_states", "output_scores", "output_logits", "return_dict", "return_dict_in_generate",

        // of sampling and speed, which change nothing where nothing is drawn; beams, lengths and tokens of captions are read where there are any
        "temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff", "early_stopping", "length_penalty", "diversity_penalty",
        "renormalize_logits",
        "remove_invalid_values", "max_length", "max_new_tokens", "decoder_start_token_id", "cache_implementation", "cache_config", "low_memory",
        "disable_compile",
        "num_assistant_tokens", "num_assistant_tokens_schedule", "assistant_confidence_threshold", "max_matching_ngram_size",
    };

    /// <summary>
    /// Fields of text generation that change which tokens are taken, with the value that does not.
    /// Lists and objects of this kind are refused by their being there.
    /// </summary>
    public static readonly IReadOnlyDictionary<string, double> Decoding = new Dictionary<string, double>(StringComparer.Ordinal)
    {
        ["do_sample"] = 0,
        ["num_beam_groups"] = 1,
        ["num_return_sequences"] = 1,
        ["penalty_alpha"] = 0,
        ["repetition_penalty"] = 1,
        ["encoder_repetition_penalty"] = 1,
        ["encoder_no_repeat_ngram_size"] = 0,
        ["min_length"] = 0,
        ["min_new_tokens"] = 0,
        ["guidance_scale"] = 1,
    };

    /// <summary><see cref="Harmless"/>, for networks that generate no text: settings of decoding are left in their files by old writers.</summary>
    public static readonly IReadOnlyCollection<string> HarmlessWithoutText = new HashSet<string>(
        [
            .. Harmless, .. Decoding.Keys, "num_beams", "no_repeat_ngram_size", "bad_words_ids", "forced_bos_token_id", "forced_eos_token_id", "suppress_tokens",
            "begin_suppress_tokens", "exponential_decay_length_penalty",
        ],
        StringComparer.Ordinal);
}
