#!/usr/bin/env python3
"""glmv beside llama.cpp on random weights of equal shape, in turn on one machine.

Every round starts every program anew: `glmv bench` for its formats, llama.cpp for its own
(llama/timed_run.py). Prefill, decoding at several contexts, pictures, memory; a table with ratios
on the terminal, all results as JSON and a plot under --out. GGUF files are made under build/gguf.

    $(tools/llama_env) bench/compare_llama.py --cases int4,int8,bf16,vision,moe --out build/compare
    ... --layers 40 --cases int4                   the whole model (5.5 GB of memory for Q4_0)
    ... --rounds 1 --add               one round more, after those that lie in --out
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "llama"))
import random_gguf  # noqa: E402

PROMPTS = "1,512,2048,4096"  # a context of 1 stands for an empty one
CONTEXTS = PROMPTS
PICTURES = ("448x448", "1008x1008")
DENSE, VISION, MOE = "glm41v", "glm41v_vision", "glm45v_2layers"
# The fastest of llama.cpp's own settings on a machine with AMX. Towers are faster with flash attention.
TEXT_OPTIONS = "--no-flash-attention --no-mmap --ubatch 256"


class Case:
    """Programs of ours and files of llama.cpp's that are measured beside each other."""

    def __init__(self, model, ours, files, prompts=PROMPTS, pictures=(), options=TEXT_OPTIONS):
        self.model, self.ours, self.files, self.prompts, self.pictures = model, ours, files, prompts, pictures
        self.options = options


CASES = {
    "int4": Case(DENSE, {"int4, int8 act.": "--quant int4 --act int8", "int4, bf16 act.": "--quant int4 --act bf16"},
                 ["Q4_0", "Q4_K_M"]),
    "int8": Case(DENSE, {"int8, int8 act.": "--quant int8 --act int8"}, ["Q8_0"]),
    "bf16": Case(DENSE, {"bf16": ""}, ["BF16"]),
    "vision": Case(VISION, {"bf16": "", "int8 tower": "--quant-vision int8"}, ["mmproj-F16", "mmproj-Q8_0"], "",
                   PICTURES, "--flash-attention --no-mmap"),
    "moe": Case(MOE, {"int4, int8 act.": "--quant int4 --act int8"}, ["Q4_0"], "1,512,2048",
                options="--no-flash-attention --no-mmap --ubatch 512"),
}


def run_json(command, env=None):
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)}\nended with {done.returncode}:\n{done.stderr[-3000:]}")
    found = json.loads(done.stdout)
    return found if isinstance(found, list) else [found]


