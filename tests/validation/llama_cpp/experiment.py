#!/usr/bin/env python3
"""Predicts how a real llama.cpp serves unseen traces on this processor, and says how far off it was.

Rounds of measurement alternate with the engine's runs: single calls are timed (calls-N.csv), then every trace is served
under every batch policy. All runs have anchors, calls of known shapes, in between. The calls of all rounds become a profile
store; `headroom run` on the same traces with the same policy gives a prediction for each run of the engine, at the speed
that the anchors had along that run's clock, against those between the measured calls. Nothing of an engine run but its
anchors, and when they were, goes into a prediction. Means over runs are compared with means over their predictions.

Printed beside each error: the spread of the engine itself, one run against the mean of the others of the same trace and
policy. Exit code 0: every target is met; 1: one is missed; 2: the folder holds files of another version of the harness;
77: no engine here.

    experiment.py BUILD --work DIR [--seeds 81,82] [--rounds 5] [--rate 2.2] [--cpu 1]

Rows that keep the engine busy for more than 60 % of the time are printed and not judged; where no row is judged the exit
code is 1. A run that was stopped goes on with the same command: finished files are kept. Other settings, or another
library, are refused in its folder.
"""
import argparse
import bisect
import collections
import csv
import hashlib
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys

# name: order and tokens of a call, as the harness and the batch policy `llama-cpp` take them
POLICIES = {"in-turn-32": ("in-turn", 32), "in-turn-64": ("in-turn", 64), "together-512": ("together", 512)}
SLOTS, SLOT_TOKENS, REQUESTS = 8, 1280, 60
LIBRARY = "libllama.v0.5.0.so"
MODEL = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 512, "num_hidden_layers": 8,
         "num_attention_heads": 8, "num_key_value_heads": 4, "intermediate_size": 1536, "vocab_size": 8192,
         "max_position_embeddings": 4096, "tie_word_embeddings": False, "hidden_act": "silu"}
# Chat-like: most prompts some 200 tokens, answers some 30; everything fits a slot.
WORKLOAD = {"arrivals": "poisson", "requests": REQUESTS,
            "prompt": {"kind": "lognormal", "mean": 190, "cv": 0.8, "least": 16, "most": 900},
            "output": {"kind": "lognormal", "mean": 32, "cv": 0.7, "least": 4, "most": 120}}
ANCHOR_EVERY = 200_000  # us of a run's calls, on average; behind so many calls, long prompts would have none
NEAR = 3  # anchors before and behind a moment that say how fast the machine was
KINDS = ("decode", "prefill")  # calls of an anchor
TIMED = {"decode", "behind", "prefill", "silent", "side", "anchor-decode", "anchor-prefill"}  # calls of a measurement
# What the predictions are held to: percent of the engine's mean over its runs.
TARGETS = {"makespan": 2, "ttft": 10, "tpot": 15, "e2e": 10}
MOST_BUSY = 0.6


class Log:
    """One run of the engine, as call_log.h writes it; times in ms."""

    VERSION = "headroom-call-log 2"

    def __init__(self, path):
        lines = iter(path.read_text().splitlines())
        if next(lines) != self.VERSION:
            refuse(path)
        for _ in range(2):
            next(lines)
        section = lambda: [next(lines).split() for _ in range(int(next(lines).split()[0]))]
        self.requests = [[int(word) for word in row] for row in section()]
        self.anchors = [(int(row[0]), anchor_calls(zip(row[1::3], row[2::3], row[3::3], strict=True)))
                        for row in section()]
        calls = section()
        self.idle = sum(int(row[0]) for row in calls) / 1e3
        self.busy = sum(int(row[1]) for row in calls) / 1e3
        self.ends = [0.0] + [end / 1e3 for end in itertools.accumulate(int(row[0]) + int(row[1]) for row in calls)]
        self.rows = [figures(row[0] / 1e3, row[3] / 1e3, row[4] / 1e3, row[2]) for row in self.requests]
        self.makespan = max(row[4] for row in self.requests) / 1e3


def anchor_calls(words):
    """Single calls of an anchor: by kind, (tokens, us)."""
    calls = {kind: [] for kind in KINDS}
    for kind, tokens, us in words:
        calls[kind].append((tokens, float(us)))
    return calls


