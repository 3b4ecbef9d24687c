#!/usr/bin/env bash
# HTML reports opened in headless Chromium (check.mjs says what must hold): a run of the Azure trace, a plan, a 200-point
# sweep, a run of edge sites, a comparison over five seeds, a history, and hostile names in a run, a comparison of several
# candidates and a history.
#
# Usage: browser.sh HEADROOM WORK [PICTURES]
# Exit code 77: node, npm, a browser or a package registry is missing.
set -euo pipefail
readonly headroom=$1 work=$2 pictures=${3:-$2/pictures}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly trace=$here/../../../shared/traces/azure-llm-2023/AzureLLMInferenceTrace_conv.csv

skip() { echo "skipped: $*"; exit 77; }
missing() { echo "skipped: $*"; exit "$([[ -n ${HEADROOM_CI:-} ]] && echo 1 || echo 77)"; }

for program in node npm; do command -v "$program" >/dev/null || missing "$program is not installed (nodejs, npm)"; done
chromium=
for name in chromium google-chrome chromium-browser; do
  # A launcher that only asks to install the browser has no version.
  command -v "$name" >/dev/null && timeout 60 "$name" --version >/dev/null 2>&1 && chromium=$(command -v "$name") && break
done
[[ -n $chromium ]] || missing "no Chromium here (chromium)"

mkdir -p "$work" "$pictures"
cp "$here"/{package.json,package-lock.json,check.mjs} "$work"
if ! cmp -s "$here/package-lock.json" "$work/installed.lock"; then
  (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=1 --fetch-timeout=30000 \
    >npm.log 2>&1 </dev/null) || skip "npm could not install the browser's driver ($(grep -m1 -oE 'code [A-Z_0-9]+' "$work/npm.log" || echo "see $work/npm.log"))"
  cp "$here/package-lock.json" "$work/installed.lock"
fi

cd "$work"
# A run whose answer is no (exit code 1) is a report too.
report() { "$headroom" "$@" >report.log 2>&1 || (($? == 1)) || { cat report.log; echo "headroom $* failed"; exit 1; }; }
if [[ -f $trace ]]; then
  report run quickstart --trace "$trace" --set workload.rate_scale=4 --html azure.html
else
  echo "no Azure trace at $trace: a generated load instead"
  report run quickstart --rate "40 /s" --html azure.html
fi
report plan quickstart --limit 1000 --html plan.html
report plan quickstart --limit 1000 --from-now --load 3 --html from-now.html
report run drones --html edge.html
# 200 points: ten rates, five numbers of replicas, two policies, two limits of TTFT.
report sweep quickstart --limit 300 --set "workload.rate=5 /s,10 /s,15 /s,20 /s,30 /s,40 /s,50 /s,60 /s,80 /s,100 /s" \
  --set deployment.replicas=1,2,3,4,6 --set deployment.batch=vllm-v1,sarathi --set slo.ttft="1 s,300 ms" --html sweep.html
readonly name='</script><script>alert(1)</script> "'"'"'><img src=x onerror=alert(2)> 🚀 שלום'
report run quickstart --limit 400 --set "name=$name" --html hostile.html

rm -f base.db new.db hostile.db
for seed in 1 2 3 4 5; do
  report run quickstart --limit 400 --seed "$seed" --db base.db
  report run quickstart --limit 400 --seed "$seed" --db new.db --batch sarathi
  report run quickstart --limit 100 --set "name=$name" --rate "$((10 * seed)) /s" --db hostile.db --label "$name $seed"
done
# A level that changes.
for seed in 1 2 3; do report run quickstart --limit 400 --seed "$seed" --db base.db --label "2026-02-0$seed" --rate "60 /s"; done
report compare base.db#1-5 new.db#1-5 --html compare.html
report history base.db --metric ttft.p99 --html history.html
report compare hostile.db#1 hostile.db#2 hostile.db#3 --force --html hostile-compare.html
report history hostile.db --html hostile-history.html

node check.mjs "$chromium" "$pictures" azure=azure.html plan=plan.html from-now=from-now.html sweep=sweep.html edge=edge.html hostile=hostile.html \
  compare=compare.html history=history.html hostile-compare=hostile-compare.html hostile-history=hostile-history.html
