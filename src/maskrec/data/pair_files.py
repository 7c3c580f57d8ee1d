"""Pair lists in files.

LFW's and MFR2's, which name a person's pictures by number, and `<reference><TAB><probe><TAB><fold>`, by which drawn
lists are kept.
"""

import os
import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from maskrec.data.images import SUFFIXES
from maskrec.data.index import find_pictures
from maskrec.data.pairs import PairList, Pairs, Rows, deal_folds, have_both_kinds
from maskrec.errors import UserError, missing
from maskrec.files import replacing

# `name 1 other 2` and `name 1 2`, with blanks, tabs or commas between. Names may hold blanks: where a line can be read
# in two ways, they hold none.
PLAIN = re.compile(r"(?P<first>[^\s,]+)[\s,]+(?P<i>\d+)[\s,]+(?P<second>[^\s,]+)[\s,]+(?P<j>\d+)")
GENUINE = re.compile(r"(?P<first>\S.*?)[\s,]+(?P<i>\d+)[\s,]+(?P<j>\d+)")
IMPOSTOR = re.compile(r"(?P<first>\S.*?)[\s,]+(?P<i>\d+)[\s,]+(?P<second>\S.*?)[\s,]+(?P<j>\d+)")

Line = tuple[int, str]
Picture = tuple[str, int]


def read_lines(file: Path, expected: str, errors: str = "strict") -> list[Line]:
    """Number, from 1, and text of each line that is not blank; whatever ends the lines.

    Args:
        file: The file.
        expected: What should be in it, for messages.
        errors: `surrogateescape` takes what is not UTF-8 as names of files have it.

    Raises:
        UserError: The file is missing, empty or no text.
    """
    try:
        text = file.read_text(encoding="utf-8-sig", errors=errors)
    except OSError as error:
        raise missing(f"{file}", error, expected) from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not text in UTF-8: {error.reason} at byte {error.start}") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise UserError(f"{file}: is empty; expected {expected}")
    return lines


def named_pairs(file: Path, lines: Sequence[Line]) -> Iterator[tuple[str, Picture, Picture]]:
    """Place, for messages, and the two pictures, (name, number), of each `name 1 2` or `name 1 other 2`.

    Raises:
        UserError: A line is malformed, or compares what an earlier line did, or a picture with itself.
    """
    seen: dict[frozenset[Hashable], int] = {}
    for number, text in lines:
        where = f"pair list {file}, line {number}"
        found = next(filter(None, (form.fullmatch(text) for form in (PLAIN, GENUINE, IMPOSTOR))), None)
        if found is None:
            raise UserError(f"{where}: expected `name 1 2` or `name 1 other 2`, got '{text}'")
        words = found.groupdict()
        pair = (words["first"], int(words["i"])), (words.get("second", words["first"]), int(words["j"]))
        if words.get("second") == words["first"]:
            raise UserError(
                f"{where}: names {words['first']} twice; expected `{words['first']} {words['i']} {words['j']}`"
            )
        _refuse_repeat(where, pair, seen, number)
        yield where, *pair


def _refuse_repeat(
    where: str, pair: tuple[Hashable, Hashable], seen: dict[frozenset[Hashable], int], number: int
) -> None:
    if pair[0] == pair[1]:
        raise UserError(f"{where}: compares a picture with itself")
    before = seen.setdefault(frozenset(pair), number)
    if before != number:
        raise UserError(f"{where}: repeats the pair of line {before}")


def read_lfw_pairs(pairs: str | Path, root: str | Path) -> PairList:
    """Read a pair list in LFW's format.

    First line: folds and genuine pairs a fold (as many impostor pairs follow in each fold).
    Then `name<TAB>i<TAB>j` (genuine) or `name<TAB>i<TAB>other<TAB>j` (impostor).
    Pictures lie at `<root>/<name>/<name>_<i, four digits>.<jpg or png>`.

    Raises:
        UserError: The list is missing or malformed, repeats a pair, or names a picture that is not there.
    """
    pairs, root = Path(pairs), Path(root)
    (first, header), *body = read_lines(pairs, "LFW's pairs.txt")
    if not re.fullmatch(r"\d+\s+\d+", header):
        raise UserError(f"pair list {pairs}, line {first}: expected two numbers, folds and pairs a fold")
    folds, genuine_per_fold = map(int, header.split())
    if len(body) != folds * genuine_per_fold * 2:
        raise UserError(
            f"pair list {pairs}: {len(body)} pairs, but its first line promises {folds}x2x{genuine_per_fold}"
        )
    paths: dict[str, int] = {}
    identities: dict[str, int] = {}
    identity: list[int] = []

    def row(name: str, number: int, where: str) -> int:
        stem = root / name / f"{name}_{number:04d}"
        path = next((str(stem) + suffix for suffix in SUFFIXES if Path(str(stem) + suffix).is_file()), None)
        if path is None:
            raise UserError(f"{where}: no picture {stem}.jpg")
        if path not in paths:
            identity.append(identities.setdefault(name, len(identities)))
        return paths.setdefault(path, len(paths))

    listed = [(row(*one, where), row(*other, where)) for where, one, other in named_pairs(pairs, body)]
    reference, probe = np.array(listed).T
    labels = np.array(identity)
    fold = np.repeat(np.arange(folds), genuine_per_fold * 2)
    return PairList(reference, probe, labels[reference] == labels[probe], fold, list(paths), labels)