class Programs:
    def __init__(self, args, case):
        self.args, self.case = args, case
        self.config = self.config_dir()
        self.files = {name: random_gguf.make(self.config, name, 0, args.gguf) for name in case.files}
        # A picture's tower needs a decoder's file beside it, for its width only.
        self.decoder = random_gguf.make(self.config, "Q4_0", 0, args.gguf)[0] if case.pictures else None

    def config_dir(self):
        """A committed config, or a copy of the 9B's with another number of layers."""
        layers = self.args.layers
        if self.case.model != DENSE:
            return HERE / "configs" / self.case.model
        if layers == 4:
            return HERE / "configs" / "glm41v_4layers"
        config = json.loads((HERE / "configs" / "glm41v_9b" / "config.json").read_text())
        config["text_config"]["num_hidden_layers"] = layers
        folder = Path(self.args.gguf) / f"glm41v_{layers}layers"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    def glmv(self, flags):
        command = [self.args.binary, "bench", "-m", str(self.config), "--load-format", "dummy", "--dtype",
                   "bfloat16", "--threads", str(self.args.threads), "--runs", "1", "--json", "-", *flags.split()]
        if not self.case.pictures:
            return run_json([*command, "--prompt", self.case.prompts, "--gen", str(self.args.gen + 1),
                             "--image", "none"])
        return [run_json([*command, "--prompt", "1", "--gen", "1", "--image", picture])[0]
                for picture in self.case.pictures]

    def llama(self, name):
        path, read_bytes = self.files[name]
        tool = [sys.executable, str(HERE / "llama" / "timed_run.py"), "--threads", str(self.args.threads),
                *shlex.split(self.args.llama_options or self.case.options)]
        env = os.environ | ({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"} if self.args.llama_huge_pages else {})
        if self.case.pictures:
            return run_json([*tool, str(self.decoder), "--mmproj", str(path), "--images",
                             ",".join(self.case.pictures)], env)
        records = run_json([*tool, str(path), "--contexts", self.case.prompts, "--gen", str(self.args.gen)], env)
        for record in records:
            record["decode"]["weight_bytes_per_token"] = read_bytes
        return records

    def run(self, rounds, results):
        """{program: one list of records per round}, the programs in turn, after those in `results`."""
        runs = {f"glmv {name}": lambda flags=flags: self.glmv(flags) for name, flags in self.case.ours.items()}
        runs |= {f"llama.cpp {name}": lambda name=name: self.llama(name) for name in self.case.files}
        results = {name: results.get(name, []) for name in runs}
        for number in range(rounds):
            for name, start_run in runs.items():
                begin = time.time()
                results[name].append(start_run())
                print(f"round {number + 1} of {rounds}, {name}: {time.time() - begin:.0f} s", file=sys.stderr)
        return results


def merged(runs):
    """Figures of all rounds: one list of records with every timing in "ms", as glmv bench writes."""
    records = json.loads(json.dumps(runs[0]))
    for index, record in enumerate(records):
        rows = [run[index] for run in runs]
        record["peak_rss_bytes"] = max(row["peak_rss_bytes"] for row in rows)
        if "machine" in record:
            record["machine"] |= {key: max(row["machine"][key] for row in rows)
                                  for key in record["machine"] if key.endswith("_s") or key.endswith("ops")}
        for part, rate, units in (("prefill", "tokens_per_s", record.get("prompt_tokens")),
                                  ("decode", "tokens_per_s", record.get("decoded_tokens")),
                                  ("vision", None, None)):
            if part not in record:
                continue
            ms = sorted(value for row in rows for value in row[part]["ms"])
            if not ms:  # a picture is measured without decoding
                del record[part]
                continue
            record[part] |= {"ms": ms, "ms_min": ms[0], "ms_median": statistics.median(ms)}
            if rate:
                record[part][f"{rate}_best"] = 1000 * units / ms[0]
                record[part][f"{rate}_median"] = 1000 * units / statistics.median(ms)
    return records


def figures(records):
    """{figure: (best, median)} in tokens/s, or ms for pictures."""
    found = {}
    for record in records:
        size = record.get("prompt_tokens")
        if "vision" in record:
            vision = record["vision"]
            found[f"vision {vision['width']}x{vision['height']}, ms"] = (vision["ms_min"], vision["ms_median"])
            continue
        if size > 1:
            found[f"prefill {size}, tok/s"] = (record["prefill"]["tokens_per_s_best"],
                                               record["prefill"]["tokens_per_s_median"])
        if "decode" in record:
            context = 0 if size == 1 else size
            found[f"decode at {context}, tok/s"] = (record["decode"]["tokens_per_s_best"],
                                                    record["decode"]["tokens_per_s_median"])
    return found


def ratio(name, ours, theirs):
    """Above 1: ours is faster."""
    return theirs / ours if name.endswith("ms") else ours / theirs


def paired(ours, theirs, figure):
    """The median of the ratios of one round each: what a machine whose speed drifts says best."""
    ratios = []
    for mine, other in zip(ours, theirs):
        a, b = figures(merged([mine])), figures(merged([other]))
        if figure in a and figure in b:
            ratios.append(ratio(figure, a[figure][0], b[figure][0]))
    return statistics.median(ratios)


def print_case(title, all_records, runs):
    print(f"\n{title}")
    ours = {n: r for n, r in all_records.items() if n.startswith("glmv")}
    peers = {n: r for n, r in all_records.items() if not n.startswith("glmv")}
    for peer, records in peers.items():
        for name, mine in ours.items():
            print(f"  {name} beside {peer}\n    {'figure':<24} {'best':>9} {'other':>9} {'ratio':>6}"
                  f" {'median':>9} {'other':>9} {'ratio':>6} {'paired':>6}")
            theirs = figures(records)
            for figure, (best, median) in figures(mine).items():
                if figure not in theirs:
                    continue
                other_best, other_median = theirs[figure]
                print(f"    {figure:<24} {best:>9.2f} {other_best:>9.2f} {ratio(figure, best, other_best):>6.2f}"
                      f" {median:>9.2f} {other_median:>9.2f} {ratio(figure, median, other_median):>6.2f}"
                      f" {paired(runs[name], runs[peer], figure):>6.2f}")
    machine = next(iter(ours.values()))[0]["machine"]
    print(f"  machine: reads {machine['read_gb_s']:.1f} GB/s, products {machine['bf16_gflops']:.0f} GFLOP/s bf16, "
          f"{machine['int8_gops']:.0f} GOP/s int8")
    for name, records in all_records.items():
        print_shares(name, records, machine)


def print_shares(name, records, machine):
    parts = [f"peak memory {max(r['peak_rss_bytes'] for r in records) / 1e9:.2f} GB"]
    for record in records:
        if "prompt_tokens" not in record or "vision" in record:
            continue
        size = record["prompt_tokens"]
        if "decode" in record:
            gb_s = record["decode"]["weight_bytes_per_token"] * record["decode"]["tokens_per_s_best"] / 1e9
            parts.append(f"at {0 if size == 1 else size} {gb_s:.1f} GB/s ({100 * gb_s / machine['read_gb_s']:.0f} %)")
        if size > 1 and "share_of_product_limit" in record["prefill"]:
            parts.append(f"prefill {size} {record['prefill']['gflops_best']:.0f} GFLOP/s "
                         f"({100 * record['prefill']['share_of_product_limit']:.0f} %)")
    print(f"  {name}: " + "; ".join(parts))


def plot(path, results):
    """Bars of the ratio of medians, one panel per pair."""
    try:
        import matplotlib
    except ImportError:
        print("no plot: matplotlib is not installed (tools/llama_env has it)", file=sys.stderr)
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    pairs = []
    for case, all_records in results.items():
        for name, mine in all_records.items():
            for peer, theirs in all_records.items():
                if not name.startswith("glmv") or peer.startswith("glmv"):
                    continue
                ours, other = figures(mine), figures(theirs)
                rows = [(f, ratio(f, ours[f][1], other[f][1])) for f in ours if f in other]
                pairs.append((f"{case}: {name} / {peer}", rows))
    columns = min(3, len(pairs))
    lines = -(-len(pairs) // columns)
    figure, axes = pyplot.subplots(lines, columns, figsize=(5 * columns, 2.2 * lines), squeeze=False)
    for axis, (title, rows) in zip(axes.flat, pairs):
        names = [row[0].split(",")[0] for row in rows][::-1]
        bars = axis.barh(names, [row[1] for row in rows][::-1], color="#4878a8")
        axis.bar_label(bars, fmt="%.2f", padding=2, fontsize=7)
        axis.axvline(1, color="black", linewidth=0.8)
        axis.margins(x=0.15)
        axis.set_title(title, fontsize=7)
        axis.tick_params(labelsize=7)
    for axis in list(axes.flat)[len(pairs):]:
        axis.axis("off")
    figure.suptitle("times llama.cpp's speed (ratio of medians)", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default="build/release/apps/glmv/glmv")
    parser.add_argument("--cases", default=",".join(CASES), help="of " + ", ".join(CASES))
    parser.add_argument("--layers", type=int, default=4, help="decoder layers of the dense model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--add", action="store_true", help="to the rounds that lie in --out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gen", type=int, default=32)
    parser.add_argument("--prompts", default="", help="another list than the case's")
    parser.add_argument("--files", default="", help="only these of llama.cpp's formats")
    parser.add_argument("--llama-options", default="", help="flags of llama/timed_run.py, not the case's")
    parser.add_argument("--llama-huge-pages", action="store_true",
                        help="2 MiB pages for llama.cpp's buffers, by the C library")
    parser.add_argument("--gguf", default="build/gguf", help="folder for GGUF files")
    parser.add_argument("--out", default="build/compare")
    args = parser.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    results = {}
    for name in args.cases.split(","):
        if name not in CASES:
            sys.exit(f"--cases {name}: known are {', '.join(CASES)}")
        case = CASES[name]
        if args.prompts and case.prompts:
            case.prompts = args.prompts
        if args.files:
            case.files = [file for file in case.files if file in args.files.split(",")]
        raw = out / f"{name}.json"
        before = json.loads(raw.read_text()) if args.add and raw.exists() else {}
        runs = Programs(args, case).run(args.rounds, before)
        raw.write_text(json.dumps(runs, indent=1))
        results[name] = {program: merged(rounds) for program, rounds in runs.items()}
        print_case(name, results[name], runs)
        for program, records in results[name].items():
            file = out / f"{name}-{program.replace(' ', '_').replace(',', '').replace('.', '')}.json"
            file.write_text(json.dumps(records, indent=1))  # for glmv bench --compare
    plot(out / "ratios.png", results)


if __name__ == "__main__":
    main()
