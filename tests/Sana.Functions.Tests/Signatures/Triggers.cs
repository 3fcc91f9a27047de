using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

namespace Microsoft.Azure.Functions.Worker;

public sealed class OrchestrationTriggerAttribute : TriggerBindingAttribute;

public sealed class ActivityTriggerAttribute : TriggerBindingAttribute;

public sealed class DurableClientAttribute : InputBindingAttribute;

public enum AuthorizationLevel
{
    Anonymous = 0,
    Function = 2,
}

public sealed class HttpTriggerAttribute(AuthorizationLevel authLevel, params string[] methods) : TriggerBindingAttribute
{
    public AuthorizationLevel AuthLevel { get; } = authLevel;

    public string[]? Methods { get; } = methods;

    public string? Route { get; set; }
}

public sealed class TimerTriggerAttribute(string schedule) : TriggerBindingAttribute
{
    public string Schedule { get; } = schedule;
}

public class TimerInfo
{
    public ScheduleStatus? ScheduleStatus { get; set; }
}

public class ScheduleStatus
{
    public DateTime Last { get; set; }
}

public sealed class QueueTriggerAttribute(string queueName) : TriggerBindingAttribute
{
    public string QueueName { get; } = queueName;

    public string? Connection { get; set; }
}
