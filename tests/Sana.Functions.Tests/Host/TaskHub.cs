using System.Collections.Concurrent;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Client.Grpc;
using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Sana.Functions.Tests.Host.Wire;

namespace Sana.Functions.Tests.Host;

/// <summary>
/// The Durable extension's part: takes the task hub's work items, has each done by the app that has its function, as an invocation, and tells the hub what came back.
/// A failed invocation is read as the extension reads it.
/// </summary>
internal sealed class TaskHub : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<ActivityCall> _calls = [];
    private readonly FunctionsHost _host;
    private readonly GrpcChannel _channel;
    private readonly TaskHubSidecarService.TaskHubSidecarServiceClient _hub;
    private readonly Task _serving;

    public TaskHub(FunctionsHost host)
    {
        _host = host;
        _channel = GrpcChannel.ForAddress(host.Address);
        _hub = new TaskHubSidecarService.TaskHubSidecarServiceClient(_channel);
        Instances = new GrpcDurableTaskClient("sana", new GrpcDurableTaskClientOptions { Channel = _channel }, NullLogger.Instance);
        _serving = Serve();
    }

    /// <summary>The hub from outside.</summary>
    public DurableTaskClient Instances { get; }

    /// <summary>Every attempt of an activity of an instance that has ended, in order.</summary>
    public IReadOnlyList<ActivityCall> Calls(string instance) => [.. _calls.Where(call => call.Instance == instance)];

    /// <summary>What a function's durable client is made of.</summary>
    public TypedData Client => new()
    {
        String = JsonSerializer.Serialize(new
        {
            taskHubName = "sana",
            connectionName = "",
            rpcBaseUrl = _host.Address,
            requiredQueryStringParameters = "",
            httpBaseUrl = _host.Address,
            maxGrpcMessageSizeInBytes = 4 * 1024 * 1024,
            grpcHttpClientTimeout = JsonSerializer.Serialize(TimeSpan.FromSeconds(100)),
        }),
    };

    /// <summary>
    /// What the history says of a failed invocation. Of an activity the worker's extension sends the whole failure as JSON; of anything else there is the exception's text,
    /// which begins with its type.
    /// </summary>
    public static TaskFailureDetails Failure(Wire.RpcException exception)
    {
        if (exception.Type.EndsWith(".DurableSerializationException", StringComparison.Ordinal))
            return TaskFailureDetails.Parser.ParseJson(exception.Message);
        var (type, message) = exception.Type.Length > 0 ? (exception.Type, exception.Message) : ("(unknown)", exception.Message.Split('\n')[0]);
        return new TaskFailureDetails { ErrorType = type, ErrorMessage = message, StackTrace = exception.StackTrace };
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving;
        _channel.Dispose();
        _stop.Dispose();
    }

    private async Task Serve()
    {
        try
        {
            using var items = _hub.GetWorkItems(new GetWorkItemsRequest(), cancellationToken: _stop.Token);
            await foreach (var item in items.ResponseStream.ReadAllAsync(_stop.Token))
                _ = Task.Run(() => item.RequestCase == WorkItem.RequestOneofCase.ActivityRequest ? Act(item.ActivityRequest) : Orchestrate(item.OrchestratorRequest));
        }
        catch (Exception error) when (_stop.IsCancellationRequested && error is OperationCanceledException or Grpc.Core.RpcException)
        {
            // The test has ended.
        }
    }

    private async Task Orchestrate(OrchestratorRequest request)
    {
        var name = request.PastEvents.Concat(request.NewEvents).First(each => each.ExecutionStarted is not null).ExecutionStarted.Name;
        OrchestratorResponse response;
        try
        {
            var invoked = await Invoke(name, Convert.ToBase64String(request.ToByteArray()));
            response = OrchestratorResponse.Parser.ParseFrom(Convert.FromBase64String(invoked.ReturnValue.String));
        }
        catch (InvocationException error)
        {
            var end = new CompleteOrchestrationAction { OrchestrationStatus = OrchestrationStatus.Failed, FailureDetails = error.Details };
            response = new OrchestratorResponse { Actions = { new OrchestratorAction { CompleteOrchestration = end } } };
        }

        response.InstanceId = request.InstanceId;
        await _hub.CompleteOrchestratorTaskAsync(response);
    }

    private async Task Act(ActivityRequest request)
    {
        var response = new ActivityResponse { InstanceId = request.OrchestrationInstance.InstanceId, TaskId = request.TaskId };
        // An activity has one input; the history has it in an array.
        var input = JsonDocument.Parse(request.Input).RootElement is { ValueKind: JsonValueKind.Array } array && array.GetArrayLength() == 1 ? array[0].GetRawText() : request.Input;
        try
        {
            var value = (await Invoke(request.Name, input)).ReturnValue;
            response.Result = value is null ? null : value.DataCase == TypedData.DataOneofCase.Json ? value.Json : JsonSerializer.Serialize(value.String);
        }
        catch (InvocationException error)
        {
            response.FailureDetails = error.Details;
        }

        _calls.Enqueue(new ActivityCall(response.InstanceId, request.Name, input, response.Result, response.FailureDetails));
        await _hub.CompleteActivityTaskAsync(response);
    }

    private async Task<InvocationResponse> Invoke(string function, string input)
    {
        var app = _host.Workers.FirstOrDefault(worker => worker.Has(function))
            ?? throw new InvocationException(new TaskFailureDetails { ErrorType = "(unknown)", ErrorMessage = $"The function '{function}' doesn't exist, is disabled, or is not an activity or orchestrator." });
        var response = await app.Invoke(function, new TypedData { String = input });
        return response.Result.Status == StatusResult.Types.Status.Success ? response : throw new InvocationException(Failure(response.Result.Exception));
    }

    private sealed class InvocationException(TaskFailureDetails details) : Exception
    {
        public TaskFailureDetails Details => details;
    }
}

/// <summary>One attempt of an activity as the hub has it in its history.</summary>
/// <param name="Instance">Of which orchestration.</param>
/// <param name="Activity">Name of the function.</param>
/// <param name="Input">JSON.</param>
/// <param name="Result">JSON; null when it failed.</param>
/// <param name="Failure">Null when it did not.</param>
internal sealed record ActivityCall(string Instance, string Activity, string Input, string? Result, TaskFailureDetails? Failure);
