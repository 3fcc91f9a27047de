using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Serialization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using DurableTask.Core;
using DurableTask.Core.History;

namespace DurableTask.Sqlite;

/// <summary>How messages and history events are written: JSON of the members that DurableTask.Core marks as data, with the event's type as <c>$type</c>.</summary>
internal static class EventJson
{
    private static readonly JsonSerializerOptions _options = new()
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new FailureConverter() },
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { DataMembers } },
    };

    public static string Write<T>(T value) => JsonSerializer.Serialize(value, _options);

    public static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, _options)!;

    /// <summary>Members of Core's types are those with <c>[DataMember]</c>, be their setters public or not; their constructors are not called.</summary>
    private static void DataMembers(JsonTypeInfo info)
    {
        if (info.Kind != JsonTypeInfoKind.Object || info.Type.Assembly != typeof(HistoryEvent).Assembly)
            return;
        var type = info.Type;
        if (type.IsAssignableTo(typeof(HistoryEvent)))
        {
            info.PolymorphismOptions = new JsonPolymorphismOptions();
            foreach (var known in HistoryEvent.KnownTypes().Where(known => known.IsAssignableTo(type)))
                info.PolymorphismOptions.DerivedTypes.Add(new JsonDerivedType(known, known.Name));
        }

        if (!type.IsAbstract)
            info.CreateObject = () => RuntimeHelpers.GetUninitializedObject(type);
        info.Properties.Clear();
        const BindingFlags members = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;
        foreach (var field in type.GetFields(members).Where(field => field.IsDefined(typeof(DataMemberAttribute))))
            Add(info, field.Name, field.FieldType, field.GetValue, field.SetValue);
        foreach (var property in type.GetProperties(members).Where(property => property.IsDefined(typeof(DataMemberAttribute))))
        {
            // Private setters of a base class are visible on the base class only.
            var own = property.DeclaringType!.GetProperty(property.Name, members)!;
            if (own.CanWrite)
                Add(info, own.Name, own.PropertyType, own.GetValue, own.SetValue);
        }
    }

    private static void Add(JsonTypeInfo info, string name, Type type, Func<object, object?> get, Action<object, object?> set)
    {
        var property = info.CreateJsonPropertyInfo(type, name);
        (property.Get, property.Set) = (get, set);
        info.Properties.Add(property);
    }

    /// <summary>Core's failure has no setters.</summary>
    private sealed class FailureConverter : JsonConverter<FailureDetails>
    {
        private sealed record Failure(string Type, string Message, string? Trace, FailureDetails? Inner, bool Final, Dictionary<string, object?>? Properties);

        public override FailureDetails? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            JsonSerializer.Deserialize<Failure>(ref reader, options) is { } failure
                ? new FailureDetails(failure.Type, failure.Message, failure.Trace, failure.Inner, failure.Final, failure.Properties?.ToDictionary(property => property.Key, property => Plain(property.Value)))
                : null;

        public override void Write(Utf8JsonWriter writer, FailureDetails value, JsonSerializerOptions options) => JsonSerializer.Serialize(
            writer,
            new Failure(
                value.ErrorType, value.ErrorMessage, value.StackTrace, value.InnerFailure, value.IsNonRetriable,
                value.Properties is { } properties ? new Dictionary<string, object?>(properties) : null),
            options);

        /// <summary>What was an object of .NET before, and not one of JSON.</summary>
        private static object? Plain(object? value) => value is not JsonElement json ? value : json.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.String => json.GetString(),
            JsonValueKind.Number => json.TryGetInt64(out var whole) ? whole : json.GetDouble(),
            JsonValueKind.Array => json.EnumerateArray().Select(item => Plain(item)).ToList(),
            _ => json.EnumerateObject().ToDictionary(property => property.Name, property => Plain(property.Value)),
        };
    }
}
