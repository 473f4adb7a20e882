#!/usr/bin/env python3
"""One process of llama.cpp, timed: prefill, decoding at several contexts, and pictures.

Calls llama.cpp's C interface directly, so that no Python runs inside what is timed but one call a
batch. Prints JSON: a list of records with the keys of `glmv bench --json`. Run by
../compare_llama.py with the Python of tools/llama_env.
"""

import argparse
import ctypes
import json
import resource
import sys
import time

import llama_cpp
import numpy as np
from llama_cpp import mtmd_cpp as mtmd

LOG = []


@llama_cpp.llama_log_callback
def keep_log(level, text, _):
    LOG.append(text.decode(errors="replace"))


def fail(what):
    sys.exit(f"{what}; the end of llama.cpp's log:\n{''.join(LOG)[-3000:]}")


def load(args):
    llama_cpp.llama_log_set(keep_log, None)
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    params.use_extra_bufts = args.repack
    params.load_mode = llama_cpp.LLAMA_LOAD_MODE_MMAP if args.mmap else llama_cpp.LLAMA_LOAD_MODE_NONE
    start = time.perf_counter()
    model = llama_cpp.llama_model_load_from_file(args.model.encode(), params)
    if not model:
        fail(f"{args.model} was not loaded")
    return model, time.perf_counter() - start


def make_context(model, args, num_tokens):
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = num_tokens
    params.n_batch = max(args.ubatch, 2048)
    params.n_ubatch = args.ubatch
    params.n_threads = params.n_threads_batch = args.threads
    params.flash_attn_type = (llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED if args.flash_attention
                              else llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED)
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        fail("no context")
    return context


class Text:
    def __init__(self, model, args, num_tokens):
        self.context = make_context(model, args, num_tokens)
        self.vocab_size = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        self.random = np.random.default_rng(0)

    def clear(self):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)

    def decode(self, count):
        """Seconds to read `count` random tokens; the logits of the last are computed."""
        ids = (llama_cpp.llama_token * count)(*self.random.integers(256, self.vocab_size, count).tolist())
        batch = llama_cpp.llama_batch_get_one(ids, count)
        start = time.perf_counter()
        status = llama_cpp.llama_decode(self.context, batch)
        llama_cpp.llama_synchronize(self.context)
        seconds = time.perf_counter() - start
        if status != 0:
            fail(f"llama_decode of {count} tokens: {status}")
        logits = llama_cpp.llama_get_logits_ith(self.context, -1)
        if not np.isfinite(np.ctypeslib.as_array(logits, (self.vocab_size,))).all():
            fail("logits are not finite")
        return seconds

    def fill(self, count):
        """Seconds to read `count` tokens, in batches."""
        return sum(self.decode(min(2048, count - done)) for done in range(0, count, 2048))


def series(seconds, units=0, rate=""):
    ms = sorted(1000 * s for s in seconds)
    middle = len(ms) // 2
    median = ms[middle] if len(ms) % 2 else (ms[middle - 1] + ms[middle]) / 2
    record = {"ms": ms, "ms_min": ms[0], "ms_median": median}
    if units:
        record |= {f"{rate}_best": 1000 * units / ms[0], f"{rate}_median": 1000 * units / median}
    return record


def time_text(model, args, shared):
    contexts = [int(c) for c in args.contexts.split(",") if c]
    text = Text(model, args, max(contexts) + args.gen + 64)
    text.fill(min(512, max(contexts)))  # warm-up
    text.decode(1)
    records = []
    for context in contexts:
        text.clear()
        prefill = text.fill(context) if context else 0
        decode = sum(text.decode(1) for _ in range(args.gen))
        record = {**shared, "prompt_tokens": context, "decoded_tokens": args.gen,
                  "decode": series([decode], args.gen, "tokens_per_s"),
                  "peak_rss_bytes": peak_rss()}
        if context:
            record["prefill"] = series([prefill], context, "tokens_per_s")
        records.append(record)
    return records


def time_pictures(model, args, shared):
    params = mtmd.mtmd_context_params_default()
    params.use_gpu, params.print_timings, params.warmup = False, False, False
    params.n_threads = args.threads
    params.flash_attn_type = (llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED if args.flash_attention
                              else llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED)
    context = mtmd.mtmd_init_from_file(args.mmproj.encode(), model, params)
    if not context:
        fail(f"{args.mmproj} was not loaded")
    records = []
    for number, name in enumerate(args.images.split(",")):
        width, height = map(int, name.split("x"))
        if number == 0:
            encode(context, width, height)  # warm-up
        seconds, tokens = encode(context, width, height)
        vision = series([seconds]) | {"width": width, "height": height, "tokens": tokens}
        records.append({**shared, "vision": vision, "peak_rss_bytes": peak_rss()})
    return records


def encode(context, width, height):
    """Seconds of the tower alone (the picture is decoded, resized and normalised before), and tokens."""
    pixels = np.random.default_rng(0).integers(0, 256, width * height * 3, dtype=np.uint8)
    bitmap = mtmd.mtmd_bitmap_init(width, height, pixels.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8)))
    marker = mtmd.mtmd_default_marker()
    prompt = mtmd.mtmd_input_text(marker, len(marker), False, True)
    chunks = mtmd.mtmd_input_chunks_init()
    bitmaps = (ctypes.c_void_p * 1)(bitmap)
    status = mtmd.mtmd_tokenize(context, chunks, ctypes.byref(prompt), bitmaps, 1)
    if status != 0:
        fail(f"mtmd_tokenize: {status}")
    for i in range(mtmd.mtmd_input_chunks_size(chunks)):
        chunk = mtmd.mtmd_input_chunks_get(chunks, i)
        if mtmd.mtmd_input_chunk_get_type(chunk) != mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE:
            continue
        tokens = mtmd.mtmd_input_chunk_get_n_tokens(chunk)
        start = time.perf_counter()
        status = mtmd.mtmd_encode_chunk(context, chunk)
        seconds = time.perf_counter() - start
        if status != 0:
            fail(f"mtmd_encode_chunk: {status}")
        mtmd.mtmd_input_chunks_free(chunks)
        mtmd.mtmd_bitmap_free(bitmap)
        return seconds, tokens
    fail("no picture among the chunks")


def peak_rss():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="GGUF file of the decoder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--contexts", default="", help="tokens before the decoded ones, as 0,512,4096")
    parser.add_argument("--gen", type=int, default=32)
    parser.add_argument("--ubatch", type=int, default=512)
    parser.add_argument("--flash-attention", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--repack", action=argparse.BooleanOptionalAction, default=True,
                        help="weights in llama.cpp's layouts for AMX and vectors")
    parser.add_argument("--mmap", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--mmproj", default="", help="GGUF file of the vision tower")
    parser.add_argument("--images", default="448x448,1008x1008")
    args = parser.parse_args()
    model, seconds = load(args)
    shared = {"model": args.model, "version": f"llama-cpp-python {llama_cpp.__version__}",
              "weight_bytes": llama_cpp.llama_model_size(model), "load_ms": 1000 * seconds,
              "system": llama_cpp.llama_print_system_info().decode(),
              "buffers": [line.strip() for line in "".join(LOG).splitlines() if "model buffer size" in line],
              "settings": {"threads": args.threads, "ubatch": args.ubatch, "repack": args.repack,
                           "mmap": args.mmap, "flash_attention": args.flash_attention}}
    records = []
    if args.mmproj:
        records += time_pictures(model, args, shared)
    if args.contexts:
        records += time_text(model, args, shared)
    json.dump(records, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
