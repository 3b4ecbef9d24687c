#!/usr/bin/env bash
# Makes the charts' script of HTML reports: Apache ECharts as far as charts.js uses it, gzipped, as base64.
#
# Usage: bundle.sh FROM WORK OUTPUT NOTICES
# NOTICES becomes a line a package in the script (name, version, licence, separated by tabs), an empty line, and their
# notices and licences. FROM is this folder. WORK is made anew and removed: node_modules never stands in the sources. Where npm cannot install
# (no network, no npm), both are empty and as old as can be, so that the next build tries again: reports then keep their
# tables and SVG.
set -euo pipefail
readonly from=$1 work=$2 output=$3 notices=$4

without() {
  echo "report charts: $1; HTML reports will have tables and SVG only" >&2
  : >"$output"
  : >"$notices"
  touch -d @0 "$output" "$notices"
  exit 0
}

command -v node >/dev/null && command -v npm >/dev/null || without "node or npm is not installed"
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
cp "$from"/{package.json,package-lock.json,charts.js,controls.js,sorting.js} "$work"
cd "$work"
npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=1 --fetch-timeout=30000 \
  >npm.log 2>&1 </dev/null || without "npm could not install ($(grep -m1 -oE 'code [A-Z_]+' npm.log || echo 'see npm ci'))"
node node_modules/esbuild/bin/esbuild charts.js --bundle --minify --format=iife --target=es2020 --legal-comments=eof \
  --log-level=warning --outfile=bundle.js || without "esbuild failed"

readonly packages=(echarts zrender tslib)
{
  for package in "${packages[@]}"; do
    node -p 'const p = require(process.argv[1]); [p.name, p.version, p.license].join("\t")' "$PWD/node_modules/$package/package.json"
  done
  for package in "${packages[@]}"; do
    printf '\n%s\n\n' "$package"
    (cd "node_modules/$package" && for file in NOTICE LICENSE* licenses/*; do if [[ -f $file ]]; then cat "$file"; fi; done)
  done
} | tr -d '\r' >"$notices.part"
mv "$notices.part" "$notices"
{
  printf '/*!\n'
  cat node_modules/echarts/NOTICE
  printf '\nLicensed under the Apache License, Version 2.0: http://www.apache.org/licenses/LICENSE-2.0\n\nd3.js, '
  cat node_modules/echarts/licenses/LICENSE-d3
  printf '\nZRender, '
  cat node_modules/zrender/LICENSE
  printf '*/\n'
} | cat - bundle.js >noticed.js
# Without a name and a time in it, the same script packs to the same bytes.
gzip -9 -n -c noticed.js | base64 -w 0 >"$output.part"
mv "$output.part" "$output"
