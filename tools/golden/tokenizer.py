#!/usr/bin/env python3
"""Writes tests/golden/tokenizer/: small tokenizer.json files and what `tokenizers` makes of texts.

    python tools/golden/tokenizer.py [OUTPUT_FOLDER]

Files: <name>/tokenizer.json (+ tokenizer_config.json), encode.jsonl, decode.jsonl, pieces.jsonl.
"""

import collections
import copy
import json
import pathlib
import random
import sys

from tokenizers import Regex, Tokenizer, pre_tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[2]
NUM_MERGES = 200
GLM_REGEX = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
             r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
# A pattern of another family, for the general regex path.
OTHER_REGEX = (r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
               r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = ("<|endoftext|> [MASK] [gMASK] [sMASK] <sop> <eop> <|system|> <|user|> <|assistant|> "
           "<|observation|> <|begin_of_image|> <|end_of_image|> <|begin_of_video|> "
           "<|end_of_video|>").split()
LATER_SPECIAL = ("<|begin_of_audio|> <|end_of_audio|> <|begin_of_transcription|> "
                 "<|end_of_transcription|>").split()
NOT_SPECIAL = ("<|code_prefix|> <|code_middle|> <|code_suffix|> <think> </think> <tool_call> "
               "</tool_call> <tool_response> </tool_response> <arg_key> </arg_key> <arg_value> "
               "</arg_value> /nothink <|begin_of_box|> <|end_of_box|> <|image|> <|video|>").split()
OLD_ONLY = "<|image|> <|video|> <think> </think> <answer> </answer>".split()
CORPUS = """The quick brown fox jumps over the lazy dog. Hello world, this is a test of the model.
What is the colour of the shape in the picture? The answer is 42. Let me think step by step.
Count the red circles and the blue squares. There are three of them, and that's the total.
def main(): return None  # a comment\n    if x == 1:\n        print("yes")\n
\u4f60\u597d\uff0c\u4e16\u754c\u3002\u56fe\u7247\u91cc\u6709\u4ec0\u4e48\uff1f\u4f60\u597d\u4f60\u597d\u4e16\u754c
don't can't I'm we've they'll she'd it's 1234 5678 2024 100 200 300 \u00e9t\u00e9 na\u00efve
https://example.com/path?query=1 <html><body></body></html> {"key": [1, 2, 3], "box": [10, 20]}
\u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 \U0001f600\U0001f600 \U0001f44d\n\n\n\t\t  \r\n
"""
SPEC_TEXTS = [
    "", "Hello world", "  Hello", "a   \n\n  b", "12345", "1234 56", "don't", "DON'T", "'tis", "3'd",
    "a'b", "I'm", "''s", "price: $12.50!\n\nok", "foo_bar", "\u4f60\u597d\uff0c\u4e16\u754c",
    "a\u3000b", "tab\tx", "\t\tx", " \n x", "...\r\n\r\nA", "e\u0301te",
    "\u0663\u0664\u0665\u0666", "\u00bd1", "\U0001f468\u200d\U0001f469\u200d\U0001f467 x",
    "\u0000a", "end   ", "<|user|>", "abcd", "abcde", " abcd", "x'\u017f", "'\u017fa", "'LL'VE're",
    "\u180e a", "\u0085x", "\u001cx", "\u200bx", "\ufeffx", "\u2028\u2029", "'", " '", "' s",
    "\r", "\r\r\n \r", " \u3000 x", "\n ", " \n", "a\n", "\n\na", "!\r\n\r\n!", "! \n", "  !",
    "\U00031350\U000323af", "\U00011f04\u0ce6", "\uff11\uff12\uff13\uff14", "\u2167\u2168",
    "\ufdd0", "\uffff", "\U0010ffff", "\ufffd",
]
TOKEN_TEXTS = [
    "a/nothinking", "<think>x</think>", "[gMASK]<sop><|user|>\nHi<|assistant|>\n",
    "<|begin_of_image|><|image|><|image|><|end_of_image|>q", "<|user|><|user|>", " <|user|> ",
    "<|use<|user|>r|>", "<|begin_of_box|>12<|end_of_box|>.", "<<think>>", "<think", "think>",
    "a  <think>  b", "\n<think>\n", "<tool_call>f\n<arg_key>k</arg_key>\n<arg_value>v</arg_value>",
    "[MASK][gMASK][sMASK]", "[[MASK]]", "</think></think>", "<answer>4</answer>", "/nothink",
    "x/nothink<|endoftext|>", "don<think>'t", "12<think>34", "   <think>", "<|end_of_image|>'s",
]


def byte_alphabet():
    kept = list(range(0x21, 0x7F)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    other = [b for b in range(256) if b not in kept]
    chars = {b: chr(b) for b in kept}
    chars.update({b: chr(256 + i) for i, b in enumerate(other)})
    return kept + other, chars


def learn_merges(count):
    _, chars = byte_alphabet()
    split = pre_tokenizers.Split(Regex(GLM_REGEX), "isolated")
    words = collections.Counter(piece for piece, _ in split.pre_tokenize_str(CORPUS))
    words = {tuple(chars[b] for b in w.encode()): n for w, n in words.items()}
    merges = []
    while len(merges) < count:
        pairs = collections.Counter()
        for word, n in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += n
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(list(best))
        merged = {}
        for word, n in words.items():
            out, i = [], 0
            while i < len(word):
                if word[i:i + 2] == best:
                    out.append(word[i] + word[i + 1])
                    i += 2
                else:
                    out.append(word[i])
                    i += 1
            merged[tuple(out)] = merged.get(tuple(out), 0) + n
        words = merged
    return merges


def byte_level(prefix, trim, regex):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim,
            "use_regex": regex}


def split_step(pattern, behavior="Isolated", kind="Regex", invert=False):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def with_added(base, contents, specials):
    return [{"id": base + i, "content": c, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": c in specials} for i, c in enumerate(contents)]


def make_files():
    """Name -> tokenizer.json as an object."""
    order, chars = byte_alphabet()
    merges = learn_merges(NUM_MERGES)
    tokens = [chars[b] for b in order] + [a + b for a, b in merges]
    tokens += ["abcd", "\u0120zq", "\u0120\u0120\u0120\u0120\u0120"]  # no merge leads to these
    tokens = list(dict.fromkeys(tokens))
    base = len(tokens)
    glm = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": with_added(base, SPECIAL + LATER_SPECIAL + NOT_SPECIAL,
                                   SPECIAL + LATER_SPECIAL),
        "normalizer": None,
        "pre_tokenizer": sequence(split_step(GLM_REGEX), byte_level(False, True, False)),
        "post_processor": byte_level(True, False, True),
        "decoder": byte_level(True, True, True),
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
                  "vocab": {t: i for i, t in enumerate(tokens)}, "merges": merges},
    }
    files = {"glm45v": glm}

    old = copy.deepcopy(glm)
    old["added_tokens"] = with_added(base, SPECIAL + OLD_ONLY, SPECIAL + OLD_ONLY)
    old["model"]["merges"] = [" ".join(m) for m in merges]
    old["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": t, "type_id": 0}} for t in ("[gMASK]", "<sop>")]
        + [{"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {t: {"id": t, "ids": [base + SPECIAL.index(t)], "tokens": [t]}
                           for t in ("[gMASK]", "<sop>")}}
    files["glm41v"] = old

    other = copy.deepcopy(glm)
    other["model"]["ignore_merges"] = False
    other["pre_tokenizer"] = sequence(
        {"type": "Digits", "individual_digits": True}, split_step(OTHER_REGEX),
        split_step(",", "MergedWithPrevious", "String"), byte_level(False, True, False))
    other["added_tokens"][21].update(lstrip=True)
    other["added_tokens"][22].update(rstrip=True)
    other["added_tokens"][23].update(normalized=True)
    files["other"] = other

    gpt2 = copy.deepcopy(glm)
    gpt2["model"]["ignore_merges"] = False
    gpt2["pre_tokenizer"] = byte_level(True, True, True)
    files["gpt2"] = gpt2

    behaviors = copy.deepcopy(glm)
    behaviors["pre_tokenizer"] = sequence(
        {"type": "Digits", "individual_digits": False}, split_step(r"\s+", "Removed"),
        split_step("[aeiou]", "MergedWithNext"), split_step(r"[\p{L}]", "Contiguous", invert=True),
        split_step("x*", "MergedWithPrevious"), byte_level(False, True, False))
    files["behaviors"] = behaviors

    characters = copy.deepcopy(glm)
    letters = sorted(set("abcdehlorwt ,.")) + ["\u4f60", "he", "ll", "hell", "hello", "<unk>"]
    characters["pre_tokenizer"] = None
    characters["decoder"] = None
    characters["post_processor"] = None
    characters["model"].update(
        vocab={t: i for i, t in enumerate(letters)}, unk_token="<unk>", fuse_unk=True,
        ignore_merges=False, merges=[["h", "e"], ["l", "l"], ["he", "ll"], ["hell", "o"]])
    characters["added_tokens"] = with_added(len(letters), ["<|endoftext|>"], ["<|endoftext|>"])
    files["characters"] = characters
    return files


