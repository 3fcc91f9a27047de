using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Xunit;

namespace Sana.Tests.Durable;

/// <summary>From what Microsoft's client tells of an instance to what is shown of it, whatever storage is behind.</summary>
public sealed class WorkflowInstanceTests
{
    private static readonly DateTimeOffset _created = new(2026, 11, 30, 8, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_failure_is_the_sentence_of_what_failed()
    {
        var inner = new TaskFailureDetails("Sana.Jobs.SanaException", "There are no prompts.", null, null, null);
        var read = WorkflowInstance.Read(Of(OrchestrationRuntimeStatus.Failed, failure: new TaskFailureDetails("Microsoft.DurableTask.TaskFailedException", "Task 'PlanImages' (#0) failed", null, inner, null)));

        Assert.Equal((WorkflowStatus.Failed, "Sana.Jobs.SanaException", "There are no prompts."), (read.Status, read.ErrorType, read.Error));
    }

    [Theory]
    [InlineData("Sana.Jobs.SanaException: There are no prompts: every line is blank.", "Sana.Jobs.SanaException", "There are no prompts: every line is blank.")]
    [InlineData("\"Sana.Jobs.SanaException: There are no prompts.\"", "Sana.Jobs.SanaException", "There are no prompts.")]
    [InlineData(
        "Microsoft.DurableTask.TaskFailedException: Task 'PlanImages' (#0) failed with an unhandled exception: System.IO.IOException: disk full", "Microsoft.DurableTask.TaskFailedException", "disk full")]
    [InlineData("something: else", null, "something: else")]
    [InlineData(null, null, null)]
    public void Without_details_the_text_of_the_output_is_the_failure(string? output, string? type, string? error)
    {
        var read = WorkflowInstance.Read(Of(OrchestrationRuntimeStatus.Failed, output));

        Assert.Equal((WorkflowStatus.Failed, type, error, null), (read.Status, read.ErrorType, read.Error, read.Output));
    }

    [Theory]
    [InlineData("\"enough\"")]
    [InlineData("enough")]
    public void Terminated_is_canceled_with_its_reason(string output)
    {
        var read = WorkflowInstance.Read(Of(OrchestrationRuntimeStatus.Terminated, output));

        Assert.Equal((WorkflowStatus.Canceled, "enough", null, true), (read.Status, read.Error, read.ErrorType, read.IsFinished));
    }

    [Fact]
    public void Code_that_does_not_fit_is_refused_and_not_finished()
    {
        var read = WorkflowInstance.Read(Of(OrchestrationRuntimeStatus.Running, failure: new TaskFailureDetails("DurableTask.Sqlite.OrchestrationRefusedException", "The code changed.", null, null, null)));

        Assert.Equal((WorkflowStatus.Refused, "The code changed.", false), (read.Status, read.Error, read.IsFinished));
    }

    [Fact]
    public void The_start_of_a_run_is_the_one_that_it_tells()
    {
        var started = _created.UtcDateTime.AddHours(-5);
        var status = System.Text.Json.JsonSerializer.Serialize(new RunStatus("r", "render", 1, 2, 0, started), WorkflowJson.Options);

        Assert.Equal(started, WorkflowInstance.Read(Of(OrchestrationRuntimeStatus.Running, status: status)).Created);
        Assert.Equal(_created.UtcDateTime, WorkflowInstance.Read(Of(OrchestrationRuntimeStatus.Running, status: "\"2026-01-01\"")).Created);
        Assert.Equal(_created.UtcDateTime, WorkflowInstance.Read(Of(OrchestrationRuntimeStatus.Running)).Created);
    }

    [Fact]
    public void The_ids_of_datasets_fit_and_differ()
    {
        var (name, version) = (new string('d', 64), new string('1', 63));

        Assert.Equal("curate-pets-v1", CurationSubmission.InstanceId("pets", "v1"));
        Assert.Equal(100, CurationSubmission.InstanceId(name, version + "1").Length);
        Assert.NotEqual(CurationSubmission.InstanceId(name, version + "1"), CurationSubmission.InstanceId(name, version + "2"));
    }

    private static OrchestrationMetadata Of(OrchestrationRuntimeStatus runtime, string? output = null, TaskFailureDetails? failure = null, string? status = null) => new("GenerateImages", "generate-a")
    {
        RuntimeStatus = runtime,
        CreatedAt = _created,
        LastUpdatedAt = _created.AddMinutes(1),
        SerializedInput = "{}",
        SerializedOutput = output,
        SerializedCustomStatus = status,
        FailureDetails = failure,
    };
}
