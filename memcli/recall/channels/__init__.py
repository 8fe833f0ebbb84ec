"""Channels: independent ways of finding passages. A channel is one file here and its name in one of two tables.

The contract (tests/contract/test_channels.py holds every channel to it). A channel in CHANNELS has

    find(source, plan, limit) -> list[PassageHit]
        the best passages of one store, greatest score first, none twice, all within `plan.where`;
        an empty list when it has nothing to say. Reads only.

A channel in SECOND_HAND goes by what those found in the same store, `hits` being channel → its hits:

    spread(source, plan, hits, limit) -> list[PassageHit]
        with the same promises.

A channel's weight is in `recall/ranking.yaml` under its name. Lean: a channel imports what is heavy only when it is asked.
"""

from __future__ import annotations

from memcli.recall.channels import (
    entity,
    hierarchy,
    keyword,
    links,
    phrase,
    semantic,
    spreading,
    temporal,
    typo,
)

CHANNELS = {
    "semantic": semantic, "keyword": keyword, "typo": typo, "phrase": phrase, "entity": entity,
}  # fmt: skip
SECOND_HAND = {"spreading": spreading, "links": links, "hierarchy": hierarchy, "temporal": temporal}
NEED_THE_MODEL = frozenset(("semantic",))
"""Channels of CHANNELS that wait for the question's vector; they are asked last, so that nothing else waits for it."""
LONGEST = "keyword"
"""The channel of CHANNELS that grows most with a store, and needs of it a connection alone."""
GO_BY_ADDED = frozenset(("keyword",))
"""Channels of CHANNELS that find more where terms are added to a question (`Plan.added`), by `deepen(source, plan, asked,
limit)`, where `asked` is what they found without; the others go by the question alone."""
