"""Glint360K (An et al., "Partial FC: Training 10 Million Identities on a Single Machine", 2020)."""

from data_modules.record_folder import RecordFolder


class Glint360K(RecordFolder):
    """17,091,657 pictures of 360,232 identities; as published, aligned and in InsightFace's records.

    Args and errors as for `RecordFolder`.
    """
