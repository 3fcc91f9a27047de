#!/bin/sh
# Kills sana at random instants, over both stores and both queues, and compares what it made with uninterrupted runs.
#   tests/soak.sh [kills, default 300]
set -eu
cd "$(dirname "$0")/.."
SANA_SOAK_KILLS="${1:-300}" dotnet test tests/Sana.Tests --filter Category=Soak --logger "console;verbosity=normal"