def levels(anchors, first, last, usual):
    """How slow calls of each kind were between two of the anchors (the same: at it), against the usual ones: medians by
    shape over the anchors around, weighted by time. A stall, which takes a call or two, does not show in them."""
    near = anchors[max(0, first - NEAR + 1):last + NEAR]
    result = []
    for kind in KINDS:
        shapes = collections.defaultdict(list)
        for tokens, us in itertools.chain(*(anchor[kind] for anchor in near)):
            shapes[tokens].append(us)
        result.append(sum(len(us) * statistics.median(us) for us in shapes.values()) /
                      sum(len(us) * usual[kind, tokens] for tokens, us in shapes.items()))
    return result


class Speed:
    """How slow the machine was along one run's clock: by the anchors around, against those of the timed calls.

    Two kinds of slowness are told apart. A slow stretch lasts seconds and shows in most calls: the level of the moment. A
    stall hits one call: what all anchors of the run took beyond their levels is spread over the whole run.
    A second of the clock holds 1 / slowness seconds of work. A simulation at one speed, whose requests arrive by work done
    instead of by the clock, is the simulation of a machine whose speed changes so."""

    def __init__(self, run, usual):
        behind, anchors = zip(*run.anchors)
        total = lambda kind: (sum(us for anchor in anchors for _, us in anchor[kind]) /
                              sum(usual[kind, tokens] for anchor in anchors for tokens, _ in anchor[kind]))
        self.means = [total(kind) for kind in KINDS]
        mean = statistics.mean(self.means)
        # Generation and prompts do not slow down alike, nor stall alike.
        self.kinds = [of_kind / mean for of_kind in self.means]
        level = lambda first, last: statistics.mean(levels(anchors, first, last, usual))
        stalls = mean / statistics.mean(level(i, i) for i in range(len(anchors)))
        self.slowness = [stalls * level(i, i + 1) for i in range(len(anchors) - 1)]
        self.clock = [run.ends[calls] for calls in behind[:-1]]
        lengths = (after - before for before, after in zip(self.clock, self.clock[1:]))
        self.work = [0.0] + list(itertools.accumulate(ms / slow for ms, slow in zip(lengths, self.slowness)))

    def to_work(self, ms):
        i = bisect.bisect_right(self.clock, ms) - 1
        return self.work[i] + (ms - self.clock[i]) / self.slowness[i]

    def to_clock(self, ms):
        i = bisect.bisect_right(self.work, ms) - 1
        return self.clock[i] + (ms - self.work[i]) * self.slowness[i]


def figures(arrival, first, finish, output):
    return {"ttft": first - arrival, "e2e": finish - arrival,
            "tpot": (finish - first) / (output - 1) if output > 1 else None}


def mean_of(rows, figure):
    return statistics.mean(row[figure] for row in rows if row[figure] is not None)


def mean_rows(runs):
    """Each request's figures, averaged over runs."""
    return [{figure: None if rows[0][figure] is None else statistics.mean(row[figure] for row in rows)
             for figure in rows[0]} for rows in zip(*runs)]


def request_error(rows, truth, figure):
    return 100 * statistics.mean(abs(a[figure] / b[figure] - 1) for a, b in zip(rows, truth) if b[figure])


def timed_calls(path):
    """Anchors, each with the calls that were timed behind it, as measure_calls.h writes them."""
    parts = []
    in_anchor = False
    for row in list(csv.reader(path.read_text().splitlines()))[1:]:
        kind = row[0].removeprefix("anchor-")
        if kind == row[0]:
            parts[-1][1].append(row)
        elif in_anchor:
            parts[-1][0].append((kind, row[1], row[3]))
        else:
            parts.append(([(kind, row[1], row[3])], []))
        in_anchor = kind != row[0]
    return [(anchor_calls(anchor), calls) for anchor, calls in parts]


