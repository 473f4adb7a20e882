#!/usr/bin/env python3
"""Quantised checkpoints beside transformers on the dequantised weights, tiny models, live.

usage: quant.py GLMV GLMV_FORWARD [--prompts 12] [--seed 1] [--cases fp8]

Every Linear of the decoder is quantised here, written in the published layout and, dequantised, as a plain
checkpoint for the reference. glmv's logits of the first must equal the reference's of the second: in fp32
within rounding, in bf16 and with rounded activations within the gates below. Folders in FP8 are also loaded by
transformers itself, with logits near glmv's. Written by others: the cases autoawq have AutoAWQ's packing, and
compressor-* are compressed and saved by the library that llm-compressor writes with. Folders that
`glmv quantize` writes, calibrated too, are loaded by transformers itself (compressed-tensors) or unpacked by
AutoAWQ's code, with logits equal to glmv's.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import reference  # noqa: E402,F401  (must come before transformers)

import safetensors.torch  # noqa: E402
import torch  # noqa: E402
from transformers import CompressedTensorsConfig  # noqa: E402

import checkpoints  # noqa: E402
import packers  # noqa: E402
from prompt_inputs import GRIDS, reference_inputs  # noqa: E402
from prompts import make_prompts  # noqa: E402
from stages import prompt_lines, relative_l2, run_glmv, run_reference  # noqa: E402

NIBBLE_OF_COLUMN = [0, 4, 1, 5, 2, 6, 3, 7]
GATES = {"float32": 1e-5, "bfloat16": 5e-2, "bfloat16 int8": 5e-2}
FP8_READ_GATE = 1e-2  # transformers dequantises in bf16, the dtype of the scales
FP8_GATES = {"float32": 1e-5, "bfloat16": 5e-2, "bfloat16 fp8": 0.2}
EXPERTS_READ_GATE = 0.1  # of the same with experts: rounding decides which are taken
# name -> (family, method, bits, group or None for one per row, symmetric, activation order, halves of MLPs apart)
# method "fp8": group None for one scale per row, 0 for one of all, (rows, columns) for blocks
CASES = {
    "awq": ("glm4v", "awq", 4, 32, False, False, False),
    "awq-split": ("glm4v", "awq", 4, 16, False, False, True),
    "awq-experts": ("glm4v_moe", "awq", 4, 32, False, False, False),
    "autoawq": ("glm4v", "autoawq", 4, 32, False, False, False),
    "autoawq-split": ("glm46v", "autoawq", 4, 16, False, False, True),
    "int4": ("glm4v", "pack", 4, 32, True, False, False),
    "int4-asymmetric": ("glm46v", "pack", 4, 16, False, False, False),
    "int4-ordered": ("glm4v", "pack", 4, 32, True, True, False),
    "int8-channel": ("glm_ocr", "pack", 8, None, True, False, False),
    "int8-experts": ("glm4v_moe", "pack", 8, 32, False, False, False),
    "fp8-channel": ("glm4v", "fp8", 8, None, True, False, False),
    "fp8-tensor-split": ("glm46v", "fp8", 8, 0, True, False, True),
    "fp8-block": ("glm_ocr", "fp8", 8, (32, 16), True, False, False),
    "fp8-experts": ("glm4v_moe", "fp8", 8, None, True, False, False),
}
# name -> (family, bits, group or 0 for one per row, symmetric)
COMPRESSOR_CASES = {
    "compressor-int4": ("glm4v", 4, 32, True),
    "compressor-int8": ("glm_ocr", 8, 0, True),
    "compressor-int4-zeros": ("glm46v", 4, 16, False),
}
# name -> (family, flags of glmv quantize)
CALIBRATED = ["--synth", "full", "--samples", "6", "--eval-samples", "0"]
WRITTEN_CASES = {
    "written-rtn": ("glm4v", ["--method", "rtn", "--format", "compressed-tensors", "--group", "32"]),
    "written-int8": ("glm_ocr", ["--method", "rtn", "--format", "compressed-tensors", "--bits", "8", "--group", "0"]),
    "written-awq": ("glm4v", ["--method", "awq", "--format", "compressed-tensors", "--group", "32", *CALIBRATED]),
    "written-gptq": ("glm46v", ["--method", "gptq", "--format", "compressed-tensors", "--group", "16", *CALIBRATED]),
    "written-autoawq": ("glm4v", ["--method", "awq", "--format", "awq", "--group", "32", *CALIBRATED]),
    "written-experts": ("glm4v_moe", ["--method", "awq", "--format", "awq", "--group", "16", *CALIBRATED]),
}


def quantise(weight, bits, group, symmetric, scale_dtype, group_of):
    """(q, scales, zeros, dequantised); q in [0, 2^bits), scales and zeros [out, groups]"""
    top = 2 ** bits - 1
    num_groups = weight.shape[1] // group
    scales, zeros = [], []
    for g in range(num_groups):
        part = weight[:, group_of == g]
        if symmetric:
            scales.append(2 * part.abs().amax(1) / top)
            zeros.append(torch.full_like(scales[-1], 2 ** (bits - 1)))
        else:
            low, high = part.amin(1).clamp(max=0), part.amax(1).clamp(min=0)
            scales.append(((high - low) / top).clamp(min=1e-5))
            zeros.append((-low / scales[-1]).round().clamp(0, top))
    scales = torch.stack(scales, 1).to(scale_dtype)
    zeros = torch.stack(zeros, 1)
    s, z = scales.float()[:, group_of], zeros[:, group_of]
    q = ((weight / s).round() + z).clamp(0, top)
    return q.int(), scales, zeros.int(), (q - z) * s


def quantise_fp8(weight, group):
    """(float8 values, scales as stored, dequantised)"""
    out, columns = weight.shape
    rows, width = group or (1 if group is None else out, columns)
    padded = torch.nn.functional.pad(weight, (0, -columns % width, 0, -out % rows))
    blocks = padded.view(padded.shape[0] // rows, rows, padded.shape[1] // width, width)
    scales = (blocks.abs().amax((1, 3)) / 448).to(torch.bfloat16)
    spread = scales.float().repeat_interleave(rows, 0).repeat_interleave(width, 1)[:out, :columns]
    values = (weight / spread).clamp(-448, 448).to(torch.float8_e4m3fn)
    return values, scales.flatten() if group == 0 else scales, values.float() * spread


def fp8_config(group):
    strategy = "channel" if group is None else "block" if group else "tensor"
    weights = {"num_bits": 8, "type": "float", "symmetric": True, "dynamic": False, "strategy": strategy,
               "block_structure": list(group) if group else None}
    inputs = {"num_bits": 8, "type": "float", "symmetric": True, "dynamic": True, "strategy": "token"}
    return {"quant_method": "compressed-tensors", "format": "float-quantized", "quantization_status": "compressed",
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights, "input_activations": inputs,
                                          "output_activations": None}},
            "ignore": ["lm_head", "re:.*visual.*", "re:.*mlp[.]gate$"], "kv_cache_scheme": None}


def pack_words(values, bits):
    """[n, m] -> int32 [n, words], lowest index in the lowest bits"""
    per_word = 32 // bits
    values = torch.nn.functional.pad(values.long(), (0, -values.shape[1] % per_word))
    values = values.view(values.shape[0], -1, per_word) << (bits * torch.arange(per_word))
    words = values.sum(-1)
    return torch.where(words >= 2 ** 31, words - 2 ** 32, words).int()


def awq_words(values):
    """[n, out] -> int32 [n, out / 8]"""
    by_nibble = values.view(values.shape[0], -1, 8)
    ordered = torch.zeros_like(by_nibble)
    for column, nibble in enumerate(NIBBLE_OF_COLUMN):
        ordered[:, :, nibble] = by_nibble[:, :, column]
    return pack_words(ordered.reshape(values.shape[0], -1), 4)


def stored(method, bits, q, scales, zeros, shape, group_of, symmetric, ordered, rounded):
    if method == "autoawq":
        return packers.pack_awq(rounded, scales, zeros, shape[1] // scales.shape[1])
    if method == "awq":
        return {"qweight": awq_words(q.T.contiguous()), "qzeros": awq_words(zeros.T.contiguous()),
                "scales": scales.T.contiguous()}
    tensors = {"weight_packed": pack_words(q, bits), "weight_scale": scales,
               "weight_shape": torch.tensor(shape, dtype=torch.int64)}
    if not symmetric:
        tensors["weight_zero_point"] = pack_words(zeros.T, bits).T.contiguous()
    if ordered:
        tensors["weight_g_idx"] = group_of.int()
    return tensors


def quantization_config(method, bits, group, symmetric, ordered):
    if method == "fp8":
        return fp8_config(group)
    if method in ("awq", "autoawq"):
        return {"quant_method": "awq", "bits": bits, "group_size": group, "zero_point": True, "version": "gemm",
                "modules_to_not_convert": ["visual"]}
    weights = {"num_bits": bits, "type": "int", "symmetric": symmetric, "dynamic": False,
               "strategy": "group" if group else "channel", "group_size": group,
               "actorder": "group" if ordered else None, "observer": "minmax"}
    return {"quant_method": "compressed-tensors", "format": "pack-quantized", "quantization_status": "compressed",
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights, "input_activations": None,
                                          "output_activations": None}},
            "ignore": ["lm_head", "re:.*visual.*", "re:.*mlp[.]gate$"], "kv_cache_scheme": None}


def is_quantised(name):
    return ".language_model.layers." in name and name.endswith("_proj.weight")


def write_case(source, case, work, seed):
    """(quantised folder, dequantised folder)"""
    _, method, bits, group, symmetric, ordered, apart = CASES[case]
    torch.manual_seed(seed)
    tensors = safetensors.torch.load_file(source / "model.safetensors")
    if apart:
        for name in [name for name in tensors if is_quantised(name) and ".gate_up_proj." in name]:
            gate, up = tensors.pop(name).chunk(2)
            tensors[name.replace("gate_up", "gate")], tensors[name.replace("gate_up", "up")] = gate, up
    quantised, plain = {}, {}
    for name, tensor in tensors.items():
        if not is_quantised(name):
            quantised[name] = plain[name] = tensor
            continue
        if method == "fp8":
            quantised[name], scales, plain[name] = quantise_fp8(tensor.float(), group)
            quantised[name + "_scale"] = scales
            continue
        out, columns = tensor.shape
        size = group or columns
        size = size if columns % size == 0 else columns
        group_of = torch.arange(columns) // size
        if ordered:
            group_of = group_of[torch.randperm(columns)]
        scale_dtype = torch.float16 if "awq" in method else torch.bfloat16
        q, scales, zeros, plain[name] = quantise(tensor.float(), bits, size, symmetric, scale_dtype, group_of)
        for suffix, value in stored(method, bits, q, scales, zeros, (out, columns), group_of, symmetric,
                                    ordered, plain[name]).items():
            quantised[name.removesuffix("weight") + suffix] = value
    if apart:
        for name in [name for name in plain if is_quantised(name) and ".gate_proj." in name]:
            up = plain.pop(name.replace("gate_proj", "up_proj"))
            plain[name.replace("gate_proj", "gate_up_proj")] = torch.cat([plain.pop(name), up])
    folders = []
    for kind, values in (("quantised", quantised), ("plain", plain)):
        folder = work / f"{case}-{kind}"
        shutil.copytree(source, folder)
        safetensors.torch.save_file({name: value.contiguous() for name, value in values.items()},
                                    folder / "model.safetensors", {"format": "pt"})
        folders.append(folder)
    path = folders[0] / "config.json"
    config = json.loads(path.read_text())
    config["quantization_config"] = quantization_config(method, bits, group, symmetric, ordered)
    path.write_text(json.dumps(config, indent=2))
    return folders


def loaded_logits(folder, prompts, **options):
    model, processor, misfits = checkpoints.load(folder, **options)
    if misfits:
        sys.exit(f"{folder.name}: {misfits}")
    return reference_logits(model, processor, prompts)


def reference_logits(model, processor, prompts):
    """(logits [N, V], chosen experts) of each prompt; None where the reference does not take it (pictures beside
    videos)"""
    wanted = []
    for prompt in prompts:
        inputs = reference_inputs(processor, prompt)
        inputs.pop("token_type_ids", None)
        both = all(key in inputs for key in GRIDS)
        logits, _, experts = (None, None, None) if both else run_reference(model, inputs)
        wanted.append(None if both else (logits, experts))
    return wanted


def compare_logits(arguments, case, folder, mode, gate, prompts, wanted, work):
    """Prints a row; whether glmv's logits are further from `wanted` than `gate`. Beyond fp32, rounding decides which
    experts a router takes: glmv is given the reference's then."""
    out = work / f"{case}-{folder.name}-{mode}".replace(" ", "-")
    dtype, *more = mode.split()
    pinned = dtype != "float32" and any(want and want[1] for want in wanted)
    routing = [None] * len(prompts)
    for i, want in enumerate(wanted if pinned else []):
        if want:
            routing[i] = work / f"{case}-{i}-experts.safetensors"
            safetensors.torch.save_file(want[1], routing[i])
    run_glmv(arguments.forward, folder, dtype, prompt_lines(prompts, routing), out, *more)
    name = "pinned_logits" if pinned else "logits"
    distances = [relative_l2(safetensors.torch.load_file(out / f"{i}.safetensors")[name], want[0])
                 for i, want in enumerate(wanted) if want]
    bad = max(distances) > gate
    print(f"{case:<18} {mode:<16} {len(distances):>7} {max(distances):>18.3g} {gate:>8.0e}{'  BAD' if bad else ''}",
          flush=True)
    return bad


