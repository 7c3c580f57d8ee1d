"""InfoNCE and the queue, against independent rewrites."""

import math
import sys

import pytest
import torch
from torch.nn import functional as F

from maskrec import UserError
from maskrec.losses import InfoNCE, KeyQueue, info_nce


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)), dim=-1)


def rewritten(query: torch.Tensor, key: torch.Tensor, queue: torch.Tensor, temperature: float) -> float:
    """Number by number, as the formula stands."""
    total = 0.0
    for q, own in zip(query.tolist(), key.tolist(), strict=True):
        products = [sum(a * b for a, b in zip(q, k, strict=True)) for k in [own, *queue.tolist()]]
        powers = [math.exp(product / temperature) for product in products]
        total -= math.log(powers[0] / sum(powers))
    return total / len(query)


@pytest.mark.parametrize("temperature", [0.2, 0.07, 1.0])
@pytest.mark.parametrize("keys_at_once", [1, 4, 7, 100])
def test_value_and_gradients(temperature: float, keys_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[InfoNCE.__module__], "KEYS_AT_ONCE", keys_at_once)
    query, key, queue = unit(5, 6).requires_grad_(), unit(5, 6, seed=1).requires_grad_(), unit(11, 6, seed=2)
    loss = info_nce(query, key, queue, temperature)
    assert float(loss) == pytest.approx(rewritten(query.detach(), key.detach(), queue, temperature), rel=1e-12)
    logits = torch.cat([(query * key).sum(1, keepdim=True), query @ queue.T], dim=1) / temperature
    expected = torch.autograd.grad(F.cross_entropy(logits, torch.zeros(5, dtype=torch.long)), (query, key))
    torch.testing.assert_close(torch.autograd.grad(3 * loss, (query, key)), tuple(3 * part for part in expected))
    assert torch.autograd.gradcheck(lambda q, k: info_nce(q, k, queue, temperature), (query, key))


def test_far_apart_logits_stay_finite() -> None:
    query, queue = torch.eye(4), -torch.eye(4)
    near = info_nce(query, query, queue, 1e-3)  # e^1000 overflows
    far = info_nce(query.requires_grad_(), -query.detach(), query.detach(), 1e-3)
    assert float(near) == 0
    assert float(far.detach()) == pytest.approx(2000)
    assert torch.autograd.grad(far, query)[0].isfinite().all()


def test_half_precision_is_lifted() -> None:
    query, key, queue = (part.float() for part in (unit(4, 8), unit(4, 8, seed=1), unit(16, 8, seed=2)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = InfoNCE(0.2)(query.bfloat16(), key.bfloat16(), queue)
    assert loss.dtype == torch.float32
    expected = info_nce(query.bfloat16().float(), key.bfloat16().float(), queue, 0.2)
    assert float(loss) == float(expected)


def test_the_oldest_keys_make_room() -> None:
    queue, pushed = KeyQueue(12, 3), [unit(4, 3, seed=seed).float() for seed in range(5)]
    start, place = queue.keys.clone(), queue.keys.data_ptr()
    kept = list(start.split(4))  # a list that is shifted, instead of a ring
    for number, keys in enumerate(pushed):
        queue.push(keys)
        kept[number % 3] = keys
        assert torch.equal(queue.keys, torch.cat(kept))
        assert int(queue.place) == 4 * (number + 1) % 12
    assert queue.keys.data_ptr() == place  # in place: DDP and optimisers hold on to it
    assert torch.equal(KeyQueue(12, 3).keys, start)  # as on every rank
    torch.testing.assert_close(start.norm(dim=1), torch.ones(12))
    again = KeyQueue(12, 3)
    again.load_state_dict(queue.state_dict())
    assert torch.equal(again.keys, queue.keys)
    assert again.place == queue.place


def test_a_queue_that_is_no_multiple_of_the_batch() -> None:
    with pytest.raises(UserError, match="queue_length 12: expected a multiple of the batch over all processes, 5"):
        KeyQueue(12, 3).push(torch.zeros(5, 3))
