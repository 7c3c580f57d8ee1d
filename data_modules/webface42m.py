"""WebFace42M (Zhu et al., "WebFace260M: A Benchmark ... of Million-Scale Deep Face Recognition", CVPR 2021)."""

from data_modules.record_folder import RecordFolder


class WebFace42M(RecordFolder):
    """42,474,558 pictures of 2,059,906 identities, aligned; folders as published, records as InsightFace packs them.

    Args and errors as for `RecordFolder`.
    """
