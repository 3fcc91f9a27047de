namespace Sana.GraphBuilder.Configs;

/// <summary>
/// preprocessor_config.json of a captioner (ViTImageProcessor, or ViTFeatureExtractor in older ones): the whole image is resized to a square, rescaled and normalised.
/// A key that is missing has the value of google/vit-base-patch16-224.
/// </summary>
internal sealed record VitImageConfig
{
    private const int Bilinear = 2; // Pillow's numbers
    private const int Bicubic = 3;

    /// <summary><c>bilinear</c> or <c>bicubic</c>.</summary>
    public required string Resample { get; init; }

    /// <summary>What 8-bit levels are multiplied by.</summary>
    public required double RescaleFactor { get; init; }

    /// <summary>Red, green, blue.</summary>
    public required double[] ImageMean { get; init; }

    /// <summary>Red, green, blue.</summary>
    public required double[] ImageStd { get; init; }

    /// <param name="file">Path of preprocessor_config.json.</param>
    /// <param name="imageSize">Side of the image that the network reads.</param>
    /// <exception cref="CheckpointException">A value is out of range, or asks for another way to prepare images.</exception>
    public static VitImageConfig Load(string file, int imageSize)
    {
        var json = JsonConfig.Load(file);
        foreach (var kind in new[] { "image_processor_type", "feature_extractor_type" })
        {
            json.Word(kind, "", "ViTImageProcessor", "ViTImageProcessorFast", "ViTFeatureExtractor");
        }

        foreach (var step in new[] { "do_resize", "do_rescale", "do_normalize", "do_convert_rgb" })
        {
            json.Only(step, true);
        }

        if (Side(json) != imageSize)
            throw json.Wrong("size", $"encoder.image_size {imageSize} of config.json");
        return new VitImageConfig
        {
            Resample = json.Integer("resample", Bilinear, Bicubic, Bilinear) == Bicubic ? "bicubic" : "bilinear",
            RescaleFactor = json.Number("rescale_factor", 1e-6, 1, 1d / 255),
            ImageMean = json.Numbers("image_mean", -1000, 1000, [0.5, 0.5, 0.5]),
            ImageStd = json.Numbers("image_std", 1e-6, 1000, [0.5, 0.5, 0.5]),
        };
    }

    private static int Side(JsonConfig json)
    {
        if (!json.HasSection("size"))
            return json.Integer("size", 1, 65_536, 224);
        var size = json.Section("size");
        var height = size.Integer("height", 1, 65_536);
        return size.Integer("width", height, height);
    }
}
