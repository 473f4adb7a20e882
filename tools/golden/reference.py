"""Makes transformers' image processors importable beside a CPU build of torch.

torchvision refuses to load where its own operators are missing; declaring their names is enough,
since the processors only use its resize, which is torch's.
"""
import torch

if torch.version.cuda is None:  # a CUDA build comes with a torchvision that registers them
    for _name, _schema in (
        ("nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
        ("qnms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
    ):
        try:
            torch.library.define("torchvision::" + _name, _schema)
        except RuntimeError:
            pass  # a build of torchvision that has them
