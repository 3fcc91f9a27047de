using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Amqp;
using Amqp.Framing;
using Amqp.Handler;
using Amqp.Listener;
using Amqp.Sasl;
using Amqp.Types;

namespace Sana.Functions.Tests.ServiceBus;

/// <summary>
/// An AMQP 1.0 listener that does on the network what Service Bus does for one queue and its dead letters: sign-in by <c>$cbs</c>, sender and receiver links, credit and drain,
/// outcomes, and the <c>$management</c> requests of the client library.
/// </summary>
internal sealed class BusListener : ILinkProcessor, IHandler, IDisposable
{
    public const string Name = "sana-jobs";

    private const string Key = "SAS_KEY_VALUE";
    private const int MaxMessageBytes = 256 * 1024;

    private readonly int _port;
    private ContainerHost _host;

    public BusListener(BusRules? rules = null, TimeProvider? clock = null)
    {
        var all = rules ?? new BusRules();
        Dead = new BusQueue(all with { DuplicateWindow = TimeSpan.Zero }, clock ?? TimeProvider.System, null);
        Queue = new BusQueue(all, clock ?? TimeProvider.System, Dead);
        using (var probe = new TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            _port = ((IPEndPoint)probe.LocalEndpoint).Port;
        }

        _host = Listen();
    }

    public BusQueue Queue { get; }

    public BusQueue Dead { get; }

    /// <summary>What the client is given: the connection string of the emulator with a port of its own.</summary>
    public string Connection => ConnectionWith(Key);

    public string ConnectionWith(string key) => $"Endpoint=sb://localhost:{_port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey={key};UseDevelopmentEmulator=true;";

    /// <summary>Ends every connection and takes none.</summary>
    public void Down() => _host.Close();

    /// <summary>Ends every connection and takes new ones.</summary>
    public void Restart()
    {
        _host.Close();
        _host = Listen();
    }

    public void Dispose()
    {
        _host.Close();
        Queue.Dispose();
        Dead.Dispose();
    }

    void ILinkProcessor.Process(AttachContext attached)
    {
        var (attach, address) = (attached.Attach, Address(attached.Attach));
        if (Find(address) is not { } queue)
        {
            attached.Complete(new Error(new Symbol("amqp:not-found")) { Description = $"The messaging entity '{address}' could not be found." });
        }
        else if (attach.Role)
        {
            attached.Complete(new Outgoing(queue, attached.Link), 0);
        }
        else
        {
            attach.MaxMessageSize = MaxMessageBytes;
            attached.Complete(new Incoming(queue), 100);
        }
    }

    // A lock's token is its delivery's tag.
    bool IHandler.CanHandle(EventId id) => id == EventId.SendDelivery;

    void IHandler.Handle(Event protocolEvent)
    {
        if (protocolEvent.Context is IDelivery { Message: { } message, UserToken: null } delivery && Outgoing.TokenOf(message) is { } token)
            delivery.Tag = token.ToByteArray();
    }

    private ContainerHost Listen()
    {
        var host = new ContainerHost(new Address($"amqp://127.0.0.1:{_port}"));
        var listener = host.Listeners[0];
        listener.HandlerFactory = _ => this;
        listener.SASL.EnableMechanism(new Symbol("MSSBCBS"), SaslProfile.Anonymous);
        listener.SASL.EnableAnonymousMechanism = true;
        host.AddressResolver = (_, attach) => Address(attach);
        host.RegisterRequestProcessor("$cbs", new Requests(Authorize));
        host.RegisterRequestProcessor($"{Name}/$management", new Requests(request => Manage(Queue, request)));
        host.RegisterRequestProcessor($"{Name}/$DeadLetterQueue/$management", new Requests(request => Manage(Dead, request)));
        host.RegisterLinkProcessor(this);
        host.Open();
        return host;
    }

    private static string Address(Attach attach) => (attach.Role ? ((Source)attach.Source).Address : ((Target)attach.Target).Address)?.Trim('/') ?? "";

