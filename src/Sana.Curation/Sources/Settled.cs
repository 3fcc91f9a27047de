using System.Runtime.CompilerServices;

namespace Sana.Curation.Sources;

/// <summary>A listing that ends with an item where reading its file fails: what came before stands.</summary>
internal static class Settled
{
    public static async IAsyncEnumerable<SourceItem> Within(
        string file, IAsyncEnumerable<SourceItem> items, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var each = items.GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            SourceItem? fault = null;
            try
            {
                if (!await each.MoveNextAsync())
                    yield break;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                fault = new SourceItem { Name = file, Reason = Reasons.Unreadable, Message = "The file cannot be read to its end; check its rights and the disk." };
            }

            yield return fault ?? each.Current;
            if (fault is not null)
                yield break;
        }
    }
}
