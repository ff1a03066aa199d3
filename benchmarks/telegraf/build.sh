#!/usr/bin/env bash
# Compiles the Telegraf that benchmarks run beside cityflux, with only the plugins they configure: build.sh [OUTPUT]
# Default OUTPUT: ~/.cache/cityflux/bin/telegraf. Does nothing where that file is there already.
# Needs go. go.sum here vouches for Telegraf's source, Telegraf's own go.sum for everything that it imports.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$HOME/.cache/cityflux/bin/telegraf}
[ -x "$out" ] && exit 0
export PATH="/usr/local/go/bin:$PATH" CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off GOFLAGS=
command -v go >/dev/null || { echo "build.sh: go is missing" >&2; exit 1; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cp "$here"/{go.mod,go.sum} "$work"
cd "$work"
go mod download github.com/influxdata/telegraf    # refused where it is not what go.sum says
source=$(go list -m -f '{{.Dir}}' github.com/influxdata/telegraf)
version=$(go list -m -f '{{.Version}}' github.com/influxdata/telegraf)
cd "$source"                                      # read only: what it needs is in its go.mod and go.sum already
# What tools/custom_builder names for our three configurations; `custom` leaves out every other plugin.
tags=custom,inputs.mqtt_consumer,parsers.json,parsers.json_v2,outputs.influxdb_v2
go build -trimpath -buildvcs=false -tags "$tags" \
  -ldflags "-s -w -X github.com/influxdata/telegraf/internal.Version=${version#v}" -o "$work/telegraf" ./cmd/telegraf
mkdir -p "$(dirname "$out")"
mv "$work/telegraf" "$out.new"; mv "$out.new" "$out"
"$out" version
