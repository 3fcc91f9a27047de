namespace Sana.StillLife.Captions;

/// <summary>
/// Compares a caption's claims with a scene.
/// Of all assignments of the caption's objects to different objects of the scene it takes the one that makes most claims true.
/// </summary>
internal static class ClaimJudge
{
    // The generator draws three objects in a row with centres at most 0.12 apart in height.
    private const double RowHeight = 0.15;

    private const int None = -1;

    public static CaptionVerdict Judge(CaptionClaims claims, Scene scene)
    {
        var best = Choices(claims.Objects.Count, scene.Objects.Count).Select(choice => (True: TrueClaims(claims, scene, choice), Stated: StatedFacts(claims, scene, choice)))
            .OrderByDescending(verdict => verdict.True).ThenByDescending(verdict => verdict.Stated).First();
        return new(claims.Count, best.True, best.Stated / (double)Facts(scene));
    }

    // All assignments of the caption's objects to different objects of the scene, or to none.
    private static IEnumerable<int[]> Choices(int claimed, int present)
    {
        IEnumerable<int[]> choices = [[]];
        for (var i = 0; i < Math.Min(claimed, 6); i++)
            choices = [.. choices.SelectMany(choice => Enumerable.Range(None, present + 1).Where(one => one == None || !choice.Contains(one)).Select(one => (int[])[.. choice, one]))];
        return choices.Select(choice => (int[])[.. choice, .. Enumerable.Repeat(None, claimed - choice.Length)]);
    }

    private static int TrueClaims(CaptionClaims claims, Scene scene, int[] choice)
    {
        var sum = 0;
        for (var i = 0; i < choice.Length; i++)
        {
            if (choice[i] == None)
                continue;
            var (claim, one) = (claims.Objects[i], scene.Objects[choice[i]]);
            sum += (claim.Shape == one.Shape ? 1 : 0) + (claim.Colour == one.Colour ? 1 : 0) + (claim.Size == one.Size ? 1 : 0) + (claim.Place == one.Place ? 1 : 0);
            sum += claim.Count == MeantObjects(claim, scene, choice, i).Length ? 1 : 0;
        }

        return sum + claims.Relations.Count(relation => IsTrue(relation, scene, choice)) + (claims.InARow && IsRow(scene) ? 1 : 0)
            + (claims.Tone == scene.Background.Tone ? 1 : 0) + (claims.Texture == scene.Background.Texture ? 1 : 0)
            + (claims.HasSign && scene.Word is not null ? 1 : 0) + (claims.Word is not null && claims.Word == scene.Word ? 1 : 0);
    }

    // The chosen object and all others that have the same claimed properties, without those that other words of the caption are assigned to.
    private static int[] MeantObjects(ObjectClaim claim, Scene scene, int[] choice, int i)
    {
        var one = scene.Objects[choice[i]];
        var alike = new ObjectClaim(null, claim.Shape is null ? null : one.Shape, claim.Colour is null ? null : one.Colour, claim.Size is null ? null : one.Size);
        return [.. Enumerable.Range(0, scene.Objects.Count).Where(j => j == choice[i] || (alike.Fits(scene.Objects[j]) && !choice.Contains(j)))];
    }

    private static bool IsTrue(RelationClaim relation, Scene scene, int[] choice)
    {
        // The card is above all objects.
        if (relation.First < 0 || relation.Second < 0)
            return scene.Word is not null && relation.Relation == (relation.First < 0 ? Relation.Above : Relation.Below);
        if (choice[relation.First] == None || choice[relation.Second] == None)
            return false;
        var (first, second) = (scene.Objects[choice[relation.First]], scene.Objects[choice[relation.Second]]);
        var (right, down) = (second.X - first.X, second.Y - first.Y);
        return relation.Relation switch
        {
            Relation.LeftOf => right > Math.Abs(down),
            Relation.RightOf => -right > Math.Abs(down),
            Relation.Above => down > Math.Abs(right),
            _ => -down > Math.Abs(right),
        };
    }

    private static bool IsRow(Scene scene) => scene.Objects.Count > 2 && scene.Objects.Max(one => one.Y) - scene.Objects.Min(one => one.Y) < RowHeight;

    // The number, two of the background, the word; shape, colour and size of each object (once for a group); and the arrangement, which the caption of a group
    // does not state.
    private static int Facts(Scene scene) => 3 + (scene.Word is null ? 0 : 1) + (3 * Distinct(scene).Count()) + (scene.Arrangement == Arrangement.Group ? 0 : 1);

    private static IEnumerable<SceneObject> Distinct(Scene scene) => scene.Arrangement == Arrangement.Group ? scene.Objects.Take(1) : scene.Objects;

    private static int StatedFacts(CaptionClaims claims, Scene scene, int[] choice)
    {
        var (said, counted) = (new HashSet<(int, char)>(), 0);
        for (var i = 0; i < choice.Length; i++)
        {
            if (choice[i] == None)
                continue;
            var (claim, one) = (claims.Objects[i], scene.Objects[choice[i]]);
            var meant = MeantObjects(claim, scene, choice, i);
            counted += claim.Count == meant.Length ? meant.Length : 0;
            foreach (var j in scene.Arrangement == Arrangement.Group ? [0] : meant)
            {
                if (claim.Shape == one.Shape)
                    said.Add((j, 's'));
                if (claim.Colour == one.Colour)
                    said.Add((j, 'c'));
                if (claim.Size == one.Size)
                    said.Add((j, 'z'));
            }
        }

        var stands = (claims.InARow && IsRow(scene)) || claims.Relations.Any(relation => IsTrue(relation, scene, choice))
            || (scene.Arrangement == Arrangement.Alone && claims.Objects.Where((claim, i) => choice[i] != None && claim.Place == scene.Objects[choice[i]].Place).Any());
        return said.Count + (counted == scene.Objects.Count ? 1 : 0) + (claims.Tone == scene.Background.Tone ? 1 : 0) + (claims.Texture == scene.Background.Texture ? 1 : 0)
            + (claims.Word is not null && claims.Word == scene.Word ? 1 : 0) + (scene.Arrangement != Arrangement.Group && stands ? 1 : 0);
    }
}
