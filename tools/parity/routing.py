"""The experts that the reference's routers choose, and how sure they are."""
import contextlib

import torch

# Below this distance between two scores in fp32, rounding decides which expert is taken.
NEAR_TIE = 1e-5


def gap(scores, chosen):
    """[N] distance between the last of the `chosen` best scores of each row and the next one"""
    if chosen >= scores.shape[-1]:
        return torch.full(scores.shape[:1], torch.inf)
    best = scores.topk(chosen + 1).values
    return best[:, chosen - 1] - best[:, chosen]


def router_gap(router, router_logits):
    """[N] the smallest change of a score that changes the choice of groups or experts"""
    scores = router_logits.sigmoid() + router.e_score_correction_bias
    grouped = scores.view(len(scores), router.num_group, -1)
    group_scores = grouped.topk(2).values.sum(-1)
    left_out = torch.ones_like(group_scores, dtype=torch.bool)
    left_out.scatter_(1, group_scores.topk(router.topk_group).indices, False)
    kept = grouped.masked_fill(left_out[..., None], -torch.inf).flatten(1)
    return torch.minimum(gap(group_scores, router.topk_group), gap(kept, router.top_k))


@contextlib.contextmanager
def recorded(model):
    """Yields a dict that a forward pass of `model` fills: layer.i.router_{indices,weights,gap}."""
    record, hooks = {}, []
    for i, layer in enumerate(model.model.language_model.layers):
        def keep(router, _, result, key=f"layer.{i}.router_"):
            logits, weights, indices = result
            record.update({key + "indices": indices, key + "weights": weights,
                           key + "gap": router_gap(router, logits)})
        if hasattr(layer.mlp, "gate"):
            hooks.append(layer.mlp.gate.register_forward_hook(keep))
    try:
        yield record
    finally:
        for hook in hooks:
            hook.remove()


def first_near_tie(record):
    """The first token one of whose routers nearly chose another expert, or None; earlier rows are not touched by it."""
    gaps = [value for key, value in record.items() if key.endswith("gap")]
    rows = (torch.stack(gaps).amin(0) < NEAR_TIE).nonzero().flatten().tolist() if gaps else []
    return rows[0] if rows else None
