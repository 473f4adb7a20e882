"""Packing code of other projects: AutoAWQ's, and that which llm-compressor writes its checkpoints with."""
import functools
import importlib
import importlib.util
import pathlib
import sys
import types

import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import (QuantizationArgs, QuantizationConfig, QuantizationScheme,
                                             apply_quantization_config)
from compressed_tensors.quantization.utils import calculate_qparams

import checkpoints

KEPT = ["lm_head", "re:.*visual.*", "re:.*mlp[.]gate$"]


@functools.cache
def autoawq(module):
    """A module of AutoAWQ, without its packages' own imports, which ask for old versions of others"""
    if "awq" not in sys.modules:
        spec = importlib.util.find_spec("awq")
        if spec is None:
            sys.exit("AutoAWQ is not there: remove build/reference to have it set up again, or "
                     "pip install --no-deps autoawq==0.2.9")
        root = pathlib.Path(spec.submodule_search_locations[0])
        for name in ("awq", "awq.modules", "awq.modules.linear", "awq.utils"):
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__path__ = [str(root.joinpath(*name.split(".")[1:]))]
    missing = importlib.util.find_spec("accelerate") is None
    if missing:
        sys.modules["accelerate"] = types.ModuleType("accelerate")
    found = importlib.import_module(module)
    if missing:
        del sys.modules["accelerate"]
    return found


def pack_awq(weight, scales, zeros, group):
    """Tensors of a Linear in AutoAWQ's layout; weight [out, in] on its grid, scales and zeros [out, groups]"""
    linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    linear.weight.data = weight
    gemm = autoawq("awq.modules.linear.gemm").WQLinear_GEMM
    packed = gemm.from_linear(linear, 4, group, False, scales.t().contiguous().float(), zeros.t().contiguous())
    return {name: getattr(packed, name) for name in ("qweight", "qzeros", "scales")}


def unpack_awq(tensors, prefix, group):
    """fp32 [out, in]"""
    dequantise = autoawq("awq.utils.packing_utils").dequantize_gemm
    qweight, qzeros, scales = (tensors[prefix + name] for name in ("qweight", "qzeros", "scales"))
    return dequantise(qweight, qzeros, scales.float(), 4, group or qweight.shape[0]).t().contiguous()


def write_by_compressor(source, folder, bits, group, symmetric):
    """Rounds the Linears of a checkpoint and has compressed-tensors pack and save the model. (model, processor);
    the model unpacks itself when it is first used."""
    model, processor, _ = checkpoints.load(source)
    weights = QuantizationArgs(num_bits=bits, type="int", symmetric=symmetric, group_size=group or None,
                               strategy="group" if group else "channel")
    scheme = QuantizationScheme(targets=["Linear"], weights=weights)
    apply_quantization_config(model, QuantizationConfig(config_groups={"group_0": scheme}, ignore=KEPT))
    for module in model.modules():
        if getattr(module, "quantization_scheme", None) is None:
            continue
        values = module.weight.data.view(module.weight.shape[0], -1, group or module.weight.shape[1])
        scale, zero = calculate_qparams(values.amin(-1), values.amax(-1), weights)
        module.weight_scale.data = scale
        if hasattr(module, "weight_zero_point"):
            module.weight_zero_point.data = zero.round().to(module.weight_zero_point.dtype)
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    model.save_pretrained(folder)
    compressor.update_config(folder)
    processor.save_pretrained(folder)
    return model, processor
