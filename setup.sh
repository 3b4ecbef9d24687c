#!/usr/bin/env bash
# Installs what is missing, builds, and runs or tests. Safe to repeat: a second run does only what changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly kScenario=sim/cli/scenarios/quickstart.json
preset=release
kBuild=build/$preset

usage() {
  cat <<'TEXT'
Usage: ./setup.sh run [SCENARIO [OPTION]...]   build, simulate (default: the bundled scenario), print the report
       ./setup.sh test [CTEST-OPTION]...       build everything and run every test
       ./setup.sh measure [OPTION]...          build with CUDA, measure this machine's GPU (default: the quick plan);
                                               with --device cpu its processor, without CUDA
       ./setup.sh build [TARGET]...            build only
       ./setup.sh packages [run|test|ci]       install the packages that this needs, and nothing else
       ./setup.sh help                         this text

Packages come from apt (Debian 12, Ubuntu 22.04 and later), as root or through sudo, and only where missing.
Environment: JOBS (parallel compilers; default: by processors and memory), HEADROOM_NO_INSTALL=1 (never install).
TEXT
}

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 2; }

# Lines of "package: what it is for". `run` is what a planner needs, `test` adds the tests, `ci` the tools of the checks.
packages_for() {
  cat <<'TEXT'
g++: compiles Headroom (C++20)
cmake: configures the build
ninja-build: runs the build
ccache: makes repeated builds fast
pkg-config: finds zstd
libboost-graph-dev: paths through the cluster's network
libboost-program-options-dev: command line
nlohmann-json3-dev: scenarios and JSON reports
libfmt-dev: text of reports
libsqlite3-dev: profile store and run history
libzstd-dev: compressed traces and kernel tables
libsnappy-dev: compressed kernel tables
libxxhash-dev: digests of scenarios and reports
libcurl4-openssl-dev: speaks to the servers that profile calibrate measures
libopenblas0-serial: kernels that profile measure times on a CPU
TEXT
  [[ $1 == run ]] && return
  cat <<'TEXT'
catch2: unit tests
librapidcheck-dev: property tests
TEXT
  [[ $1 == test ]] && return
  cat <<'TEXT'
git: tells which files changed
clang-14: fuzzers
libclang-rt-14-dev: fuzzers and their sanitizers
clang-format-14: layout check
clang-tidy-14: static checks
valgrind: counts instructions
chromium: opens HTML reports in a test
fonts-dejavu-core: text of the same size everywhere
nodejs: runs that test, and bundles the charts of HTML reports
npm: fetches what both are made of
slurmctld: sweeps on a real cluster of one host
slurmd: the same
slurm-client: the same
munge: the same
TEXT
}

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "not root and no sudo here; ask an administrator to run: $*"
  fi
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
    install -y -qq --no-install-recommends "$@" </dev/null >&2
}

