#!/usr/bin/env python3
"""Calibrates a llama.cpp server on loopback and compares predictions with what it does.

    calibrate_llama_server.py HEADROOM LLAMA_SERVER FOLDER [--clients 3,5,7] [--repeats 5] [...]

Writes a model of random weights with a small vocabulary of its own into FOLDER and starts the server on it (one thread,
some slots). Then, in turns, `headroom profile calibrate` and closed loops of clients at concurrencies that no
calibration fits, so that a slower minute of the machine falls on both. Each loop is predicted, by `headroom run` of the
same requests, with the calibration before it and with the one behind it. Prints measured and predicted means of each
round, the error of the mean over rounds and, beside it, that of the middle round; ends with 1 where a mean is beyond 15 %.
Rounds are many and loops take a third of the time: with three loops of five seconds, one slow stretch of the machine decided.
Weights do not change a dense model's times. Answers differ in length, as users' do: so all places of the server's batch come
up, and the holes between them, which cost it time.
About ten minutes, nothing leaves the machine. It needs two processors: where server and clients share one, waiting
for it looks like the server's front end. On a machine that does other work start it with `chrt -r 1`, or waiting for a
processor is most of what is measured.
"""
import argparse
import http.client
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import threading
import time

SIZES = dict(hidden=768, layers=8, heads=12, kv_heads=4, ffn=2048, context=16384)
VOCAB = 8192
BLOCK = 32  # weights of one Q8_0 block: a half-precision scale and so many bytes
F32, Q8_0 = 0, 8
WORDS = ("time year people way day man thing woman life child world school state family group hand part place case "
         "week work night water room mother area money story fact month lot right study book eye job word side kind "
         "head house page friend father power hour game line end member law car city name team minute idea kid body "
         "back parent face level office").split()


