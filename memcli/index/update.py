"""Bringing one store's index up to date: text rows first, then vectors, as far as there is a model to make them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from memcli.config import Config
from memcli.encode import model as models
from memcli.errors import IndexUnavailable, ModelUnavailable
from memcli.index.reconcile import Report, reconcile
from memcli.places import Place

if TYPE_CHECKING:
    from memcli.encode.embedder import Embedder

Progress = Callable[[int, int], None]


def update(
    place: Place,
    config: Config,
    *,
    paths: Iterable[str] | None = None,
    embed_at_most: int | None = None,
    progress: Progress | None = None,
) -> tuple[Report, str | None]:
    """Reconcile a store (or these paths) and embed what waits, at most `embed_at_most` passages.

    `progress` is called with (files done, files to do), then with (passages done, passages to do).
    Returns what changed and, where nothing could be embedded, the reason: words are searchable all the same.
    """
    chosen = None if paths is None else list(paths)
    report = reconcile(place, only=chosen, progress=progress)
    if embed_at_most == 0:
        return report, None
    return report, embed(place, config, paths=chosen, at_most=embed_at_most, progress=progress)


def embed(
    place: Place,
    config: Config,
    *,
    paths: Iterable[str] | None = None,
    at_most: int | None = None,
    progress: Progress | None = None,
) -> str | None:
    """Embed what waits for a vector; returns the reason when that cannot be done."""
    opened: list[Embedder] = []

    def open_embedder() -> Embedder:
        if not opened:
            from memcli.encode.embedder import Embedder  # loads numpy, and the model on `open`

            opened.append(Embedder.open(folder, threads=config.number("threads") or None))
        return opened[0]

    try:
        folder = model_folder(config)
        from memcli.index.embeddings import embed_waiting

        embed_waiting(
            place, open_embedder, folder.key, folder.dimensions, paths=paths, at_most=at_most, progress=progress
        )
    except (ModelUnavailable, IndexUnavailable, ImportError) as error:
        return str(error)
    return None


def model_folder(config: Config) -> models.ModelFolder:
    """The model in use. Raises ModelUnavailable."""
    return models.load(config.text("model") or models.default())