def numbered_pictures(root: Path) -> dict[Picture, str]:
    """The name below the root of each person's pictures, `<name>/<name>_0001.<jpg or png>`, by name and number.

    Raises:
        UserError: The folder is missing, or holds no pictures or others.
    """
    pictures: dict[Picture, str] = {}
    for name in (os.fsdecode(name) for name, _, _ in find_pictures(root) if b"/" in name):
        number = re.search(r"\d+$", Path(name).stem)
        picture = Path(name).parent.name, int(number[0]) if number else -1
        if number is None or picture in pictures:
            raise UserError(f"image {root / name}: expected <name>/<name>_0001.png, each number once")
        pictures[picture] = name
    if not pictures:
        raise UserError(f"data root {root}: holds no <name>/<name>_0001.png")
    return pictures


def read_numbered_pairs(file: Path, pictures: Sequence[Picture], labels: Rows) -> Pairs:
    """Read a pair list in MFR2's format: `name i j` (genuine) or `name i other j` (impostor), and no header.

    Args:
        file: The list.
        pictures: (F,) name and number of each.
        labels: (F,) their identities.

    Raises:
        UserError: The list is missing or malformed, repeats a pair, names a picture that is not there, or is too short.
    """
    rows = {picture: row for row, picture in enumerate(pictures)}
    listed = []
    for where, *pair in named_pairs(file, read_lines(file, "a list of pairs")):
        stranger = next((picture for picture in pair if picture not in rows), None)
        if stranger is not None:
            raise UserError(f"{where}: there is no picture {stranger[1]} of {stranger[0]}")
        listed.append([rows[picture] for picture in pair])
    reference, probe = np.array(listed).T
    return _with_folds(file, reference, probe, labels)


def _with_folds(file: Path, reference: Rows, probe: Rows, labels: Rows) -> Pairs:
    is_genuine = labels[reference] == labels[probe]
    if not have_both_kinds(is_genuine):
        raise UserError(f"pair list {file}: needs two genuine and two impostor pairs at least")
    return Pairs(reference, probe, is_genuine, deal_folds(is_genuine))


def read_pairs(file: Path, names: Sequence[str], labels: Rows) -> Pairs:
    """Read `<reference><TAB><probe>` and, where it has them, `<TAB><fold>`; a line of # without a tab says nothing.

    Args:
        file: The list.
        names: (F,) pictures as the list names them.
        labels: (F,) their identities: they say which pairs are genuine.

    Raises:
        UserError: The list is missing or malformed, repeats a pair, or names a picture that is not there.
    """
    rows = {name: row for row, name in enumerate(names)}
    lines = read_lines(file, "a list of pairs", "surrogateescape")
    lines = [line for line in lines if line[1][0] != "#" or "\t" in line[1]]
    seen: dict[frozenset[Hashable], int] = {}
    listed = []
    for number, text in lines:
        where, words = f"pair list {file}, line {number}", text.split("\t")
        if (
            len(words) != len(lines[0][1].split("\t"))
            or len(words) not in (2, 3)
            or not "".join(words[2:] or "0").isdigit()
        ):
            raise UserError(f"{where}: expected `reference<TAB>probe`, or on every line `<TAB>fold` too, got '{text}'")
        stranger = next((word for word in words[:2] if word not in rows), None)
        if stranger is not None:
            raise UserError(f"{where}: no picture {stranger}")
        _refuse_repeat(where, (words[0], words[1]), seen, number)
        listed.append((rows[words[0]], rows[words[1]], *map(int, words[2:])))
    columns = np.array(listed, dtype=np.int64).reshape(len(listed), -1).T
    pairs = _with_folds(file, columns[0], columns[1], labels)
    return pairs if len(columns) < 3 else replace(pairs, fold=columns[2], is_dealt=False)


def write_pairs(file: Path, header: str, pairs: Pairs, names: Sequence[str]) -> None:
    """Write a list as `read_pairs` reads it, with a first line that begins with #."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as partial, partial.open("w", encoding="utf-8", errors="surrogateescape") as out:
        out.write(f"# {header}\n")
        for reference, probe, fold in zip(pairs.reference, pairs.probe, pairs.fold, strict=True):
            out.write(f"{names[reference]}\t{names[probe]}\t{fold}\n")
