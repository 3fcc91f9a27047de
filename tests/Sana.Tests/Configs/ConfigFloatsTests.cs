using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.GraphBuilder.Configs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Configs;

public sealed class ConfigFloatsTests
{
    [Fact]
    public void What_the_reference_has_as_a_float_is_written_as_one()
    {
        var text = ConfigFloats.Text(new JsonObject
        {
            ["final_logit_softcapping"] = 30.0,
            ["hidden_size"] = 128,
            ["query_pre_attn_scalar"] = 32.0,
            ["rms_norm_eps"] = 1e-6,
            ["qk_norm"] = null,
            ["vision_config"] = new JsonObject { ["attention_dropout"] = 0, ["image_mean"] = new JsonArray(0.5, 1), ["image_size"] = 64 },
        });

        foreach (var expected in new[] { "\"final_logit_softcapping\": 30.0", "\"hidden_size\": 128,", "\"query_pre_attn_scalar\": 32,", "\"attention_dropout\": 0.0", "\"image_size\": 64", "1.0" })
            Assert.Contains(expected, text, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_shipped_config_has_floats_where_the_reference_has_them()
    {
        var files = Directory.GetFiles(Path.Combine(Repository.Root, "models"), "*config.json", SearchOption.AllDirectories);
        var wrong = new List<string>();
        foreach (var file in files)
        {
            using var json = JsonDocument.Parse(File.ReadAllText(file));
            Find(json.RootElement, "", isFloat: false, Path.GetRelativePath(Repository.Root, file), wrong);
        }

        Assert.True(files.Length > 8);
        Assert.Empty(wrong);
    }

    private static void Find(JsonElement value, string name, bool isFloat, string file, List<string> wrong)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                    Find(member.Value, member.Name, ConfigFloats.Names.Contains(member.Name), file, wrong);
                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                    Find(item, name, isFloat, file, wrong);
                break;
            case JsonValueKind.Number when isFloat && !value.GetRawText().AsSpan().ContainsAny('.', 'e', 'E'):
                wrong.Add($"{file}: {name} {value.GetRawText()}");
                break;
        }
    }
}