def unpacked(folder, source, group, work):
    """The checkpoint of an AutoAWQ folder with the weights that AutoAWQ's code finds in it"""
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors.update(safetensors.torch.load_file(path))
    plain = {name: value for name, value in tensors.items()
             if name.rsplit(".", 1)[1] not in ("qweight", "qzeros", "scales")}
    for name in [name for name in tensors if name.endswith(".qweight")]:
        prefix = name.removesuffix("qweight")
        plain[prefix + "weight"] = packers.unpack_awq(tensors, prefix, group)
    out = work / f"{folder.name}-plain"
    shutil.copytree(source, out)
    safetensors.torch.save_file(plain, out / "model.safetensors", {"format": "pt"})
    return out


def compare_written(arguments, case, source, prompts, work):
    """Whether transformers and glmv differ on a folder of `glmv quantize`"""
    folder = work / case
    flags = WRITTEN_CASES[case][1]
    subprocess.run([arguments.glmv, "quantize", str(source), "-o", str(folder), "-q", *flags], check=True,
                   stdout=subprocess.DEVNULL)
    group = int(flags[flags.index("--group") + 1])
    read = folder if "compressed-tensors" in flags else unpacked(folder, source, group, work)
    return compare_logits(arguments, case, folder, "float32", GATES["float32"], prompts,
                          loaded_logits(read, prompts), work)


