"""Tiny random checkpoints of every architecture, made by glmv and by transformers."""
import importlib.util
import json
import pathlib
import subprocess

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor, GenerationConfig

from prompts import make_prompts

ROOT = pathlib.Path(__file__).resolve().parents[2]
# name -> (family, changes of the text configuration)
MODELS = {
    "glm4v": ("glm4v", {}),
    "glm46v": ("glm46v", {}),
    "glm4v_moe": ("glm4v_moe", {}),
    "glm4v_moe_grp": ("glm4v_moe", {"n_group": 4, "topk_group": 2, "routed_scaling_factor": 2.5}),
    "glm_ocr": ("glm_ocr", {}),
}


def golden_model():
    """tools/golden/model.py, whose random values this comparison shares."""
    spec = importlib.util.spec_from_file_location("golden_model", ROOT / "tools/golden/model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_by_glmv(glmv, name, folder, seed=0):
    family, changes = MODELS[name]
    subprocess.run([glmv, "make-tiny", "-o", str(folder), "--family", family, "--seed", str(seed)],
                   check=True, stdout=subprocess.DEVNULL)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["text_config"].update(changes)
    path.write_text(json.dumps(config, indent=2))


def make_by_transformers(source, folder):
    """The configuration of `source` with values of our own, everything written by save_pretrained."""
    config = AutoConfig.from_pretrained(source)
    model = AutoModelForImageTextToText.from_config(config).eval().float()
    with torch.no_grad():
        golden_model().randomise(model)
    model.generation_config = GenerationConfig.from_pretrained(source)
    model.save_pretrained(folder)
    AutoProcessor.from_pretrained(source).save_pretrained(folder)


def load(folder, dtype=torch.float32, **options):
    """(model, processor, names of keys that did not fit)"""
    model, info = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", output_loading_info=True, **options)
    misfits = [f"{kind} {key}" for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs")
               for key in info[kind]]
    return model.eval(), AutoProcessor.from_pretrained(folder), misfits


def compare_all(glmv, names, work, num_prompts, seed, compare):
    """Makes each checkpoint twice, by glmv and by transformers, and calls compare(folder, prompts) for both."""
    (work / "pictures").mkdir()
    prompts = make_prompts(work / "pictures", num_prompts, seed)
    for name in names:
        ours, theirs = work / f"{name}-glmv", work / f"{name}-transformers"
        make_by_glmv(glmv, name, ours, seed)
        make_by_transformers(ours, theirs)
        for folder in (ours, theirs):
            compare(folder, prompts)
            print(f"{folder.name}: {len(prompts)} prompts compared", flush=True)
