"""The index that the settings ask for."""

from __future__ import annotations

import torch

from executors.library.index.base import MakeIndex, Modality, VectorIndex
from executors.library.index.exact import ExactIndex
from executors.library.index.ivf import IvfIndex, require_faiss
from executors.library.index.qdrant import QdrantIndex, connect
from executors.shared.settings import LibrarySettings


def make_indexes(settings: LibrarySettings) -> MakeIndex:
    """How the indexes of this process are made.

    Raises `ConfigurationError` for a missing package, device, or server.
    """
    torch.set_num_threads(settings.search_threads)
    if settings.index == "qdrant":
        return _qdrant(settings)
    if settings.index == "ivf":
        require_faiss().omp_set_num_threads(settings.search_threads)
    else:
        ExactIndex(settings.search_precision, settings.search_device)

    def make(_encoder_version: str, _modality: Modality) -> VectorIndex:
        if settings.index == "exact":
            return ExactIndex(settings.search_precision, settings.search_device)
        return IvfIndex(
            settings.ivf_probes,
            settings.ivf_train_from,
            settings.search_audit_share,
            settings.audit_seed,
        )

    return make


def _qdrant(settings: LibrarySettings) -> MakeIndex:
    key = settings.qdrant_api_key.get_secret_value()
    client = connect(settings.qdrant_url, key, settings.qdrant_timeout_s)

    def make(encoder_version: str, modality: Modality) -> VectorIndex:
        return QdrantIndex(
            client,
            settings.qdrant_collection,
            encoder_version,
            modality,
            ef=settings.qdrant_ef,
            audit_share=settings.search_audit_share,
            audit_seed=settings.audit_seed,
        )

    return make
