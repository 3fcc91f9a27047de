#!/bin/sh
# A real server to which everything happens at once, while clients ask: nothing is lost, nothing is doubled, every image is right.
#   tests/chaos.sh [minutes, default 60] [events, default kill,stop,disk,forward,back,descriptors,rows]
# Needs prlimit (util-linux) and libfaketime.
set -eu
cd "$(dirname "$0")/.."
export SANA_CHAOS_MINUTES="${1:-60}"
[ $# -lt 2 ] || export SANA_CHAOS_EVENTS="$2"
exec dotnet test tests/Sana.Acceptance --filter Category=Chaos --logger "console;verbosity=detailed"
