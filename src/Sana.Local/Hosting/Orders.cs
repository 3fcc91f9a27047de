using System.Text.Json;
using DurableTask.Sqlite;
using Sana.Workflows.Curation;
using Sana.Workflows.Durable;
using Sana.Workflows.Generation;

namespace Sana.Local.Hosting;

/// <summary>
/// How a command steers instances of a data folder that another process owns: an order is a file in <c>orders/</c>, and so is its answer. The owner looks there;
/// when there is none, the command itself becomes the owner for a moment.
/// </summary>
internal static class Orders
{
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(15);

    /// <summary>Gives an order and waits for its answer.</summary>
    /// <exception cref="JournalException">Whoever owns the folder does not answer.</exception>
    public static async Task<bool> Give(string data, Order order, CancellationToken cancellationToken)
    {
        if (!File.Exists(Path.Combine(data, "journal.db")))
            throw new JournalException($"There is no journal in {data}; give the --data folder of the run.");
        var folder = Directory.CreateDirectory(Path.Combine(data, "orders")).FullName;
        var path = Path.Combine(folder, Guid.CreateVersion7().ToString("N"));
        await File.WriteAllTextAsync(path + ".new", JsonSerializer.Serialize(order, HostJson.Default.Order), cancellationToken);
        File.Move(path + ".new", path + ".order");
        await using var owner = await Own(data, cancellationToken);
        for (var begun = TimeProvider.System.GetTimestamp(); TimeProvider.System.GetElapsedTime(begun) < _patience; await Task.Delay(_look, cancellationToken))
        {
            if (!File.Exists(path + ".answer"))
                continue;
            var answer = JsonSerializer.Deserialize(await File.ReadAllTextAsync(path + ".answer", cancellationToken), HostJson.Default.OrderAnswer)!;
            File.Delete(path + ".answer");
            return answer.Done;
        }

        File.Delete(path + ".order");
        throw new JournalException($"The process that owns {data} does not answer; look whether it still runs.");
    }

    /// <summary>Carries out the orders of a folder until canceled.</summary>
    public static async Task Serve(string data, WorkflowClient client, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(data, "orders");
        try
        {
            while (true)
            {
                foreach (var path in Directory.CreateDirectory(folder).GetFiles("*.order").Select(file => file.FullName).Order())
                    await Obey(path, client);
                await Task.Delay(_look, cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // Closed.
        }
    }

    private static async Task Obey(string path, WorkflowClient client)
    {
        try
        {
            var order = JsonSerializer.Deserialize(await File.ReadAllTextAsync(path), HostJson.Default.Order)!;
            var done = order.Verb switch
            {
                "cancel" => await client.Cancel(order.Id, order.Reasons is [var reason, ..] ? reason : "sana cancel"),
                "suspend" => await client.Suspend(order.Id),
                "resume" => await client.Resume(order.Id),
                "retry" => await Submission.Retry(client, order.Id, order.Reasons) || await CurationSubmission.Retry(client, order.Id, order.Reasons),
                _ => false,
            };
            var answer = Path.ChangeExtension(path, ".answer");
            await File.WriteAllTextAsync(answer + ".new", JsonSerializer.Serialize(new OrderAnswer(done), HostJson.Default.OrderAnswer));
            File.Move(answer + ".new", answer, overwrite: true);
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or JsonException or JournalException)
        {
            // Withdrawn meanwhile, or not an order; one that cannot be carried out now is looked at again.
        }
    }

    private static async Task<LocalHost?> Own(string data, CancellationToken cancellationToken)
    {
        try
        {
            var options = HostFile.Complete(new LocalOptions { Data = data }, hasDevice: false, hasQueue: false, hasJournal: false) with { Checkpoint = null };
            return await LocalHost.Open(options, cancellationToken);
        }
        catch (JournalException)
        {
            // Somebody owns it and will answer.
            return null;
        }
    }
}

/// <param name="Verb">cancel, suspend, resume or retry.</param>
/// <param name="Id">The instance.</param>
/// <param name="Reasons">Of a retry: what to cure; of a cancel: why.</param>
internal sealed record Order(string Verb, string Id, IReadOnlyList<string> Reasons);

/// <param name="Done">Whether there was something to do.</param>
internal sealed record OrderAnswer(bool Done);
