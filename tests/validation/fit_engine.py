#!/usr/bin/env python3
"""Fits one row of models/engine_calibration.cpp: an engine's constants on one device.

Coordinate descent on the mean |log error| of TPOT plus a quarter of TTFT's, over the points of the fit half
(`headroom validate --split fit`), every model and format weighing alike; the held-out half is scored once, at the end.
Kernel scales stay within 0.7 and 1.5 and are pulled towards 1. Fit host constants alone first; free scales only where
that leaves more. `--leave-out` names models that are scored but not fitted: how the row carries over to them.

    fit_engine.py HEADROOM POINTS.csv --backend vllm --system h100_sxm --models 'Llama-3.1|Qwen3-32B' \
        --fit elementwise_scale,layer_floor,host_per_iteration,ingest_per_request,ingest_per_token
"""
import argparse
import csv
import json
import math
import pathlib
import re
import statistics
import subprocess
import tempfile

ENGINES = {"trtllm": "tensorrt-llm", "vllm": "vllm", "sglang": "sglang"}
SCALES = ["gemm", "prefill_attention", "decode_attention", "moe", "collective", "elementwise", "eager"]


def starting_point():
    """Scales of 1; times in microseconds, ingest_per_token in nanoseconds."""
    point = {f"{name}_scale": 1.0 for name in SCALES}
    point.update(layer_floor=800.0, host_per_iteration=300.0, ingest_per_request=5000.0, ingest_per_token=0.0)
    return point


def engine_file(engine, point):
    text = {"base": engine, "name": engine}
    for key, value in point.items():
        if key.endswith("_scale"):
            text[key] = round(value, 4)
        elif key == "ingest_per_token":
            text[key] = f"{value:.0f} ns"
        else:
            text[key] = f"{value:.3f} us"
    return json.dumps(text)


def log_errors(arguments, folder, point, split):
    engine = ENGINES[arguments.backend]
    description = folder / "engine.json"
    description.write_text(engine_file(engine, point))
    scored = folder / "scored.csv"
    subprocess.run([arguments.headroom, "validate", str(folder / "points.csv"), "--split", split, "--engine",
                    f"{engine}={description}", "--points-csv", str(scored)], check=True, capture_output=True)
    groups = {}
    for row in csv.DictReader(scored.open()):
        if row["unpredicted"] or row["doubt"] or not row["predicted_tpot_ms"]:
            continue
        group = groups.setdefault(row["model"], ([], []))
        group[0].append(math.log(float(row["predicted_tpot_ms"]) / float(row["measured_tpot_ms"])))
        group[1].append(math.log(float(row["predicted_ttft_ms"]) / float(row["measured_ttft_ms"])))
    return groups


def allowed(key, value):
    if key == "ingest_per_request":
        return value <= 50_000
    if key == "eager_scale":
        return 1 <= value <= 2
    return not key.endswith("_scale") or 0.7 <= value <= 1.5


def mean_error(errors):
    return statistics.mean(min(abs(error), 0.7) for error in errors)


def loss(arguments, groups, point):
    fitted = [sides for model, sides in groups.items()
              if not (arguments.leave_out and re.search(arguments.leave_out, model))]
    errors = statistics.mean(mean_error(tpot) + 0.25 * mean_error(ttft) for tpot, ttft in fitted)
    return errors + 0.02 * sum(abs(math.log(value)) for key, value in point.items() if key.endswith("_scale"))


def moved(point, key, factor):
    """The point one step along a key; times near zero step to a small value or to zero."""
    step = dict(point)
    if not key.endswith("_scale") and point[key] < 20:
        step[key] = 40.0 if factor > 1 else 0.0
    else:
        step[key] = point[key] * factor
    return step


def fit(arguments, folder):
    point = starting_point() | json.loads(arguments.start)
    best = loss(arguments, log_errors(arguments, folder, point, "fit"), point)
    steps = {key: 1.25 if key.endswith("_scale") else 1.6 for key in point}
    for _ in range(arguments.rounds):
        for key in arguments.fit.split(","):
            for factor in (steps[key], 1 / steps[key]):
                step = moved(point, key, factor)
                while allowed(key, step[key]):
                    now = loss(arguments, log_errors(arguments, folder, step, "fit"), step)
                    if now >= best - 1e-4:
                        break
                    point, best = step, now
                    step = moved(point, key, factor)
        steps = {key: step**0.55 for key, step in steps.items()}
    return point


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("headroom")
    parser.add_argument("points")
    parser.add_argument("--backend", required=True, choices=sorted(ENGINES))
    parser.add_argument("--system", required=True)
    parser.add_argument("--versions", default=".*")
    parser.add_argument("--models", default=".*")
    parser.add_argument("--fit", required=True, help="keys of an engine file, comma-separated")
    parser.add_argument("--most", type=int, default=1000, help="points of a model at most, evenly taken")
    parser.add_argument("--leave-out", default="")
    parser.add_argument("--start", default="{}", help="JSON of keys to start from other values")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with open(arguments.points, newline="") as file:
        rows = [row for row in csv.DictReader(file)
                if row["backend"] == arguments.backend and row["system"] == arguments.system and row["mode"] == "agg"
                and re.match(arguments.versions, row["backend_version"]) and re.search(arguments.models, row["model_path"])]
    groups = {}
    for row in rows:
        groups.setdefault((row["model_path"], row["precision"]), []).append(row)
    rows = [row for group in groups.values() for row in group[::-(-len(group) // arguments.most)]]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with open(folder / "points.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        point = fit(arguments, folder)
        print(json.dumps({key: round(value, 3) for key, value in point.items()}))
        for split in ("fit", "held-out"):
            groups = log_errors(arguments, folder, point, split)
            groups["all"] = tuple([error for sides in groups.values() for error in sides[i]] for i in (0, 1))
            for model, sides in groups.items():
                medians = [100 * statistics.median(abs(math.exp(error) - 1) for error in side) for side in sides if side]
                print(split, model, len(sides[0]), "points, median error",
                      " / ".join(f"{value:.1f} %" for value in medians), "(TPOT / TTFT)")


if __name__ == "__main__":
    main()