    private BusQueue? Find(string address) => address switch
    {
        Name => Queue,
        $"{Name}/$DeadLetterQueue" => Dead,
        _ => null,
    };

    /// <summary>Checks the signature of a shared access token, as the service does.</summary>
    private static Message Authorize(Message request)
    {
        var parts = ((string)request.Body).Split(' ', 2)[1].Split('&').Select(part => part.Split('=', 2)).ToDictionary(part => part[0], part => part[1]);
        var signed = Convert.ToBase64String(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Key), Encoding.UTF8.GetBytes($"{parts["sr"]}\n{parts["se"]}")));
        return (string)request.ApplicationProperties["operation"] == "put-token" && WebUtility.UrlDecode(parts["sig"]) == signed
            ? Answer("status-code", 202, null)
            : Answer("status-code", 401, null, "amqp:unauthorized-access", "status-description");
    }

    private static Message Manage(BusQueue queue, Message request)
    {
        var (operation, body) = ((string)request.ApplicationProperties["operation"], (Map)request.Body);
        switch (operation)
        {
            case "com.microsoft:renew-lock":
                var renewed = ((Guid[])body["lock-tokens"]).Select(queue.Renew).ToList();
                return renewed.Contains(null) ? LockLost() : Answer("statusCode", 200, new Map { ["expirations"] = renewed.Select(end => end!.Value.UtcDateTime).ToArray() });

            case "com.microsoft:peek-message":
                var seen = queue.Peek((long)body["from-sequence-number"], (int)body["message-count"]);
                return seen.Count == 0
                    ? Answer("statusCode", 204, null)
                    : Answer("statusCode", 200, new Map { ["messages"] = new List<object>(seen.Select(message => new Map { ["message"] = Bytes(message) })) });

            case "com.microsoft:update-disposition":
                DeliveryState outcome = (string)body["disposition-status"] switch
                {
                    "completed" => new Accepted(),
                    "suspended" => Buried((string)body["deadletter-reason"], (string)body["deadletter-description"]),
                    _ => new Modified(),
                };
                return ((Guid[])body["lock-tokens"]).All(token => queue.Settle(token, outcome)) ? Answer("statusCode", 200, null) : LockLost();

            case "com.microsoft:schedule-message":
                var sent = ((IEnumerable<object>)body["messages"]).Select(one => queue.Send(Message.Decode(Buffer((byte[])((Map)one)["message"])))).ToArray();
                return Answer("statusCode", 200, new Map { ["sequence-numbers"] = sent });

            default:
                return Answer("statusCode", 501, null, "amqp:not-implemented");
        }
    }

    private static Rejected Buried(string reason, string description)
    {
        var info = new Fields { [new Symbol("DeadLetterReason")] = reason, [new Symbol("DeadLetterErrorDescription")] = description };
        return new Rejected { Error = new Error(new Symbol("com.microsoft:dead-letter")) { Info = info } };
    }

    private static Message LockLost() => Answer("statusCode", 410, null, "com.microsoft:message-lock-lost");

    private static Message Answer(string codeName, int code, Map? body, string? condition = null, string descriptionName = "statusDescription")
    {
        var answer = new Message { BodySection = new AmqpValue { Value = body }, Properties = new Properties(), ApplicationProperties = new ApplicationProperties() };
        answer.ApplicationProperties[codeName] = code;
        answer.ApplicationProperties[descriptionName] = condition ?? "OK";
        if (condition is not null)
            answer.ApplicationProperties["errorCondition"] = new Symbol(condition);
        return answer;
    }

    private static byte[] Bytes(Message message)
    {
        var buffer = message.Encode();
        return buffer.Buffer.AsSpan(buffer.Offset, buffer.Length).ToArray();
    }

    private static ByteBuffer Buffer(byte[] bytes) => new(bytes, 0, bytes.Length, bytes.Length);

    private sealed class Requests(Func<Message, Message> answer) : IRequestProcessor
    {
        public int Credit => 100;

        public void Process(RequestContext requestContext) => requestContext.Complete(answer(requestContext.Message));
    }

    /// <summary>What clients send.</summary>
    private sealed class Incoming(BusQueue queue) : LinkEndpoint
    {
        public override void OnMessage(MessageContext messageContext)
        {
            if (Bytes(messageContext.Message).Length > MaxMessageBytes)
            {
                messageContext.Complete(new Error(new Symbol("amqp:link:message-size-exceeded")) { Description = $"The message is over {MaxMessageBytes} bytes." });
                return;
            }

            // The sections are kept; the delivery that brought them ends here.
            var (came, kept) = (messageContext.Message, new Message());
            (kept.Properties, kept.ApplicationProperties) = (came.Properties, came.ApplicationProperties);
            (kept.MessageAnnotations, kept.BodySection) = (came.MessageAnnotations, came.BodySection);
            queue.Send(kept);
            messageContext.Complete();
        }

        public override void OnFlow(FlowContext flowContext)
        {
        }

        public override void OnDisposition(DispositionContext dispositionContext)
        {
        }
    }

    /// <summary>What clients receive: as many messages as they gave credit for, and the end of the rest when they drain.</summary>
    private sealed class Outgoing : LinkEndpoint
    {
        private static readonly ConditionalWeakTable<Message, object> _tokens = [];

        private readonly Lock _gate = new();
        private readonly BusQueue _queue;
        private readonly ListenerLink _link;

        // The library takes a flow that grants no more than before for the end of all credit, and says only the difference; so its count is followed, and the peer's kept beside it.
        private int _library;
        private int _credit;
        private volatile bool _isGone;

        public Outgoing(BusQueue queue, ListenerLink link)
        {
            (_queue, _link) = (queue, link);
            queue.Ready += Pump;
            link.Closed += (_, _) =>
            {
                _isGone = true;
                queue.Ready -= Pump;
            };
        }

        public static Guid? TokenOf(Message message) => _tokens.TryGetValue(message, out var token) ? (Guid)token : null;

        public override void OnFlow(FlowContext flowContext)
        {
            lock (_gate)
            {
                _credit = _library + flowContext.Messages;
                _library = Math.Max(flowContext.Messages > 0 ? _credit : 0, 0);
                Pump();
                if (_link.IsDraining)
                {
                    _link.CompleteDrain();
                    (_library, _credit) = (0, 0);
                }
            }
        }

        // Locks outlive the link: a receiver that is gone may come back with its tokens. The library would release what a link that closes has left.
        public override void OnDisposition(DispositionContext dispositionContext)
        {
            if (_isGone || _link.IsClosed)
                return;
            var (message, outcome) = (dispositionContext.Message, dispositionContext.DeliveryState);
            DeliveryState answer = outcome is Rejected ? new Rejected() : outcome;
            if (!_queue.Settle(new Guid(message.DeliveryTag), outcome))
                answer = new Rejected { Error = new Error(new Symbol("com.microsoft:message-lock-lost")) { Description = "The lock supplied is invalid." } };
            if (!dispositionContext.Settled)
                _link.DisposeMessage(message, answer, settled: true);
        }

        private void Hand(Message message, Guid token)
        {
            try
            {
                // The client's window is unlimited. When a flow confirms a message before the library has counted it as sent, the library's sum overflows to zero,
                // and it would send no more.
                Window(_link.Session) = uint.MaxValue;
                _link.SendMessage(message);
            }
            catch (Exception error) when (error is AmqpException or ObjectDisposedException or OperationCanceledException)
            {
                // The link ends at this moment: nobody has got the message.
                _isGone = true;
                _queue.Settle(token, new Released());
            }
        }

        [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "outgoingWindow")]
        private static extern ref uint Window(Session session);

        private void Pump()
        {
            lock (_gate)
            {
                while (_credit > 0 && !_isGone && _queue.Take() is { } taken)
                {
                    _tokens.Add(taken.Message, taken.Token);
                    (_credit, _library) = (_credit - 1, _library - 1);
                    Hand(taken.Message, taken.Token);
                }
            }
        }
    }
}
