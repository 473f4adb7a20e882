"""The prompts of the live comparison: messages with pictures and frame lists, from one seed."""
import dataclasses
import pathlib
import random

import numpy as np
from PIL import Image

TEXTS = [
    "Hello world", "What is in the picture?", "How many red circles are there? Answer with a number.",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002\u56fe\u7247\u91cc\u6709\u4ec0\u4e48\uff1f", "\U0001f600\U0001f468\u200d\U0001f469 caf\u00e9 na\u00efve",
    "line one\nline two\n\n  indented\t.", "1234567 + 89 = ?", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!",
    "/nothink short", "don't  stop   'tis", "{\"key\": [1, 2.5, null]} <b>html</b> {{ x }}", "e\u0301 \u00a0 \u3000 \u200b end",
    "Locate the blue square and give me its bounding box.", "Z",
]
STRUCTURE_TEXTS = ["<think>plan</think> and <answer>", "a<|user|>b", "<|begin_of_box|>[[1,2,3,4]]<|end_of_box|>"]
SYSTEMS = ["You are terse.", "\u8bf7\u7528\u4e2d\u6587\u56de\u7b54\u3002"]
EDGES = [1, 7, 13, 27, 28, 29, 41, 56, 83, 84, 97, 113, 140, 199, 233]
CHUNKS = [512, 1, 7]


@dataclasses.dataclass
class Prompt:
    kind: str
    messages: list          # OpenAI messages; media parts: {"type": "image"|"video", ...}
    chunk: int              # prompt tokens per step of the prefill
    trust: bool = False     # special tokens in the text count

    def parts(self, kind):
        return [part for message in self.messages if isinstance(message["content"], list)
                for part in message["content"] if part["type"] == kind]


class Maker:
    def __init__(self, folder, seed):
        self.folder = pathlib.Path(folder)
        self.rng, self.np_rng = random.Random(seed), np.random.default_rng(seed)
        self.num_pictures = 0

    def picture(self, width=None, height=None):
        width, height = width or self.rng.choice(EDGES), height or self.rng.choice(EDGES)
        if max(width, height) > 200 * min(width, height):
            width = height  # both sides refuse longer ones
        path = self.folder / f"{self.num_pictures}.png"
        self.num_pictures += 1
        if self.rng.random() < 0.5:
            values = self.np_rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        else:
            y, x = np.mgrid[0:height, 0:width]
            values = np.stack([(x * self.rng.uniform(1, 9) + y * self.rng.uniform(1, 9)) % 256
                               for _ in range(3)], -1).astype(np.uint8)
        Image.fromarray(values).save(path)
        return str(path)

    def images(self, count):
        return [{"type": "image", "image": self.picture()} for _ in range(count)]

    def video(self, num_frames):
        width, height = self.rng.choice(EDGES[2:]), self.rng.choice(EDGES[2:])
        # Tenths of a second, so that index / 10 is the time itself.
        tenths = sorted(self.rng.sample(range(0, 400), num_frames))
        return {"type": "video", "frames": [self.picture(width, height) for _ in range(num_frames)],
                "tenths": tenths}

    def text(self):
        return {"type": "text", "text": self.rng.choice(TEXTS)}

    def user(self, parts):
        return {"role": "user", "content": parts}

    def prompt(self, index):
        rng = self.rng
        chunk = CHUNKS[index % len(CHUNKS)]
        kinds = ["text", "image", "images", "video", "image+video", "system", "special", "turns"]
        kind = kinds[index % len(kinds)]
        if kind == "text":
            return Prompt(kind, [{"role": "user", "content": TEXTS[index // len(kinds) % len(TEXTS)]}], chunk)
        if kind == "special":
            text = STRUCTURE_TEXTS[index // len(kinds) % len(STRUCTURE_TEXTS)]
            return Prompt(kind, [self.user([*self.images(index % 2), {"type": "text", "text": text}])], chunk, True)
        if kind == "turns":
            messages = [self.user([*self.images(rng.randint(0, 2)), self.text()])]
            for _ in range(rng.randint(1, 2)):
                reply = rng.choice(TEXTS)
                if rng.random() < 0.5:
                    reply = f"<think>so</think>\n<answer>{reply}</answer>"
                # A string: templates differ in what they make of an assistant's list of parts.
                messages.append({"role": "assistant", "content": reply})
                messages.append(self.user([*self.images(rng.randint(0, 2)), self.text()]))
            return Prompt(kind, messages, chunk, True)
        media = {"image": lambda: self.images(1), "images": lambda: self.images(2 + index // len(kinds) % 5),
                 "video": lambda: [self.video(2 + index // len(kinds) % 6)],
                 "image+video": lambda: [*self.images(rng.randint(1, 2)), self.video(rng.randint(2, 4))],
                 "system": lambda: self.images(rng.randint(0, 2))}[kind]()
        messages = [self.user([*media, self.text()])]
        if kind == "system":
            messages.insert(0, {"role": "system", "content": rng.choice(SYSTEMS)})
        return Prompt(kind, messages, chunk)


def make_prompts(folder, count, seed):
    maker = Maker(folder, seed)
    return [maker.prompt(index) for index in range(count)]
