namespace Sana.GraphBuilder.Configs;

/// <summary>
/// preprocessor_config.json of a CLIP checkpoint: from a decoded image to what the network reads. <c>size</c> and <c>crop_size</c> are numbers (old) or objects (new);
/// a key that is missing has the value of openai/clip-vit-base-patch32. A file that switches a step off or changes it is refused.
/// </summary>
internal sealed record ClipImageConfig
{
    private const int Bicubic = 3; // Pillow's number

    /// <summary>Pixels that the shorter side is resized to.</summary>
    public required int ShortestEdge { get; init; }

    /// <summary>Side of the square that is cut from the middle.</summary>
    public required int CropSize { get; init; }

    /// <summary>8-bit levels are multiplied by this.</summary>
    public required double RescaleFactor { get; init; }

    /// <summary>Red, green, blue.</summary>
    public required double[] ImageMean { get; init; }

    /// <summary>Red, green, blue.</summary>
    public required double[] ImageStd { get; init; }

    /// <summary>What running the network needs to know.</summary>
    public IEnumerable<(string Key, string Value)> Metadata =>
    [
        ("resample", "bicubic"),
        ("shortest_edge", MetadataText.Of(ShortestEdge)),
        ("crop_size", MetadataText.Of(CropSize)),
        ("rescale_factor", MetadataText.Of(RescaleFactor)),
        ("image_mean", MetadataText.Of(ImageMean)),
        ("image_std", MetadataText.Of(ImageStd)),
    ];

    /// <param name="file">Path of preprocessor_config.json.</param>
    /// <param name="imageSize">Side of the image that the network reads.</param>
    /// <exception cref="CheckpointException">A value is out of range, or asks for another way to prepare images.</exception>
    public static ClipImageConfig Load(string file, int imageSize)
    {
        var json = JsonConfig.Load(file);
        CheckKind(json, "image_processor_type");
        CheckKind(json, "feature_extractor_type");
        foreach (var step in new[] { "do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb" })
            json.Only(step, true);

        json.Integer("resample", Bicubic, Bicubic, Bicubic);
        var config = new ClipImageConfig
        {
            ShortestEdge = Edge(json, imageSize),
            CropSize = ImageFields.Side(json, "crop_size"),
            RescaleFactor = json.Number("rescale_factor", 1e-6, 1, 1d / 255),
            ImageMean = json.Numbers("image_mean", -1000, 1000, [0.48145466, 0.4578275, 0.40821073]),
            ImageStd = json.Numbers("image_std", 1e-6, 1000, [0.26862954, 0.26130258, 0.27577711]),
        };
        json.RefuseOthers(ImageFields.Harmless);
        return config.CropSize == imageSize ? config : throw json.Wrong("crop_size", $"image_size {imageSize} of config.json");
    }

    // A smaller image would have to be padded before the crop.
    private static int Edge(JsonConfig json, int atLeast)
    {
        if (!json.HasSection("size"))
            return json.Integer("size", atLeast, 65_536, 224);
        var size = json.Section("size");
        var edge = size.Integer("shortest_edge", atLeast, 65_536);
        size.RefuseOthers();
        return edge;
    }

    private static void CheckKind(JsonConfig json, string key) =>
        json.Word(key, "CLIPImageProcessor", "CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil", "CLIPFeatureExtractor");
}

/// <summary>
/// preprocessor_config.json of a captioner or a classifier (ViTImageProcessor, or ViTFeatureExtractor in older ones; of Florence-2 CLIPImageProcessor, which may be a section of processor_config.json) or of
/// SigLIP 2: the whole image is resized to a square, rescaled and normalised.
/// A key that is missing has the value of google/vit-base-patch16-224.
/// </summary>
internal sealed record VitImageConfig
{
    private const int Bilinear = 2; // Pillow's numbers
    private const int Bicubic = 3;

    /// <summary>Of the square, in pixels.</summary>
    public required int Side { get; init; }

    /// <summary><c>bilinear</c> or <c>bicubic</c>.</summary>
    public required string Resample { get; init; }

    /// <summary>8-bit levels are multiplied by this.</summary>
    public required double RescaleFactor { get; init; }

    /// <summary>Red, green, blue.</summary>
    public required double[] ImageMean { get; init; }

    /// <summary>Red, green, blue.</summary>
    public required double[] ImageStd { get; init; }

    /// <summary>What running the network needs to know.</summary>
    public IEnumerable<(string Key, string Value)> Metadata =>
    [
        ("image_size", MetadataText.Of(Side)),
        ("resample", Resample),
        ("rescale_factor", MetadataText.Of(RescaleFactor)),
        ("image_mean", MetadataText.Of(ImageMean)),
        ("image_std", MetadataText.Of(ImageStd)),
    ];

