#!/usr/bin/env bash
# Installs the TypeScript compiler and Grafana's schema of the oldest and the newest version that dashboards are for: build.sh [FOLDER]
# Default FOLDER: ~/.cache/cityflux/grafana-schema. Does nothing where this package.json is installed there. Needs npm; 40 MB.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$HOME/.cache/cityflux/grafana-schema}
cmp -s "$here/package.json" "$out/package.json" && [ -x "$out/node_modules/.bin/tsc" ] && exit 0
command -v npm >/dev/null || { echo "build.sh: npm is missing" >&2; exit 1; }
mkdir -p "$out"
rm -rf "$out/node_modules" "$out/package.json"
cp "$here/package.json" "$out/package.json.new"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$work"
npm install --prefix "$work" --no-audit --no-fund --no-package-lock --silent
mv "$work/node_modules" "$out/node_modules"
mv "$out/package.json.new" "$out/package.json"