def vocabulary():
    """Tokens, scores and types of a SentencePiece vocabulary: bytes, the calibrator's words with all their beginnings
    (a word is put together letter by letter), and made-up words that the model may answer with."""
    tokens = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    tokens += [("<0x%02X>" % byte, 0.0, 6) for byte in range(256)]
    pieces = {}
    for word in WORDS:
        for end in range(1, len(word) + 1):
            pieces.setdefault("\u2581" + word[:end], None)
    tokens += [(piece, -float(index), 1) for index, piece in enumerate(pieces)]
    tokens += [("\u2581w%d" % index, -1e4 - index, 1) for index in range(VOCAB - len(tokens))]
    return tokens


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key, value):
    """One key of a GGUF header (format version 3: ggml's gguf.h)."""
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, float):
        return text(key) + struct.pack("<If", 6, value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    head = text(key) + struct.pack("<I", 9)
    if isinstance(value[0], str):
        return head + struct.pack("<IQ", 8, len(value)) + b"".join(text(item) for item in value)
    kind, form = (6, "f") if isinstance(value[0], float) else (5, "i")
    return head + struct.pack("<IQ%d%s" % (len(value), form), kind, len(value), *value)


def tensors():
    """Names, shapes (fastest first) and whether they are norms, in the order of the file."""
    s = SIZES
    kv = s["hidden"] // s["heads"] * s["kv_heads"]
    yield "token_embd.weight", (s["hidden"], VOCAB), False
    for layer in range(s["layers"]):
        blk = "blk.%d." % layer
        yield blk + "attn_norm.weight", (s["hidden"],), True
        yield blk + "attn_q.weight", (s["hidden"], s["hidden"]), False
        yield blk + "attn_k.weight", (s["hidden"], kv), False
        yield blk + "attn_v.weight", (s["hidden"], kv), False
        yield blk + "attn_output.weight", (s["hidden"], s["hidden"]), False
        yield blk + "ffn_norm.weight", (s["hidden"],), True
        yield blk + "ffn_gate.weight", (s["hidden"], s["ffn"]), False
        yield blk + "ffn_up.weight", (s["hidden"], s["ffn"]), False
        yield blk + "ffn_down.weight", (s["ffn"], s["hidden"]), False
    yield "output_norm.weight", (s["hidden"],), True
    yield "output.weight", (s["hidden"], VOCAB), False


def tensor_bytes(name, shape, norm, rng):
    count = 1
    for size in shape:
        count *= size
    if norm:
        return struct.pack("<f", 1.0) * count
    scale = struct.pack("<e", 2.7e-4)  # bytes are uniform: a deviation of 0.02
    blocks = [scale + rng.randbytes(BLOCK) for _ in range(count // BLOCK)]
    if name == "output.weight":
        # Bytes and control tokens have no weight: answers are made of words.
        row = shape[0] // BLOCK
        for index in range((3 + 256) * row):
            blocks[index] = scale + bytes(BLOCK)
    return b"".join(blocks)


def write_model(path):
    s = SIZES
    tokens = vocabulary()
    keys = [("general.architecture", "llama"), ("general.name", "random-63m"), ("llama.vocab_size", VOCAB),
            ("llama.context_length", s["context"]), ("llama.embedding_length", s["hidden"]),
            ("llama.block_count", s["layers"]), ("llama.feed_forward_length", s["ffn"]),
            ("llama.attention.head_count", s["heads"]), ("llama.attention.head_count_kv", s["kv_heads"]),
            ("llama.rope.dimension_count", s["hidden"] // s["heads"]),
            ("llama.attention.layer_norm_rms_epsilon", 1e-5), ("tokenizer.ggml.model", "llama"),
            ("tokenizer.ggml.tokens", [t[0] for t in tokens]), ("tokenizer.ggml.scores", [t[1] for t in tokens]),
            ("tokenizer.ggml.token_type", [t[2] for t in tokens]), ("tokenizer.ggml.bos_token_id", 1),
            ("tokenizer.ggml.eos_token_id", 2), ("tokenizer.ggml.unknown_token_id", 0)]
    listed = list(tensors())
    head = b"GGUF" + struct.pack("<IQQ", 3, len(listed), len(keys)) + b"".join(entry(k, v) for k, v in keys)
    offset, infos, data = 0, b"", []
    rng = random.Random(1)
    for name, shape, norm in listed:
        infos += text(name) + struct.pack("<I%dQIQ" % len(shape), len(shape), *shape, F32 if norm else Q8_0, offset)
        weights = tensor_bytes(name, shape, norm, rng)
        weights += bytes(-len(weights) % 32)
        offset += len(weights)
        data.append(weights)
    head += infos
    with open(path, "wb") as out:
        out.write(head + bytes(-len(head) % 32) + b"".join(data))


def write_simulated(folder):
    """The same model as a Hugging Face configuration; the device's figures do not matter, its costs are calibrated."""
    s = SIZES
    with open(os.path.join(folder, "config.json"), "w") as out:
        json.dump({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": s["hidden"],
                   "num_hidden_layers": s["layers"], "num_attention_heads": s["heads"],
                   "num_key_value_heads": s["kv_heads"], "intermediate_size": s["ffn"], "vocab_size": VOCAB,
                   "max_position_embeddings": s["context"], "torch_dtype": "float16", "hidden_act": "silu",
                   "tie_word_embeddings": False}, out)


class Client(threading.Thread):
    """One closed loop: the next of the requests that all clients share when the last has ended."""

    def __init__(self, port, outputs, prompt, seed):
        super().__init__()
        self.port, self.outputs, self.prompt = port, outputs, prompt
        self.rng = random.Random(seed)
        self.times = []  # of each request: sent, tokens

    def run(self):
        for output in self.outputs:
            words = " ".join(self.rng.choice(WORDS) for _ in range(self.prompt - 1))  # one token before them
            body = json.dumps({"prompt": words, "max_tokens": output, "stream": True, "temperature": 0,
                               "ignore_eos": True})
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            connection.connect()
            sent = time.perf_counter()
            connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            tokens = []
            while line := answer.readline():
                if line.startswith(b"data: {") and b'"finish_reason":null' in line:
                    tokens.append(time.perf_counter())
            connection.close()
            self.times.append((sent, tokens))


def lengths(clients, args, seed):
    """Of the answers, half as long to half as long again as asked for."""
    rng = random.Random(seed)
    return [rng.randint(args.output // 2, args.output * 3 // 2) for _ in range(clients * args.requests)]


def measured(clients, outputs, args, seed):
    left = iter(outputs)
    threads = [Client(args.port, left, args.prompt, seed * 100 + i) for i in range(clients)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    span = time.perf_counter() - begin
    done = [(sent, tokens) for thread in threads for sent, tokens in thread.times if len(tokens) > 1]
    if len(done) < len(outputs):
        sys.exit("a request was not answered")
    mean = lambda values: sum(values) / len(values)
    return {"ttft": 1e3 * mean([t[0] - sent for sent, t in done]),
            "tpot": 1e3 * mean([(t[-1] - t[0]) / (len(t) - 1) for _, t in done]),
            "e2e": 1e3 * mean([t[-1] - sent for sent, t in done]),
            "makespan": 1e3 * span}


def predicted(headroom, name, clients, outputs, args):
    with open(os.path.join(args.folder, "lengths.csv"), "w") as out:
        out.write("prompt_tokens,output_tokens\n")
        out.writelines("%d,%d\n" % (args.prompt, output) for output in outputs)
    scenario = {"model": "./config.json", "cluster": {"nodes": [{"device": "h100-sxm"}]},
                "deployment": [{"cost": "calibrated:%s.cost.json" % name, "engine": "./%s.engine.json" % name,
                                "kv_blocks": 2048 * args.slots,
                                "batch": {"policy": "vllm-v1", "max_num_batched_tokens": 512, "max_num_seqs": args.slots}}],
                "workload": {"clients": clients, "trace": "lengths.csv"}}
    with open(os.path.join(args.folder, "loop.json"), "w") as out:
        json.dump(scenario, out)
    # 1: a service level is missed; anything beyond is an error.
    if subprocess.run([headroom, "run", "loop.json", "--quiet", "--requests-csv", "loop.csv"], cwd=args.folder,
                      stdout=subprocess.DEVNULL).returncode > 1:
        sys.exit("headroom run failed")
    with open(os.path.join(args.folder, "loop.csv")) as rows:
        names = rows.readline().strip().split(",")
        table = [dict(zip(names, row.strip().split(","))) for row in rows]
    mean = lambda column: sum(float(row[column]) for row in table) / len(table)
    return {"ttft": mean("ttft_ms"), "tpot": mean("tpot_ms"), "e2e": mean("end_to_end_ms"),
            "makespan": 1e3 * (max(float(row["finish_s"]) for row in table)
                               - min(float(row["arrival_s"]) for row in table))}


def wait_for(port, process):
    for _ in range(120):
        if process.poll() is not None:
            sys.exit("the server ended; see server.log")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.5)
    sys.exit("the server did not get ready; see server.log")


def calibrate(headroom, name, args):
    subprocess.run([headroom, "profile", "calibrate", "--url", "http://127.0.0.1:%d" % args.port, "--output", name,
                    "--engine", "llama.cpp", "--fields", '{"cache_prompt": false}'] + args.calibrate.split(),
                   cwd=args.folder, check=True)


FIGURES = ("ttft", "tpot", "e2e", "makespan")
MOST = 15  # percent


def compare(headroom, args):
    """False where a mean is beyond MOST."""
    levels = [int(level) for level in args.clients.split(",")]
    loops = []  # level, lengths, measured, calibrations on its two sides
    calibrate(headroom, "calibrated0", args)
    for repeat in range(args.repeats):
        for level in levels if repeat % 2 == 0 else reversed(levels):
            seed = repeat * 100 + level
            outputs = lengths(level, args, seed)
            loops.append((level, outputs, measured(level, outputs, args, seed),
                          ("calibrated%d" % repeat, "calibrated%d" % (repeat + 1))))
        calibrate(headroom, "calibrated%d" % (repeat + 1), args)
    said = {level: [] for level in levels}
    seen = {level: [] for level in levels}
    for level, outputs, figures, names in loops:
        sides = [predicted(headroom, name, level, outputs, args) for name in names]
        said[level].append({figure: (sides[0][figure] + sides[1][figure]) / 2 for figure in FIGURES})
        seen[level].append(figures)
    print("clients  figure    %-39s  %-39s   error    (middle)" % ("measured, by round", "predicted, by round"))
    good = True
    for level in levels:
        for figure in FIGURES:
            real = [one[figure] for one in seen[level]]
            simulated = [one[figure] for one in said[level]]
            mean = 100 * (sum(simulated) / sum(real) - 1)
            middle = 100 * statistics.median(a / b - 1 for a, b in zip(simulated, real))
            good = good and abs(mean) <= MOST
            each = lambda values: " ".join("%7.1f" % v for v in values)
            print("%7d  %-8s  %-39s  %-39s  %+6.1f %%  (%+6.1f %%)" % (level, figure, each(real), each(simulated), mean, middle))
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("headroom")
    parser.add_argument("llama_server")
    parser.add_argument("folder")
    parser.add_argument("--clients", default="3,5,7")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--requests", type=int, default=6, help="for each client")
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--output", type=int, default=64)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--port", type=int, default=18099)
    parser.add_argument("--calibrate", default="--concurrency 1,2,4,6,8 --hold-out 3,5,7 --contexts 32,256 --rounds 1",
                        help="further options of headroom profile calibrate")
    args = parser.parse_args()
    headroom, server = os.path.abspath(args.headroom), os.path.abspath(args.llama_server)
    os.makedirs(args.folder, exist_ok=True)
    model = os.path.abspath(os.path.join(args.folder, "random.gguf"))
    if not os.path.exists(model):
        write_model(model)
    write_simulated(args.folder)
    log = open(os.path.join(args.folder, "server.log"), "w")
    # Its back ends lie beside the program.
    process = subprocess.Popen(
        [server, "-m", model, "-np", str(args.slots), "-c", str(2048 * args.slots), "-b", "512", "-ub", "512", "-t", "1", "-tb", "1",
         "--no-kv-unified", "--cache-ram", "0", "--alias", "random-63m", "--host", "127.0.0.1", "--port", str(args.port)],
        cwd=os.path.dirname(server), stdout=log, stderr=log)
    try:
        wait_for(args.port, process)
        good = compare(headroom, args)
    finally:
        process.terminate()
        process.wait()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