    /// <param name="file">Path of preprocessor_config.json.</param>
    /// <param name="imageSize">Side of the image that the network reads.</param>
    /// <param name="sizeKey">Where config.json says it.</param>
    /// <exception cref="CheckpointException">A value is out of range, or asks for another way to prepare images.</exception>
    public static VitImageConfig Load(string file, int imageSize, string sizeKey = "encoder.image_size") =>
        Read(JsonConfig.Load(file), imageSize, sizeKey, Bilinear, "ViTImageProcessor", "ViTImageProcessorFast", "ViTImageProcessorPil", "ViTFeatureExtractor");

    /// <summary>Of SigLIP 2 (SiglipImageProcessor), which prepares images alike. What the file says beside that is refused by name.</summary>
    public static VitImageConfig LoadSiglip(string file, int imageSize)
    {
        var json = JsonConfig.Load(file);
        json.Only("do_center_crop", false);
        json.Only("do_pad", false);
        json.Word("data_format", "channels_first", "channels_first");
        return Read(json, imageSize, "vision_config.image_size", Bicubic, "SiglipImageProcessor", "SiglipImageProcessorFast", "SiglipImageProcessorPil");
    }

    /// <summary>Of Florence-2, whose config.json does not say how large images are.</summary>
    /// <param name="folder">Of the checkpoint.</param>
    /// <param name="tokens">As how many tokens an image of this side is read.</param>
    public static (VitImageConfig Image, string File) LoadFlorence2(string folder, Func<int, int> tokens)
    {
        var file = File.Exists(Path.Combine(folder, "preprocessor_config.json")) || !File.Exists(Path.Combine(folder, "processor_config.json"))
            ? "preprocessor_config.json"
            : "processor_config.json";
        var json = JsonConfig.Load(Path.Combine(folder, file));
        if (file == "processor_config.json")
        {
            json.RefuseOthers("image_processor", "processor_class", "num_additional_image_tokens", "post_processor_config");
            json = json.Section("image_processor");
        }

        // Without a word the processor cuts the middle out.
        if (!json.Has("do_center_crop") || json.Flag("do_center_crop", true))
            throw json.Wrong("do_center_crop", "false, the only form that is supported");
        var side = ImageFields.Side(json, "size");
        if (json.Integer("image_seq_length", 1, 1_000_000, tokens(side)) != tokens(side))
            throw json.Wrong("image_seq_length", $"{tokens(side)}, the tokens of an image of {side} pixels");
        return (Read(json, side, "size", Bicubic, "CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil", "Florence2ImageProcessor", "CLIPFeatureExtractor"), file);
    }

    private static VitImageConfig Read(JsonConfig json, int imageSize, string sizeKey, int resample, params ReadOnlySpan<string> kinds)
    {
        foreach (var kind in new[] { "image_processor_type", "feature_extractor_type" })
            json.Word(kind, "", kinds);

        foreach (var step in new[] { "do_resize", "do_rescale", "do_normalize", "do_convert_rgb" })
            json.Only(step, true);

        if (ImageFields.Side(json, "size") != imageSize)
            throw json.Wrong("size", $"{sizeKey} {imageSize} of config.json");
        var config = new VitImageConfig
        {
            Side = imageSize,
            Resample = json.Integer("resample", Bilinear, Bicubic, resample) == Bicubic ? "bicubic" : "bilinear",
            RescaleFactor = json.Number("rescale_factor", 1e-6, 1, 1d / 255),
            ImageMean = json.Numbers("image_mean", -1000, 1000, [0.5, 0.5, 0.5]),
            ImageStd = json.Numbers("image_std", 1e-6, 1000, [0.5, 0.5, 0.5]),
        };
        // A crop is not made unless do_center_crop says so, which is refused.
        json.RefuseOthers([.. ImageFields.Harmless, "crop_size"]);
        return config;
    }
}

/// <summary>Fields of image processors that change no pixel: of the program that loads the file.</summary>
internal static class ImageFields
{
    public static readonly string[] Harmless =
        ["processor_class", "image_seq_length", "device", "return_tensors", "data_format", "input_data_format", "default_to_square", "use_square_size", "disable_grouping"];

    /// <summary>A square's side: a number, or equal height and width; 224 where it is missing.</summary>
    public static int Side(JsonConfig json, string key)
    {
        if (!json.HasSection(key))
            return json.Integer(key, 1, 65_536, 224);
        var size = json.Section(key);
        var height = size.Integer("height", 1, 65_536);
        var width = size.Integer("width", height, height);
        size.RefuseOthers();
        return width;
    }
}
