"""Identification and all pairs: CMC and mAP against one matrix product and one sort, and against torchmetrics."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torchmetrics.retrieval import RetrievalHitRate, RetrievalMAP

from maskrec.evaluation import AllPairs, Identification, Verification
from maskrec.methods.base import CosineSimilarity

MFSR_REC = (3_648, 7_967, 1_004)  # probes, gallery, identities
SMALL = (300, 2_000, 100)  # what torchmetrics can do
TEN_TO_THE_EIGHT = (10_000, 10_050, 5_000)
DIM = 512
ROUNDS = 3


class Cosine(CosineSimilarity):
    def embed(self, images: Tensor) -> Tensor:
        return images


def faces(probes: int, gallery: int, identities: int) -> tuple[Tensor, Tensor]:
    """(probes + gallery, DIM) unit rows, and their identities: all of them in the gallery."""
    generator = torch.Generator().manual_seed(0)
    identity = torch.cat(
        [torch.randint(identities, (probes,), generator=generator), torch.arange(gallery) % identities]
    )
    centre = torch.randn(identities, DIM, generator=generator)
    embedding = torch.randn(len(identity), DIM, generator=generator).mul_(2).add_(centre[identity])
    return embedding.div_(embedding.norm(dim=1, keepdim=True)), identity


class Peak:
    """Memory in use above that at the start, in MB."""

    megabytes = 0.0


@contextlib.contextmanager
def peak_memory() -> Iterator[Peak]:
    peak, is_over = Peak(), threading.Event()

    def resident() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    start = resident()

    def watch() -> None:
        while not is_over.wait(0.002):
            peak.megabytes = max(peak.megabytes, resident() - start)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        is_over.set()
        watcher.join()


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_seconds(*works: Callable[[], object]) -> list[float]:
    """In turns, so that a slow minute slows all of them."""
    rounds = [[seconds(work) for work in works] for _ in range(ROUNDS)]
    return [sorted(times)[ROUNDS // 2] for times in zip(*rounds, strict=True)]


def identification(probes: int, gallery: int, identities: int) -> tuple[Tensor, Identification]:
    embedding, identity = faces(probes, gallery, identities)
    return embedding, Identification(torch.arange(probes), torch.arange(probes, probes + gallery), identity)


def against_a_sort() -> None:
    probes, gallery, _ = MFSR_REC
    embedding, protocol = identification(*MFSR_REC)
    with peak_memory() as peak:
        protocol(Cosine(), embedding, with_intervals=False)
    ours, plain = median_seconds(
        lambda: protocol(Cosine(), embedding, with_intervals=False),
        lambda: (embedding[:probes] @ embedding[probes:].T).sort(dim=1),
    )
    print(f"CMC and mAP, {probes:,} x {gallery:,}: {ours:.2f} s, x {ours / plain:.2f} of product and sort (aim 1.5)")
    print(f"above the inputs: {peak.megabytes:.0f} MB (aim 400)")


def against_torchmetrics() -> None:
    probes, gallery, _ = SMALL
    embedding, protocol = identification(*SMALL)
    is_genuine = protocol.identity[:probes].unsqueeze(1) == protocol.identity[probes:]
    query = torch.arange(probes).unsqueeze(1).expand_as(is_genuine).flatten()

    def torchmetrics() -> None:
        score = (embedding[:probes] @ embedding[probes:].T).flatten()
        for metric in (RetrievalMAP(), *(RetrievalHitRate(top_k=rank) for rank in (1, 5, 10))):
            metric(score, is_genuine.flatten(), indexes=query)

    ours, theirs = median_seconds(lambda: protocol(Cosine(), embedding, with_intervals=False), torchmetrics)
    print(f"{probes:,} x {gallery:,}: torchmetrics {theirs:.2f} s, ours {ours:.3f} s: x {theirs / ours:.0f} (aim 10)")


def all_pairs() -> None:
    probes, references, _ = TEN_TO_THE_EIGHT
    embedding, identity = faces(*TEN_TO_THE_EIGHT)
    protocol = AllPairs(torch.arange(probes, probes + references), torch.arange(probes), identity)
    with peak_memory() as peak:
        start, worked = time.perf_counter(), time.process_time()
        result = protocol(Cosine(), embedding)
        took, worked = time.perf_counter() - start, time.process_time() - worked
    print(
        f"{result.numbers['impostors']:,} impostor pairs, FNMR {result.numbers['fnmr_at_fmr_1e-6']:.4f} at FMR 1e-6: "
        f"{took:.1f} s (aim 60), {worked:.1f} s of them computing on all threads; {peak.megabytes:.0f} MB (aim 1,000)"
    )


def verification() -> None:
    pairs, people = 6_000, 4_000
    embedding, identity = faces(pairs, pairs, people)
    is_genuine = identity[:pairs] == identity[pairs:]
    is_genuine[: pairs // 2] = True
    rows = torch.arange(pairs)
    protocol = Verification(rows, rows + pairs, is_genuine, rows % 10, identity)
    plain, with_intervals = median_seconds(
        lambda: protocol(Cosine(), embedding, with_intervals=False), lambda: protocol(Cosine(), embedding)
    )
    print(f"{pairs:,} pairs: {plain:.2f} s, with intervals of 1,000 draws {with_intervals:.2f} s (aim 2 s more)")


def main() -> None:
    print(f"{torch.get_num_threads()} threads")
    against_a_sort()
    against_torchmetrics()
    all_pairs()
    verification()
