#!/usr/bin/env bash
# A sweep on a real single-host Slurm that this test starts and stops: tasks are killed, a node is drained, and
# the database has the bytes of a local sweep. Exit code 77: Slurm is not installed here.
set -euo pipefail
readonly headroom=$1
readonly tasks=${2:-200}

skip() { echo "skipped: $*"; exit "$([[ -n ${HEADROOM_CI:-} ]] && echo 1 || echo 77)"; }
for program in munged slurmctld slurmd sbatch squeue scancel scontrol; do
  [[ -n $(PATH=$PATH:/usr/sbin command -v "$program") ]] || skip "$program is missing (slurmctld, slurmd, slurm-client, munge)"
done
[[ $EUID -eq 0 ]] || skip "starting Slurm's daemons takes root"
export PATH=$PATH:/usr/sbin

readonly work=$(mktemp -d)
chmod 755 "$work"
mkdir -p "$work"/{munge,spool0,spool1,state}
pids=()
stop() {
  local status=$?
  [[ $status == 0 ]] || tail -n 20 "$work"/*.log >&2 || true
  scancel --quiet --state=PENDING --me 2>/dev/null || true
  ((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
  exit "$status"
}
trap stop EXIT

# Keys and sockets of its own: a system's own munge and Slurm are left alone.
dd if=/dev/urandom of="$work/munge/key" bs=1 count=1024 status=none
chmod 400 "$work/munge/key"
chmod 700 "$work/munge"
chown -R munge:munge "$work/munge" 2>/dev/null || skip "no user munge here"
chmod 711 "$work/munge"
runuser -u munge -- /usr/sbin/munged --foreground --force --key-file="$work/munge/key" \
  --socket="$work/munge/socket" --pid-file="$work/munge/pid" --log-file="$work/munge/log" \
  --seed-file="$work/munge/seed" >"$work/munged.log" 2>&1 &
pids+=($!)

host=$(hostname -s)
free_port() { python3 - <<'PY' 2>/dev/null || echo $((20000 + RANDOM % 20000))
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])
PY
}
cat >"$work/slurm.conf" <<TEXT
ClusterName=headroom
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
SlurmctldPort=$(free_port)
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd-%n.pid
SlurmdSpoolDir=$work/spool-%n
StateSaveLocation=$work/state
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0
MpiDefault=none
ReturnToService=2
MaxArraySize=10001
MaxJobCount=20000
NodeName=one NodeHostname=$host NodeAddr=127.0.0.1 Port=$(free_port) CPUs=1
NodeName=two NodeHostname=$host NodeAddr=127.0.0.1 Port=$(free_port) CPUs=1
PartitionName=all Nodes=one,two Default=YES MaxTime=INFINITE State=UP
TEXT
export SLURM_CONF=$work/slurm.conf
for _ in $(seq 100); do [[ -S $work/munge/socket ]] && break; sleep 0.1; done
slurmctld -D >"$work/controller.log" 2>&1 &
pids+=($!)
slurmd -D -N one >"$work/one.log" 2>&1 &
pids+=($!)
slurmd -D -N two >"$work/two.log" 2>&1 &
pids+=($!)
for _ in $(seq 200); do [[ $(sinfo -h -o %t 2>/dev/null | sort -u) == idle ]] && break; sleep 0.1; done
[[ $(sinfo -h -o %t | sort -u) == idle ]] || { sinfo; echo "Slurm's nodes did not become idle"; exit 1; }

cat >"$work/s.json" <<'TEXT'
{"model": "llama-3.1-8b",
 "cluster": {"nodes": [{"device": "h100-sxm", "devices_per_node": 8}]},
 "deployment": [{"replicas": 1}],
 "workload": {"rate": "8 /s", "requests": 200, "prompt": 500, "output": 50},
 "slo": {"ttft": "1 s"}}
TEXT
cd "$work"
sweep=(s.json --set deployment.replicas=1,2,3,4 --seeds $((tasks / 4)) --quiet)
"$headroom" sweep "${sweep[@]}" --db local.db --csv local.csv >/dev/null

# Without a controller that answers: one line, exit code 2.
status=0
SLURM_CONF=/nonexistent/slurm.conf "$headroom" sweep "${sweep[@]}" --on slurm >out 2>err || status=$?
[[ $status == 2 && $(wc -l <err) == 1 ]] && grep -q -- '--on slurm: expected a Slurm controller' err

"$headroom" sweep "${sweep[@]}" --on slurm --chunk-cells 1 --out parts --db slurm.db --csv slurm.csv >/dev/null &
driver=$!
shards() { find parts/shards -name 'chunk-*.jsonl' 2>/dev/null | wc -l; }
for _ in $(seq 300); do (($(shards) >= 5)) && break; sleep 0.1; done
killed=0
for _ in $(seq 200); do
  ((killed == 2)) && break
  victim=$(pgrep -f "headroom sweep worker $work/parts" | head -n 1) || { sleep 0.02; continue; }
  kill -9 "$victim" 2>/dev/null && killed=$((killed + 1))
  sleep 0.2
done
scontrol update nodename=two state=drain reason=test
sleep 2
scontrol update nodename=two state=resume
wait "$driver"
echo "killed $killed tasks, drained a node; $(shards) shards of $tasks"
cmp local.db slurm.db
cmp local.csv slurm.csv
[[ $(tail -n +2 slurm.csv | cut -d, -f1,2 | sort | uniq -d | wc -l) == 0 ]]
[[ $(tail -n +2 slurm.csv | wc -l) == "$tasks" ]]
echo "the database of $tasks Slurm tasks has the bytes of a local one"
