"""Sums over the faces of an identity, for centres."""

from torch import Tensor


def sum_by_group(x: Tensor, group: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The rows of each group added up; only groups that are present cost anything.

    A matrix product and not `index_add_`, which on CUDA adds in any order: the ranks would drift apart.

    Args:
        x: (B, D).
        group: (B,) int64, the group of each row.

    Returns:
        (G,) the groups present, (G, D) their sums, (G, 1) how many rows each has.
    """
    present = group.unique()
    is_member = (present.unsqueeze(1) == group).to(x.dtype)
    return present, is_member @ x, is_member.sum(dim=1, keepdim=True)