def config_of(file):
    return {
        "added_tokens_decoder": {
            str(t["id"]): {k: t[k] for k in ("content", "single_word", "lstrip", "rstrip",
                                             "normalized", "special")}
            for t in file["added_tokens"]},
        "additional_special_tokens": [t["content"] for t in file["added_tokens"] if t["special"]],
        "clean_up_tokenization_spaces": False, "eos_token": "<|endoftext|>",
        "model_max_length": 65536, "pad_token": "<|endoftext|>", "padding_side": "left",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }


ATOMS = (list("abcdexyzqABCDSTLMsdtmrevl") + list("0123456789") + list(" " * 12) + ["\n"] * 6
         + ["\r", "\r\n", "\t", "'", "'", "\u2019", "'s", "'LL", "'ve", "_", "-", ".", ",", "!", "/",
            "<", ">", "|", "[", "]", "{", "\"", "\u3000", "\u00a0", "\u0085", "\u180e", "\u2003",
            "\u200b", "\u0301", "\u00e9", "\u017f", "\u00df", "\u4f60", "\u597d", "\u4e16", "\uff0c",
            "\u0664", "\u00bd", "\u2167", "\uff11", "\u0416", "\u05d0", "\u0915\u094d", "\u0e01",
            "\uac00", "\U0001f600", "\U0001f468\u200d\U0001f469", "\U0001d7ce", "\U00020000",
            "\U00031350", "\x00", "\x1c", "\x7f", "the", " the", "Hello", " world", "abcd", "answer",
            "    ", "circle", "\u4f60\u597d", "https://"])


