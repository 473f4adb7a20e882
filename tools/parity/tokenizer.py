#!/usr/bin/env python3
"""Compares tokenize_lines (built from tokenize_lines.cc) with the `tokenizers` library.

    python tools/parity/tokenizer.py PROGRAM FOLDER_WITH_TOKENIZER_JSON [COUNT [SEED]]

Prints counts of equal and different encodings and decodings; exit 1 when there is a difference.
"""

import json
import pathlib
import random
import subprocess
import sys

from tokenizers import Tokenizer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
from tokenizer import SPEC_TEXTS, TOKEN_TEXTS, fuzz_text  # noqa: E402


def main():
    program, folder = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 100_000
    rng = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    requests = [{"text": t} for t in SPEC_TEXTS + TOKEN_TEXTS]
    while len(requests) < count:
        requests.append({"text": fuzz_text(rng, rng.choice([8, 24, 60])),
                         "split_special": rng.random() < 0.1})
    lines = "".join(json.dumps(r) + "\n" for r in requests)
    answers = subprocess.run([program, folder], input=lines.encode(), stdout=subprocess.PIPE,
                             check=True).stdout.decode().split("\n")[:-1]
    assert len(answers) == len(requests)

    tokenizer = Tokenizer.from_file(str(pathlib.Path(folder) / "tokenizer.json"))
    different = {"ids": 0, "text": 0, "plain": 0}
    tokens = 0
    for request, line in zip(requests, answers):
        answer = json.loads(line)
        tokenizer.encode_special_tokens = request.get("split_special", False)
        ids = tokenizer.encode(request["text"], add_special_tokens=False).ids
        want = {"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False),
                "plain": tokenizer.decode(ids, skip_special_tokens=True)}
        tokens += len(ids)
        for key, value in want.items():
            if answer.get(key) != value:
                different[key] += 1
                if different[key] <= 3:
                    print(f"{key} differ: {request!r}\n  want {value!r}\n  got  {answer!r}")
    print(f"{len(requests)} texts, {tokens} tokens; different: {different}")
    return 1 if any(different.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
