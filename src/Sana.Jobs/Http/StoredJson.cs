using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sana.Jobs.Http;

/// <summary>Documents that we or a newer version wrote: what is unknown is ignored.</summary>
internal static class StoredJson
{
    public static JsonSerializerOptions Options { get; } = new(ApiJson.Options)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
        RespectNullableAnnotations = false,
        RespectRequiredConstructorParameters = false,
    };
}
