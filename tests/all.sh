#!/usr/bin/env bash
# Sets up what the tests need and runs them all: packages, build, format, tests. The same for people and for CI.
# PackageMirror=partial in the environment leaves out the two packages that not every mirror serves, see Directory.Build.props.
# Needs the .NET 10 SDK, Node 20 or newer, kubectl, jq and curl; installs the rest from package registries into the checkout, and from Debian Chromium, strace, libfaketime, nginx, Caddy, Ceph and some photographs where they are missing.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
log=artifacts/tests.log

step() { printf '\n== %s\n' "$*"; }

# Tests that this machine cannot run, each with its reason; any other skipped test fails the run.
allowed_skips='A_file_without_read_permission_is_refused|A_read_only_folder_is_refused_with_the_fix|A_checkpoint_that_cannot_be_written_is_built_in_the_cache|A_file_that_may_not_be_read_is_unreadable' # root reads and writes everything
[ "$(id -u)" = 0 ] || allowed_skips='^$'

step "Packages of the tests"
npm ci --prefix tests/packages --no-fund --no-audit --loglevel=error
photographs=artifacts/photographs
proxies=artifacts/proxies
ceph=artifacts/ceph
faketime=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1
# Unpacked and not installed: only the files are wanted, and no service that starts.
unpack() { mkdir -p "$1" && (cd "$1" && apt-get download -qq "${@:2}" 2>/dev/null && for package in ./*.deb; do dpkg -x "$package" .; done && rm ./*.deb); }
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! { command -v chromium >/dev/null && command -v strace >/dev/null && [ -e $faketime ] && [ -d $photographs/usr ] && [ -d $proxies/usr ] && [ -e $ceph/usr/bin/radosgw ]; }; then
  apt-get update -qq
  [ -e $faketime ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libfaketime >/dev/null
  command -v chromium >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
  command -v strace >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends strace >/dev/null
  [ -d $photographs/usr ] || unpack $photographs tuxpaint-stamps-default
  [ -d $proxies/usr ] || unpack $proxies nginx caddy
  # With all that they would be installed with: their libraries are found in the same folder.
  [ -e $ceph/usr/bin/radosgw ] || unpack $ceph $(apt-get install -s --no-install-recommends radosgw ceph-mon ceph-osd | awk '/^Inst/ { print $2 }')
fi

step "Build, warnings as errors"
mkdir -p artifacts
dotnet restore SanaFunctions.sln --locked-mode
dotnet build SanaFunctions.sln --no-restore -c Release -warnaserror
# The trainer of the small models and the benchmark beside LibTorch are not in the build of the solution, because LibTorch is a large download.
dotnet restore src/tools/TinySana --locked-mode
dotnet restore tests/Sana.TorchBenchmarks --locked-mode
dotnet build src/tools/TinySana --no-restore -c Release -warnaserror
dotnet build tests/Sana.TorchBenchmarks --no-restore -c Release -warnaserror

step "Format"
# Style and analyzers are errors of the build; white space is what it does not look at.
dotnet format whitespace SanaFunctions.sln --no-restore --verify-no-changes --exclude src/tools/TinySana/
dotnet format whitespace src/tools/TinySana/TinySana.csproj --no-restore --verify-no-changes
dotnet format whitespace tests/Sana.TorchBenchmarks/Sana.TorchBenchmarks.csproj --no-restore --verify-no-changes

step "Graphs of the small models against LibTorch"
failed=0
dotnet run --project src/tools/TinySana --no-build -c Release -- check || failed=1

step "Tests"
# Five minutes of the hour that tests/chaos.sh takes.
export SANA_CHAOS_MINUTES="${SANA_CHAOS_MINUTES:-5}"
dotnet test SanaFunctions.sln --no-build -c Release --logger 'console;verbosity=normal' "$@" >"$log" 2>&1 || failed=1
grep -E '^\s+(Failed|Skipped) |error|Error Message|^(Passed|Failed)!' -A 12 "$log" | grep -vE '^\s+Passed ' || true

skipped=$(grep -E '^\s+Skipped ' "$log" | grep -vE "$allowed_skips" || true)
if [ -n "$skipped" ]; then
  printf 'Skipped, but should run:\n%s\n' "$skipped"
  failed=1
fi

awk '/^ *(Total tests|Passed|Failed|Skipped):/ { gsub(/[^0-9]/, "", $2); n[$1] += $2 } END { printf "%d passed, %d failed, %d skipped\n", n["Passed:"], n["Failed:"], n["Skipped:"] }' "$log"
exit $failed
