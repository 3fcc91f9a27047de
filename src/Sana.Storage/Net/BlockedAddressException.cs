namespace Sana.Storage.Net;

/// <summary>A URL from outside leads where it may not, code <c>blocked_address</c>. The message never says what the name resolved to.</summary>
public sealed class BlockedAddressException(string message) : Exception(message);