has_candidate() { [[ $(LC_ALL=C apt-cache policy "$1" 2>/dev/null) == *'Candidate: '[^\(]* ]]; }

install_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "no apt here: nothing installed; needed are the equivalents of: $(packages_for "$1" | cut -d: -f1 | paste -sd' ')"
    return
  fi
  local installed package purpose missing=() wanted=() updated=
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
  while IFS=: read -r package purpose; do
    grep -qxF -- "$package" <<<"$installed" && continue
    # These come from elsewhere on many machines, and two of them do not stand side by side.
    [[ $package =~ ^(nodejs|npm)$ ]] && command -v "${package/nodejs/node}" >/dev/null && continue
    missing+=("$package")
    say "missing $package:$purpose"
  done < <(packages_for "$1")
  ((${#missing[@]})) || return 0
  [[ -z ${HEADROOM_NO_INSTALL:-} ]] || die "HEADROOM_NO_INSTALL is set; install these yourself: ${missing[*]}"

  # Package lists are fetched only where they do not know a package, or know a version that is gone: it is slow.
  for package in "${missing[@]}"; do
    [[ -n $updated ]] || has_candidate "$package" || { update_lists && updated=1; }
    if has_candidate "$package"; then wanted+=("$package"); else say "this system has no package $package; going on without"; fi
  done
  ((${#wanted[@]})) || return 0
  say "installing ${#wanted[@]} packages with apt-get"
  apt_install "${wanted[@]}" && return
  [[ -z $updated ]] && update_lists && apt_install "${wanted[@]}" && return
  die "apt-get could not install: ${wanted[*]} (see above)"
}

update_lists() {
  say "fetching apt's package lists"
  as_root apt-get -o DPkg::Lock::Timeout=300 update -qq </dev/null >&2 || die "apt-get update failed (see above)"
}

# One compiler a processor, but no more than memory holds: the largest files take about 1 GiB.
parallel_jobs() {
  if [[ -n ${JOBS:-} ]]; then
    [[ $JOBS =~ ^[1-9][0-9]*$ ]] || die "JOBS: expected a whole number from 1, got '$JOBS'"
    echo "$JOBS"
    return
  fi
  local processors gib limit
  processors=$(nproc)
  gib=$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo)
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || true)
  if [[ $limit =~ ^[0-9]+$ ]] && ((limit / 1073741824 < gib)); then gib=$((limit / 1073741824)); fi
  ((gib < processors)) && processors=$gib
  echo $((processors > 1 ? processors : 1))
}

# Every checkout shares ccache's results: paths below this folder count as relative.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

options=()
configure() {
  local log=$kBuild/configure.log
  # New compilers bring new warnings; only the one that the code is kept clean with may stop a user's build.
  [[ $(g++ -dumpversion 2>/dev/null | cut -d. -f1) == 12 ]] || options+=(-DHEADROOM_WERROR=OFF)
  mkdir -p "$kBuild"
  cmake --preset "$preset" "${options[@]}" >"$log" 2>&1 </dev/null && return
  cat "$log" >&2
  die "cmake could not configure $kBuild (see above)"
}

build() {
  configure
  local log=$kBuild/build.log started=$SECONDS status=0 jobs
  jobs=$(parallel_jobs)
  say "building $* in $kBuild with $jobs jobs"
  if [[ -t 2 ]]; then
    cmake --build "$kBuild" --parallel "$jobs" --target "$@" </dev/null >&2 || status=$?
  else
    cmake --build "$kBuild" --parallel "$jobs" --target "$@" </dev/null >"$log" 2>&1 || status=$?
    ((status == 0)) || grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)' "$log" | tail -n 60 >&2
  fi
  ((status == 0)) || die "the build failed (see above)"
  say "built in $((SECONDS - started)) s"
}

run_scenario() {
  (($#)) || set -- "$kScenario"
  install_packages run
  build headroom
  say "headroom run $*"
  exec "$kBuild/headroom" run "$@"
}

# Into kernels.db here; interrupted, the same command goes on.
measure() {
  install_packages run
  [[ " $* " == *" --device"[\ =]* ]] || set -- --device cuda:0 "$@"
  [[ " $* " == *" --device"[\ =]"cpu "* ]] || with_cuda
  build headroom
  say "headroom profile measure kernels.db $*"
  exec "$kBuild/headroom" profile measure kernels.db "$@"
}

with_cuda() {
  command -v nvcc >/dev/null || [[ -x ${CUDA_HOME:-/usr/local/cuda}/bin/nvcc ]] ||
    die "measure needs NVIDIA's CUDA toolkit 12.8 or later (nvcc, cuBLAS): install it, or set CUDA_HOME"
  preset=cuda
  kBuild=build/$preset
  options=(-DHEADROOM_TESTS=OFF)
}

run_tests() {
  install_packages test
  build all
  local jobs
  jobs=$(parallel_jobs)
  exec ctest --test-dir "$kBuild" --parallel "$jobs" --output-on-failure "$@" </dev/null
}

command=${1:-help}
(($# == 0)) || shift
case $command in
  run) run_scenario "$@" ;;
  test) run_tests "$@" ;;
  measure) measure "$@" ;;
  build)
    install_packages test
    (($#)) || set -- all
    build "$@"
    ;;
  packages)
    [[ ${1:-run} =~ ^(run|test|ci)$ ]] || die "packages: expected run, test or ci, got '$1'"
    install_packages "${1:-run}"
    ;;
  help | -h | --help) usage ;;
  *) die "expected run, test, measure, build, packages or help, got '$command'; './setup.sh help' explains them" ;;
esac
