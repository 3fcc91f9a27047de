using Sana.StillLife;

namespace TinySana.Training;

/// <summary>The caption that a scene is learned with; null for none.</summary>
/// <param name="seed">Of the scene.</param>
/// <param name="scene">The scene.</param>
/// <param name="random">Of this step and example.</param>
internal delegate string? CaptionSource(ulong seed, Scene scene, SceneRandom random);