def compare_compressed(arguments, case, source, prompts, work):
    """Number of modes in which glmv differs from transformers on what llm-compressor's code writes"""
    folder, (_, bits, group, symmetric) = work / case, COMPRESSOR_CASES[case]
    wanted = reference_logits(*packers.write_by_compressor(source, folder, bits, group, symmetric), prompts)
    return sum(compare_logits(arguments, case, folder, mode, gate, prompts, wanted, work)
               for mode, gate in GATES.items())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("glmv")
    parser.add_argument("forward")
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", default="", help="only those whose name begins so")
    arguments = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        (work / "pictures").mkdir()
        prompts = make_prompts(work / "pictures", arguments.prompts, arguments.seed)
        sources = {}

        def source_of(family):
            if family not in sources:
                sources[family] = work / family
                checkpoints.make_by_glmv(arguments.glmv, family, sources[family], arguments.seed)
            return sources[family]

        print(f"{'case':<18} {'glmv':<16} {'prompts':>7} {'worst relative L2':>18} {'gate':>8}")
        for case, (family, *_) in CASES.items():
            if not case.startswith(arguments.cases):
                continue
            quantised, plain = write_case(source_of(family), case, work, arguments.seed)
            wanted = loaded_logits(plain, prompts)
            is_fp8 = case.startswith("fp8")
            for mode, gate in (FP8_GATES if is_fp8 else GATES).items():
                failures += compare_logits(arguments, case, quantised, mode, gate, prompts, wanted, work)
            if is_fp8 and not CASES[case][6]:  # transformers has halves of MLPs in one
                dequantise = CompressedTensorsConfig(dequantize=True)
                wanted = loaded_logits(quantised, prompts, quantization_config=dequantise)
                gate = EXPERTS_READ_GATE if "moe" in family else FP8_READ_GATE
                failures += compare_logits(arguments, f"{case} read", quantised, "float32", gate, prompts, wanted,
                                           work)
        for cases, compare in ((COMPRESSOR_CASES, compare_compressed), (WRITTEN_CASES, compare_written)):
            for case, (family, *_) in cases.items():
                if case.startswith(arguments.cases):
                    failures += compare(arguments, case, source_of(family), prompts, work)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
