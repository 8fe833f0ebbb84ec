"""Bringing one store's index up to date: text rows first, then vectors, as far as there is a model to make them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING

from memcli.config import Config
from memcli.encode import model as models
from memcli.errors import IndexUnavailable, ModelUnavailable
from memcli.index.reconcile import Report, reconcile
from memcli.places import Place

if TYPE_CHECKING:
    from memcli.encode.embedder import Embedder

Progress = Callable[[int, int], None]

BULK = 100_000
"""Bytes of files to index from which the model is loaded while they are read: they are sure to need it."""


def update(
    place: Place,
    config: Config,
    *,
    paths: Iterable[str] | None = None,
    embed_at_most: int | None = None,
    open_embedder: Callable[[], Embedder] | None = None,
    progress: Progress | None = None,
) -> tuple[Report, str | None]:
    """Reconcile a store (or these paths) and embed what waits, at most `embed_at_most` passages.

    `open_embedder` gives the model where the caller has it; else it is loaded.
    `progress` is called with (files done, files to do), then with (passages done, passages to do).
    Returns what changed and, where nothing could be embedded, the reason: words are searchable all the same.
    """
    chosen = None if paths is None else list(paths)
    if embed_at_most is None and chosen is not None and _size(place, chosen) >= BULK:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(_load, config)
            report = reconcile(place, only=chosen, progress=progress)
            return report, embed(place, config, paths=chosen, open_embedder=loading.result, progress=progress)
    report = reconcile(place, only=chosen, progress=progress)
    if embed_at_most == 0:
        return report, None
    return report, embed(
        place, config, paths=chosen, at_most=embed_at_most, open_embedder=open_embedder, progress=progress
    )


def _size(place: Place, paths: list[str]) -> int:
    size = 0
    for path in paths:
        try:
            size += os.stat(place.absolute(path), follow_symlinks=False).st_size
        except OSError:
            continue
    return size


def _load(config: Config) -> Embedder:
    from memcli.encode.embedder import Embedder  # loads numpy, and the model on `open`

    return Embedder.open(model_folder(config), threads=config.number("threads") or None)


def embed(
    place: Place,
    config: Config,
    *,
    paths: Iterable[str] | None = None,
    at_most: int | None = None,
    open_embedder: Callable[[], Embedder] | None = None,
    progress: Progress | None = None,
) -> str | None:
    """Embed what waits for a vector; returns the reason when that cannot be done."""
    opened = open_embedder or cache(lambda: _load(config))
    try:
        folder = model_folder(config)
        from memcli.index.embeddings import embed_waiting

        embed_waiting(place, opened, folder.key, folder.dimensions, paths=paths, at_most=at_most, progress=progress)
    except (ModelUnavailable, IndexUnavailable, ImportError) as error:
        return str(error)
    return None


def model_folder(config: Config) -> models.ModelFolder:
    """The model in use. Raises ModelUnavailable."""
    return models.load(config.text("model") or models.default())
