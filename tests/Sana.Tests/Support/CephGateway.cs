using System.Diagnostics;

namespace Sana.Tests.Support;

/// <summary>
/// A real S3 store: the object gateway of Ceph over one monitor and one disk that is memory, on free ports. From Debian's packages, unpacked in
/// <c>artifacts/ceph</c>.
/// </summary>
internal sealed class CephGateway : IAsyncDisposable
{
    public const string AccessKey = "sanatestkey";
    public const string SecretKey = "sanatestsecret";

    private static readonly string _root = Unpacked();

    private readonly TempFolder _folder = new();
    private readonly List<Process> _processes = [];

    public string Endpoint { get; private set; } = "";

    public static async Task<CephGateway> Start()
    {
        var gateway = new CephGateway();
        try
        {
            await gateway.StartAll();
            return gateway;
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }

        _folder.Dispose();
    }

    private async Task StartAll()
    {
        var (port, monitor) = (LocalPort.Free(), LocalPort.Free());
        Endpoint = $"http://127.0.0.1:{port}";
        const string Cluster = "11111111-1111-1111-1111-111111111111";
        const string Disk = "22222222-2222-2222-2222-222222222222";
        foreach (var folder in new[] { "mon", "osd", "run" })
            Directory.CreateDirectory(_folder.File(folder));
        await File.WriteAllTextAsync(_folder.File("ceph.conf"), Settings(Cluster, port, monitor));

        await Run("ceph-authtool", "--create-keyring", _folder.File("keyring"), "--gen-key", "-n", "mon.", "--cap", "mon", "allow *");
        await Run("monmaptool", "--create", "--fsid", Cluster, "--addv", "a", $"[v2:127.0.0.1:{monitor}]", _folder.File("monmap"));
        await Run("ceph-mon", "--mkfs", "-i", "a", "--monmap", _folder.File("monmap"), "--keyring", _folder.File("keyring"));
        Launch("ceph-mon", "-i", "a", "-f");
        await Run("ceph", "osd", "new", Disk);
        await Run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", Disk);
        Launch("ceph-osd", "-i", "0", "-f");
        var door = Launch("radosgw", "-n", "client.rgw", "-f");
        await Run("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid", "sana", "--display-name", "sana", "--access-key", AccessKey, "--secret-key", SecretKey);
        await LocalPort.Listening(port, door);
    }

    private string Settings(string cluster, int port, int monitor) => $"""
        [global]
        fsid = {cluster}
        mon host = [v2:127.0.0.1:{monitor}/0]
        auth cluster required = none
        auth service required = none
        auth client required = none
        ms mon client mode = crc
        ms mon service mode = crc
        ms mon cluster mode = crc
        osd pool default size = 1
        osd pool default min size = 1
        osd pool default pg num = 1
        osd pool default pgp num = 1
        osd pool default pg autoscale mode = off
        osd crush chooseleaf type = 0
        mon allow pool size one = true
        mon max pg per osd = 1000
        paxos propose interval = 0.05
        paxos min wait = 0.02
        run dir = {_folder.File("run")}
        crash dir = {_folder.File("run")}
        keyring = {_folder.File("keyring")}
        log file = {_folder.File("$name.log")}
        mon cluster log file = {_folder.File("cluster.log")}
        pid file = {_folder.File("run/$name.pid")}
        admin socket = {_folder.File("run/$name.asok")}
        erasure code dir = {_root}/usr/lib/x86_64-linux-gnu/ceph/erasure-code
        osd class dir = {_root}/usr/lib/x86_64-linux-gnu/rados-classes
        plugin dir = {_root}/usr/lib/x86_64-linux-gnu/ceph
        [mon]
        mon data = {_folder.File("mon")}
        mon data avail crit = 1
        [osd]
        osd data = {_folder.File("osd")}
        osd objectstore = memstore
        memstore device bytes = 4G
        public addr = 127.0.0.1
        cluster addr = 127.0.0.1
        [client.rgw]
        rgw frontends = beast endpoint=127.0.0.1:{port}
        rgw enable gc threads = false
        rgw enable lc threads = false
        rgw enable quota threads = false

        """;

    private async Task Run(string program, params string[] arguments)
    {
        using var process = Process.Start(Command(program, arguments))!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {await errors} {await output}");
    }

    private Process Launch(string program, params string[] arguments)
    {
        var process = Process.Start(Command(program, arguments))!;
        // Read, or a full pipe stops it.
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _processes.Add(process);
        return process;
    }

    private ProcessStartInfo Command(string program, string[] arguments)
    {
        var isTool = program is "ceph-authtool" or "monmaptool";
        var start = new ProcessStartInfo(Path.Combine(_root, "usr", "bin", program), [.. isTool ? [] : new[] { "--conf", _folder.File("ceph.conf") }, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var libraries = Path.Combine(_root, "usr", "lib", "x86_64-linux-gnu");
        start.Environment["LD_LIBRARY_PATH"] = string.Join(':', Path.Combine(_root, "lib", "x86_64-linux-gnu"), libraries, Path.Combine(libraries, "ceph"), Path.Combine(libraries, "nss"));
        start.Environment["PYTHONPATH"] = Path.Combine(_root, "usr", "lib", "python3", "dist-packages");
        return start;
    }

    private static string Unpacked()
    {
        var folder = Path.Combine(Repository.Root, "artifacts", "ceph");
        return File.Exists(Path.Combine(folder, "usr", "bin", "radosgw"))
            ? folder
            : throw new FileNotFoundException($"There is no Ceph in {folder}; run tests/all.sh, which unpacks Debian's radosgw, ceph-mon and ceph-osd there.");
    }
}
