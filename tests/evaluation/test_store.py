"""Embeddings gathered in order, whatever their structure."""

import torch

from maskrec.evaluation import EmbeddingStore


def test_rows_come_out_in_order_and_repeats_once() -> None:
    store = EmbeddingStore(5)
    rows = torch.tensor([4, 0, 2, 1, 3, 0])
    values = torch.arange(5.0)[rows].unsqueeze(1) * torch.ones(1, 3)
    store.update(values[:4], rows[:4])
    store.update(values[4:] + torch.tensor([[0.0], [100.0]]), rows[4:])  # the padded repeat of row 0 differs
    embedding, is_seen = store.compute()
    torch.testing.assert_close(embedding, torch.arange(5.0).unsqueeze(1) * torch.ones(1, 3))
    assert is_seen.all()


def test_nested_embeddings_keep_shape_and_type() -> None:
    store = EmbeddingStore(3)
    part = {"map": torch.arange(24.0).reshape(3, 2, 2, 2), "masked": torch.tensor([True, False, True])}
    store.update((part, torch.tensor([0.1, 0.2, 0.3])), torch.arange(3))
    (again, probability), _ = store.compute()
    torch.testing.assert_close(again["map"], part["map"])
    assert again["masked"].dtype == torch.bool
    assert again["masked"].flatten().tolist() == [True, False, True]
    torch.testing.assert_close(probability.flatten(), torch.tensor([0.1, 0.2, 0.3]))


def test_faces_that_were_not_seen_are_told() -> None:
    store = EmbeddingStore(3)
    store.update(torch.ones(2, 4), torch.tensor([0, 2]))
    assert store.compute()[1].tolist() == [True, False, True]
