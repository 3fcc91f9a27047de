using System.Text.Json;
using Sana.Local.Commands;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests.Infra;

/// <summary><c>infra/kubernetes</c>: right by the schemas, and right by what our programs and the Functions host read.</summary>
public sealed class KubernetesTests
{
    private static readonly Dictionary<string, Lazy<Manifests>> _rendered =
        new[] { "functions/storage-queue", "functions/service-bus", "serve/base", "serve/cuda" }.ToDictionary(overlay => overlay, overlay => new Lazy<Manifests>(() => Manifests.Of(overlay)));

    public static TheoryData<string> Overlays => [.. _rendered.Keys];

    public static TheoryData<string, string> Apps => new([.. _rendered.Keys.Where(overlay => overlay.StartsWith("functions/", StringComparison.Ordinal)).SelectMany(overlay => new[] { (overlay, "orchestrator"), (overlay, "gpu") })]);

    [Theory]
    [MemberData(nameof(Overlays))]
    public void An_overlay_is_right_by_the_schemas(string overlay) => Assert.Equal("", Manifests.Faults(Of(overlay).Text));

    [Fact]
    public void Every_folder_with_a_kustomization_is_one_of_them_or_their_base()
    {
        var root = Path.Combine(Repository.Root, "infra", "kubernetes");
        var folders = Directory.EnumerateFiles(root, "kustomization.yaml", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(root, Path.GetDirectoryName(file)!));

        Assert.Equal(_rendered.Keys.Append("functions/base").Order(StringComparer.Ordinal), folders.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("replicas: 1\n", "replicas: one\n", "/spec/replicas must be integer")]
    [InlineData("kind: ScaledObject", "kind: ScaleObject", "keda.sh/v1alpha1 has no kind ScaleObject")]
    [InlineData("apiVersion: apps/v1\n", "apiVersion: apps/v2\n", "apps/v2 has no kind Deployment")]
    [InlineData("  scaleTargetRef:\n", "  scaleTarget:\n", "must have required property scaleTargetRef")]
    [InlineData("cooldownPeriod: 300", "coolDownPeriod: 300", "/spec/coolDownPeriod is no property that the schema knows")]
    [InlineData("queueLength: \"1\"", "queueLength: 1", "/spec/triggers/0/metadata/queueLength must be string")]
    [InlineData("failureThreshold: 36", "failureTreshold: 36", "failureTreshold is no property that the schema knows")]
    [InlineData("memory: 4Gi", "memory: 4 Gigabytes", "must match format \"quantity\"")]
    [InlineData("containerPort: 8080", "containerPort: http", "containerPort must be integer")]
    public void A_wrong_manifest_is_found(string right, string wrong, string fault)
    {
        var text = Of("functions/storage-queue").Text;

        Assert.Contains(right, text, StringComparison.Ordinal);
        Assert.Contains(fault, Manifests.Faults(text.Replace(right, wrong, StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Apps))]
    public void Every_setting_of_an_app_has_a_reader(string overlay, string role)
    {
        var app = App(overlay, role);
        var readers = SettingReaders.Of(app);

        Assert.All(app.Variables.Keys, variable => Assert.Contains(readers, reader => reader.Reads(variable)));
        Assert.All(SettingReaders.Inserted(app), name => Assert.Contains(app.Variables.Keys, variable => DeployedApp.KeyOf(variable).Split(':')[0] == name));
    }

    [Theory]
    [MemberData(nameof(Apps))]
    public void An_app_runs_the_functions_of_its_role_and_no_others(string overlay, string role)
    {
        var app = App(overlay, role);

        Assert.Equal(app.Expected.Order(), DeclaredFunctions.All.Where(app.Runs).Select(function => function.Name).Order());
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void A_scaler_watches_the_queue_of_the_deployment_it_scales(string overlay)
    {
        var manifests = Of(overlay);
        var scaler = manifests.All("ScaledObject").Single().GetProperty("spec");
        var target = scaler.GetProperty("scaleTargetRef").GetProperty("name").GetString()!;
        var trigger = scaler.GetProperty("triggers").EnumerateArray().Single();
        var metadata = trigger.GetProperty("metadata");

        Assert.Equal("sana-jobs", metadata.GetProperty("queueName").GetString());
        Assert.False(manifests.Only("Deployment", target).GetProperty("spec").TryGetProperty("replicas", out _));
        if (metadata.TryGetProperty("connectionFromEnv", out var variable))
            Assert.Contains(variable.GetString()!, manifests.Environment(target).Keys);
        else
            Assert.Contains(manifests.All("TriggerAuthentication").Select(Manifests.NameOf), name => name == trigger.GetProperty("authenticationRef").GetProperty("name").GetString());
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void What_a_manifest_names_is_there_or_told_by_the_page(string overlay)
    {
        var manifests = Of(overlay);
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "kubernetes.md"));
        var containers = manifests.All("Deployment").Select(deployment => (Name: Manifests.NameOf(deployment), Pod: Manifests.Pod(deployment), Container: Manifests.ContainerOf(deployment))).ToList();

        Assert.All(Strings(manifests, "secretName"), secret => Assert.Contains($"create secret generic {secret} ", page, StringComparison.Ordinal));
        Assert.All(containers.SelectMany(pair => manifests.Environment(pair.Name).Values), value => Assert.True(!value.StartsWith("secret:", StringComparison.Ordinal) || page.Contains($"create secret generic {value.Split(':', ';')[1]} ", StringComparison.Ordinal), value));
        Assert.All(Strings(manifests, "claimName"), claim => manifests.Only("PersistentVolumeClaim", claim));
        Assert.All(containers, pair => Assert.Equal(
            pair.Pod.GetProperty("volumes").EnumerateArray().Select(volume => volume.GetProperty("name").GetString()).Order(),
            pair.Container.GetProperty("volumeMounts").EnumerateArray().Select(mount => mount.GetProperty("name").GetString()).Distinct().Order()));
        Assert.All(containers, pair => Assert.Matches(@"^registry\.example\.com/sana(-functions)?:", pair.Container.GetProperty("image").GetString()));
    }

    [Theory]
    [InlineData("serve/base", "--device=cpu")]
    [InlineData("serve/cuda", "--device=cuda")]
    public void Sana_serve_knows_the_options_that_it_gets(string overlay, string device)
    {
        var arguments = Manifests.ContainerOf(Of(overlay).Only("Deployment", "sana")).GetProperty("args").EnumerateArray().Select(argument => argument.GetString()!).ToList();
        var options = new ServeCommand().Options.Select(option => option.Name);

        Assert.Equal("serve", arguments[0]);
        Assert.Contains(device, arguments);
        Assert.Empty(arguments.Skip(1).Select(argument => argument.Split('=')[0]).Except(options));
    }

    private static Manifests Of(string overlay) => _rendered[overlay].Value;

    private static DeployedApp App(string overlay, string role) =>
        new(new Deployment("storage", overlay.EndsWith("bus", StringComparison.Ordinal) ? "servicebus" : "storage", ""), role, Of(overlay).Environment(role));

    private static IEnumerable<string> Strings(Manifests manifests, string property) => manifests.Documents.SelectMany(document => Strings(document, property)).Distinct();

    private static IEnumerable<string> Strings(JsonElement element, string property) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(pair => pair.Name == property && pair.Value.ValueKind == JsonValueKind.String ? [pair.Value.GetString()!] : Strings(pair.Value, property)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(item => Strings(item, property)),
        _ => [],
    };
}
