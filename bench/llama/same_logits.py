#!/usr/bin/env python3
"""Shows that glmv and llama.cpp compute the same from the same GGUF file of random weights.

For nano's config and each format: both read the file, one prompt, and the logits of all its tokens
are compared (glmv in fp32 with exact activations; llama.cpp rounds activations as its format asks).

    ninja -C build/release glmv_forward
    $(tools/llama_env) bench/llama/same_logits.py build/release/tools/parity/glmv_forward
"""

import json
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import llama_cpp
import numpy as np
import random_gguf

NANO = Path(__file__).resolve().parents[2] / "models" / "nano"
FORMATS = ("BF16", "Q8_0", "Q4_0", "Q4_K_M")
MIN_COSINE = 0.995
DTYPES = {"F32": np.float32, "I64": np.int64}


def glmv(program, folder):
    """Ids of a prompt, and logits of every one of them."""
    line = {"messages": [{"role": "user", "content": "How many circles are there?"}], "trust": False,
            "continuation": list(range(300, 340))}
    out = folder / "out"
    out.mkdir()
    done = subprocess.run([program, folder, "float32", out], input=json.dumps(line) + "\n", text=True,
                          capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{program} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    data = (out / "0.safetensors").read_bytes()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])

    def tensor(name):
        row = header[name]
        begin, end = (8 + size + offset for offset in row["data_offsets"])
        return np.frombuffer(data[begin:end], DTYPES[row["dtype"]]).reshape(row["shape"])

    return tensor("input_ids"), tensor("logits")


def llama(path, ids, vocab_size):
    llama_cpp.llama_log_set(silent, None)
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = 512
    context = llama_cpp.llama_init_from_model(model, params)
    logits = []
    for token in ids:
        one = (llama_cpp.llama_token * 1)(int(token))
        if llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(one, 1)) != 0:
            sys.exit("llama_decode failed")
        row = llama_cpp.llama_get_logits_ith(context, -1)
        logits.append(np.ctypeslib.as_array(row, (vocab_size,)).copy())
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)
    return np.array(logits)


@llama_cpp.llama_log_callback
def silent(level, text, _):
    pass


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else "build/release/tools/parity/glmv_forward"
    worst = 1.0
    for name in FORMATS:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            for file in NANO.iterdir():
                if file.suffix != ".safetensors":
                    shutil.copy(file, folder)
            text, _ = random_gguf.make(folder, name, 0, folder)
            random_gguf.make(folder, "mmproj-BF16", 0, folder)  # glmv reads no text model alone
            ids, ours = glmv(program, folder)
            theirs = llama(text, ids, ours.shape[1])
        cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
        error = np.linalg.norm(ours - theirs) / np.linalg.norm(ours)
        worst = min(worst, cosine.min())
        print(f"{name:<8} {len(ids)} tokens: relative difference {error:.1e}, least cosine {cosine.min():.5f}, "
              f"same best token {100 * (ours.argmax(1) == theirs.argmax(1)).mean():.0f} %")
    sys.exit(0 if worst >= MIN_COSINE else 1)


if __name__ == "__main__":
    main()