class Experiment:
    def __init__(self, options):
        self.options = options
        self.work = pathlib.Path(options.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.headroom = pathlib.Path(options.build) / "headroom"
        self.harness = pathlib.Path(options.build) / "tests/validation/llama_cpp/llama_cpp_harness"
        self.seeds = [int(seed) for seed in options.seeds.split(",")]
        self.pinned = ["taskset", "-c", str(options.cpu)] if options.cpu is not None else []

    def make(self, name, *command):
        """Runs a command that writes the file `name`, under another name until it is whole."""
        path = self.work / name
        if not path.exists():
            part = path.with_name("part-" + name)
            part.unlink(missing_ok=True)
            words = [str(part) if word == "OUT" else str(word) for word in command]
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            os.replace(part, path)
        return path

    def json_file(self, name, value):
        path = self.work / name
        path.write_text(json.dumps(value, indent=1))
        return path

    def scenario(self, seed, policy, engine, device, cost):
        order, batch = POLICIES[policy]
        return {"name": policy, "seed": seed,
                "model": {"name": str(self.work / "config.json"), "weights": "int8", "kv_cache": "fp16"},
                "cluster": {"nodes": [{"name": "cpu", "count": 1, "device": str(device), "devices_per_node": 1}]},
                "deployment": [{"replicas": 1, "engine": str(engine), "cost": cost, "max_model_len": SLOT_TOKENS,
                                "kv_blocks": SLOTS * SLOT_TOKENS,
                                "batch": {"policy": "llama-cpp", "n_parallel": SLOTS, "n_batch": batch, "order": order}}],
                "workload": dict(WORKLOAD, rate=f"{self.options.rate} /s")}

    def check_files(self):
        """Files of another version, or of other settings, may stand where this one would go on."""
        for path in self.work.glob("run-*.log"):
            if not path.read_text().startswith(Log.VERSION + "\n"):
                refuse(path)
        for path in self.work.glob("calls-*.csv"):
            if {row.split(",")[0] for row in path.read_text().splitlines()[1:]} != TIMED:
                refuse(path)
        library = pathlib.Path(self.options.library) / LIBRARY
        settings = {"rate": self.options.rate, "slots": SLOTS, "slot_tokens": SLOT_TOKENS, "model": MODEL,
                    "workload": WORKLOAD, "policies": {name: list(policy) for name, policy in POLICIES.items()},
                    "anchor_every": ANCHOR_EVERY, "library": hashlib.sha256(library.read_bytes()).hexdigest()}
        path = self.work / "settings.json"
        if path.exists() and json.loads(path.read_text()) != settings:
            refuse(path, "settings and library that are asked for", "others")
        if not path.exists() and any(itertools.chain(*map(self.work.glob, ("run-*.log", "calls-*.csv", "trace-*.csv")))):
            refuse(path, "the settings of the files beside it", "no such file")
        self.json_file("settings.json", settings)

    def measure(self):
        self.check_files()
        self.json_file("config.json", MODEL)
        model = self.make("model.gguf", self.harness, "model", "OUT")
        plain = self.json_file("generator.json", self.scenario(1, "together-512", "llama.cpp", "h100-sxm", "roofline"))
        traces = {seed: self.make(f"trace-{seed}.csv", self.headroom, "trace", "generate", plain, "--seed", seed,
                                  "--output", "OUT") for seed in self.seeds}
        engine = ["--library", self.options.library, "--model", model]
        for number in range(1, self.options.rounds + 1):
            say(f"round {number} of {self.options.rounds}: calls (load {os.getloadavg()[0]:.1f})")
            self.make(f"calls-{number}.csv", *self.pinned, self.harness, "measure", *engine, "--passes", 1, "--seed",
                      number, "--out", "OUT")
            names = [(seed, policy) for seed in self.seeds for policy in POLICIES]
            for seed, policy in names[number % len(names):] + names[:number % len(names)]:
                order, batch = POLICIES[policy]
                say(f"round {number}: seed {seed}, {policy} (load {os.getloadavg()[0]:.1f})")
                self.make(f"run-{seed}-{policy}-{number}.log", *self.pinned, self.harness, "serve", *engine, "--trace",
                          traces[seed], "--order", order, "--batch", batch, "--anchor-every", ANCHOR_EVERY, "--log", "OUT")

    def calls(self):
        """Timed calls of all rounds at one speed of the machine, and what the anchors' calls take at that speed, as medians
        like theirs: each call is scaled by the anchors around it."""
        rounds = [timed_calls(self.work / f"calls-{number}.csv") for number in range(1, self.options.rounds + 1)]
        shapes = collections.defaultdict(list)
        for anchor, _ in itertools.chain(*rounds):
            for kind in KINDS:
                for tokens, us in anchor[kind]:
                    shapes[kind, tokens].append(us)
        usual = {shape: statistics.median(us) for shape, us in shapes.items()}
        rows = []
        for parts in rounds:
            anchors = [anchor for anchor, _ in parts]
            for i, (_, calls) in enumerate(parts):
                decode, prefill = levels(anchors, i, i + 1, usual)
                rows += [[kind, first, second, f"{float(us) / (decode if kind in ('decode', 'behind') else prefill):.0f}"]
                         for kind, first, second, us in calls]
        return rows, usual

    def store(self):
        """The profile store, and what the anchors' calls took at its speed."""
        rows, usual = self.calls()
        with (self.work / "calls.csv").open("w") as file:
            csv.writer(file).writerows(rows)
        store = self.work / "store.db"
        store.unlink(missing_ok=True)
        name = subprocess.run([self.harness, "store", "--calls", self.work / "calls.csv", "--model",
                               self.work / "config.json", "--store", store],
                              check=True, capture_output=True, text=True).stdout.strip()
        device = self.json_file("device.json", {
            "name": name, "nominal_memory": "8 GiB", "memory_bandwidth": "20 GB/s", "fp16": "0.1 TFLOP/s",
            "tdp": "100 W", "pcie_bandwidth": "10 GB/s", "link_bandwidth": "10 GB/s"})
        return store, device, usual

    def predict(self, seed, policy, number, speed, store, device):
        """Figures of each request, and the makespan; times in ms on the run's clock."""
        name = f"{seed}-{policy}-{number}"
        engine = self.json_file(f"engine-{name}.json", {
            "base": "llama.cpp", "name": "llama.cpp", "decode_attention_scale": round(speed.kinds[0], 4),
            "prefill_attention_scale": round(speed.kinds[1], 4),
            "source": "whole calls measured on this processor, scaled by the anchors of the engine's runs"})
        scenario = self.json_file(f"scenario-{name}.json",
                                  self.scenario(seed, policy, engine, device, f"steps:{store}"))
        out, trace = self.work / f"predicted-{name}.csv", self.work / f"trace-{name}.csv"
        out.unlink(missing_ok=True)
        with (self.work / f"trace-{seed}.csv").open() as source, trace.open("w") as target:
            rows = csv.DictReader(source)
            writer = csv.DictWriter(target, rows.fieldnames)
            writer.writeheader()
            for row in rows:
                writer.writerow(dict(row, arrival_s=f"{speed.to_work(1e3 * float(row['arrival_s'])) / 1e3:.9f}"))
        subprocess.run([self.headroom, "run", scenario, "--trace", trace, "--requests-csv", out, "--quiet"],
                       stdout=subprocess.DEVNULL)
        rows = sorted(csv.DictReader(out.open()), key=lambda row: int(row["id"]))
        ms = lambda row, key: speed.to_clock(1e3 * float(row[key]))
        return ([figures(ms(row, "arrival_s"), ms(row, "first_token_s"), ms(row, "finish_s"), int(row["output_tokens"]))
                 for row in rows], max(ms(row, "finish_s") for row in rows))

    def compare(self):
        store, device, usual = self.store()
        results = {}
        for seed in self.seeds:
            for policy in POLICIES:
                runs, predictions, scales = [], [], []
                for number in range(1, self.options.rounds + 1):
                    runs.append(Log(self.work / f"run-{seed}-{policy}-{number}.log"))
                    speed = Speed(runs[-1], usual)
                    scales.append(speed.means)
                    predictions.append(self.predict(seed, policy, number, speed, store, device))
                rows, makespans = zip(*predictions)
                results[seed, policy] = (runs, mean_rows(rows), statistics.mean(makespans),
                                         [statistics.mean(column) for column in zip(*scales)])
        met = self.print_errors(results)
        met &= self.print_ranks(results)
        return met

    def print_errors(self, results):
        met, judged = True, 0
        print(f"{'trace and policy':24s} {'busy':>5s} {'drift dec/pre':>13s}   signed error of the prediction, % "
              "(spread of the engine: one run against the mean of the others)")
        for (seed, policy), (runs, rows, makespan, scales) in results.items():
            truth = mean_rows([run.rows for run in runs])
            busy = statistics.mean(run.busy / run.makespan for run in runs)
            cells = []
            for figure, target in TARGETS.items():
                real = (statistics.mean(run.makespan for run in runs) if figure == "makespan" else mean_of(truth, figure))
                error = 100 * ((makespan if figure == "makespan" else mean_of(rows, figure)) / real - 1)
                spread = max(abs(part) for part in self.spreads(runs, figure))
                miss = abs(error) > target
                met &= not miss or busy > MOST_BUSY
                cells.append(f"{figure} {error:+5.1f} ({spread:4.1f}){'!' if miss else ' '}")
            print(f"{seed} {policy:20s} {100 * busy:4.0f}%  {scales[0]:5.2f} / {scales[1]:4.2f}   " + "  ".join(cells))
            cells = []
            for figure in ("ttft", "tpot", "e2e"):
                error = request_error(rows, truth, figure)
                others = [statistics.mean(request_error(run.rows, mean_rows([o.rows for o in runs if o is not run]), figure)
                                          for run in runs)]
                miss = error > others[0]
                met &= not miss or busy > MOST_BUSY
                cells.append(f"{figure} {error:5.1f} ({others[0]:4.1f}){'!' if miss else ' '}")
            print(f"{'':46s}each request: {'':9s}" + "  ".join(cells) +
                  ("  busier than 60 %: not judged" if busy > MOST_BUSY else ""))
            judged += busy <= MOST_BUSY
        if judged == 0:
            print("no row was judged: every one is busier than 60 %; take a lower --rate")
        return met and judged > 0

    @staticmethod
    def spreads(runs, figure):
        value = lambda run: run.makespan if figure == "makespan" else mean_of(run.rows, figure)
        return [100 * (value(run) / statistics.mean(value(other) for other in runs if other is not run) - 1)
                for run in runs]

    def print_ranks(self, results):
        """The best policy of each trace by each figure, wherever the engine's own gap exceeds its spread."""
        met = True
        for seed in self.seeds:
            for figure in ("ttft", "tpot", "e2e"):
                real, said, spread = {}, {}, []
                for policy in POLICIES:
                    runs, rows, _, _ = results[seed, policy]
                    real[policy] = mean_of(mean_rows([run.rows for run in runs]), figure)
                    said[policy] = mean_of(rows, figure)
                    spread.append(max(abs(part) for part in self.spreads(runs, figure)))
                order = sorted(real, key=real.get)
                gap = 100 * (real[order[1]] / real[order[0]] - 1)
                best = min(said, key=said.get)
                decided = gap > max(spread)
                verdict = "agrees" if best == order[0] else "DISAGREES" if decided else "differs within the spread"
                met &= best == order[0] or not decided
                print(f"{seed} best {figure:4s}: engine {order[0]} by {gap:.1f} % (spread {max(spread):.1f}), "
                      f"simulation {best}: {verdict}")
        return met


def say(text):
    print(text, file=sys.stderr, flush=True)


def refuse(path, expected="a file of this version of the harness", got="one of another"):
    say(f"{path}: expected {expected}, got {got}; take another --work")
    sys.exit(2)


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--work", required=True)
    parser.add_argument("--library", default=str(here / "node_modules/@node-llama-cpp/linux-x64/bins/linux-x64"))
    parser.add_argument("--seeds", default="81,82")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=2.2)
    parser.add_argument("--cpu", type=int)
    options = parser.parse_args()
    if not (pathlib.Path(options.library) / LIBRARY).exists():
        print(f"skipped: no llama.cpp in {options.library}; npm ci --ignore-scripts --prefix {here}")
        return 77
    experiment = Experiment(options)
    experiment.measure()
    return 0 if experiment.compare() else 1


if __name__ == "__main__":
    sys.exit(main())