def fuzz_text(rng, max_atoms=24):
    names = SPECIAL + LATER_SPECIAL + NOT_SPECIAL + OLD_ONLY
    out = []
    for _ in range(rng.randint(1, max_atoms)):
        kind = rng.random()
        if kind < 0.85:
            out.append(rng.choice(ATOMS))
        elif kind < 0.93:
            name = rng.choice(names)
            cut = rng.random()
            out.append(name if cut < 0.7 else name[:rng.randint(1, len(name))] if cut < 0.85
                       else name[rng.randint(0, len(name) - 1):])
        elif kind < 0.97:
            out.append(rng.choice(ATOMS) * rng.randint(2, 12))
        else:
            c = rng.choice([rng.randrange(0x80, 0x800), rng.randrange(0x800, 0xD800),
                            rng.randrange(0xE000, 0x10000), rng.randrange(0x10000, 0x33000),
                            rng.randrange(0x10000, 0x110000)])
            out.append(chr(c))
    return "".join(out)


def encode_case(tokenizer, name, text, split_special=False, add_special=False):
    tokenizer.encode_special_tokens = split_special
    ids = tokenizer.encode(text, add_special_tokens=add_special).ids
    tokenizer.encode_special_tokens = False
    case = {"tokenizer": name, "text": text, "ids": ids}
    if split_special:
        case["split_special"] = True
    if add_special:
        case["add_special"] = True
    decoded = tokenizer.decode(ids, skip_special_tokens=False)
    if decoded != text:
        case["decoded"] = decoded
    plain = tokenizer.decode(ids, skip_special_tokens=True)
    if plain != decoded:
        case["plain"] = plain
    return case


