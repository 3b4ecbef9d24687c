#!/usr/bin/env bash
# Instructions the simulator spends on one more request of workload W over 16 replicas, counted by callgrind.
#
# Usage: instructions.sh BENCH_WORKLOAD RECORD
# Two sizes are run and subtracted, so that set-up cancels. RECORD holds the figure that the project stands by; more than
# 2 % above it fails, more than 2 % below asks for a new record. Counts repeat exactly for one binary; another compiler
# makes another binary, so the test is registered for the compiler the record was made with only.
set -euo pipefail
readonly program=$1 record=$2
readonly small=4000 large=12000

count() {
  local out
  out=$(mktemp)
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" w16 "$1" 2>"$out" >/dev/null
  # "==123== Collected : 1234567"
  sed -n 's/^==[0-9]*== Collected : //p' "$out"
  rm -f "$out"
}

few=$(count "$small")
many=$(count "$large")
each=$(((many - few) / (large - small)))
stands=$(grep -v '^#' "$record")
printf 'instructions a request: %d (record: %d)\n' "$each" "$stands"
if ((each * 100 > stands * 102)); then
  printf 'more than 2 %% above the record: find the cause, or explain it in the commit that changes %s\n' "$record"
  exit 1
fi
if ((each * 100 < stands * 98)); then
  printf 'more than 2 %% below: put %d into %s\n' "$each" "$record"
fi
