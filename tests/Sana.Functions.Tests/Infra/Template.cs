using System.Text.Json;
using Sana.Tests.Support;

namespace Sana.Functions.Tests.Infra;

/// <summary><c>infra/main.bicep</c> as the real compiler translates it: every resource of every module.</summary>
internal sealed class Template
{
    private static readonly Lazy<Template> _main = new(Compile);

    private Template(string text, string said)
    {
        (Text, Said) = (text, said);
        Root = JsonDocument.Parse(text).RootElement;
        Resources = [.. Of(Root)];
    }

    public static Template Main => _main.Value;

    public string Text { get; }

    /// <value>What the compiler had to say: nothing, when every rule holds.</value>
    public string Said { get; }

    public JsonElement Root { get; }

    public IReadOnlyList<Resource> Resources { get; }

    public Resource Only(string type) => Resources.Single(resource => resource.Type == type);

    public IEnumerable<Resource> All(string type) => Resources.Where(resource => resource.Type == type);

    private static Template Compile()
    {
        var (text, said) = BicepProgram.Run("build", Path.Combine(Repository.Root, "infra", "main.bicep"), "--stdout");
        return new Template(text, said);
    }

    private static IEnumerable<Resource> Of(JsonElement template)
    {
        var resources = template.GetProperty("resources");
        foreach (var resource in resources.ValueKind == JsonValueKind.Array ? resources.EnumerateArray() : resources.EnumerateObject().Select(named => named.Value))
        {
            if (resource.TryGetProperty("existing", out _))
                continue;
            if (resource.GetProperty("type").GetString() == "Microsoft.Resources/deployments")
            {
                foreach (var inner in Of(resource.GetProperty("properties").GetProperty("template")))
                    yield return inner;
            }
            else
            {
                yield return new Resource(resource, template);
            }
        }
    }
}

/// <summary>One resource with the template that its variables are in.</summary>
internal sealed record Resource(JsonElement Json, JsonElement Template)
{
    public string Type => Json.GetProperty("type").GetString()!;

    public string Text => Json.GetRawText();

    /// <summary>A value by its path; a variable is looked up.</summary>
    public JsonElement At(string path)
    {
        var found = Json;
        foreach (var name in path.Split('.'))
            found = Resolve(found.GetProperty(name));
        return found;
    }

    public bool Has(string path)
    {
        var found = Json;
        foreach (var name in path.Split('.'))
        {
            if (found.ValueKind != JsonValueKind.Object || !found.TryGetProperty(name, out var next))
                return false;
            found = Resolve(next);
        }

        return true;
    }

    public string String(string path) => At(path).GetString()!;

    public bool Bool(string path) => At(path).GetBoolean();

    private JsonElement Resolve(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && value.GetString() is ['[', 'v', 'a', 'r', ..] text && text.EndsWith("')]", StringComparison.Ordinal) && text.Count(c => c == '\'') == 2
            ? Template.GetProperty("variables").GetProperty(text.Split('\'')[1])
            : value;
}