def dump_lines(path, rows):
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/golden/tokenizer"
    files = make_files()
    tokenizers = {}
    for name, file in files.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(file, separators=(",", ":"))
        (folder / "tokenizer.json").write_text(text + "\n")
        config = json.dumps(config_of(file), separators=(",", ":"))
        (folder / "tokenizer_config.json").write_text(config + "\n")
        tokenizers[name] = Tokenizer.from_str(text)

    rng = random.Random(20240601)
    counts = {"glm45v": 1200, "glm41v": 250, "other": 250, "gpt2": 150, "behaviors": 150,
              "characters": 80}
    rows = []
    for name, count in counts.items():
        tokenizer = tokenizers[name]
        for text in SPEC_TEXTS + TOKEN_TEXTS:
            rows.append(encode_case(tokenizer, name, text))
        for text in TOKEN_TEXTS:
            rows.append(encode_case(tokenizer, name, text, split_special=True))
        for i in range(count):
            rows.append(encode_case(tokenizer, name, fuzz_text(rng), split_special=i % 7 == 0))
    for text in ("Hi", "", "[gMASK]<sop>Hi"):
        rows.append(encode_case(tokenizers["glm41v"], "glm41v", text, add_special=True))
    dump_lines(out / "encode.jsonl", rows)

    rows = []
    for name in ("glm45v", "glm41v", "characters"):
        tokenizer = tokenizers[name]
        size = tokenizer.get_vocab_size()
        fixed = [[], [size + 5], [size, 0, size + 100000]]
        if name != "characters":
            byte_id = {b: i for i, b in enumerate(byte_alphabet()[0])}
            fixed += [[byte_id[b] for b in bytes.fromhex(h)] for h in
                      ("E4", "E4BD", "E4BDA0", "BDA0", "F09F61", "F09F9861", "EDA080", "C080", "FF",
                       "F48FBFBF", "F4908080", "E4BDFF", "F0FF", "C3A9C3", "61E4")]
        for ids in fixed:
            rows.append((name, ids))
        for _ in range(150):
            low = rng.choice([0, 94, 180, 94])
            high = rng.choice([256, 256, size, size + 3])
            rows.append((name, [rng.randrange(low, max(high, low + 1)) for _ in
                                range(rng.randint(1, 12))]))
    dump_lines(out / "decode.jsonl", [
        {"tokenizer": name, "ids": ids,
         "text": tokenizers[name].decode(ids, skip_special_tokens=False),
         "plain": tokenizers[name].decode(ids, skip_special_tokens=True)} for name, ids in rows])

    rows = []
    for pattern in (GLM_REGEX, GLM_REGEX.replace(r"\p{N}{1,3}", r"\p{N}"), OTHER_REGEX):
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        texts = SPEC_TEXTS + [fuzz_text(rng, 12) for _ in range(60)]
        rows += [{"pattern": pattern, "text": t,
                  "pieces": [p for p, _ in split.pre_tokenize_str(t)]} for t in texts if t]
    dump_lines(out / "pieces.jsonl", rows)


if __name__ == "__main__":
    main()
