#!/usr/bin/env bash
# Compiles src/Sana.Functions against Microsoft's own packages, with the determinism warnings of their analyzers as errors, and plays the scenarios on the Durable engine itself.
# Not part of tests/all.sh: not every package mirror serves these packages. Where one lacks the Service Bus trigger's, its hand-written signatures stand in.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet build tests/Sana.Functions.Durable -c Release
# The engine in memory runs as many activities at once as it believes to have processors, and looks for more twice a second.
Logging__LogLevel__Default=None DOTNET_PROCESSOR_COUNT=256 dotnet artifacts/bin/Sana.Functions.Durable/release/Sana.Functions.Tests.dll
