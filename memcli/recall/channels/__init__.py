"""Channels: independent ways of finding passages. A channel is one file here and its name in CHANNELS.

The contract (tests/contract/test_channels.py holds every channel to it). A channel module has

    find(source, plan, limit) -> list[PassageHit]
        the best passages of one store, greatest score first, none twice, all within `plan.where`;
        an empty list when it has nothing to say. Reads only.

Lean: a channel imports what is heavy only when it is asked.
"""

from __future__ import annotations

from memcli.recall.channels import fulltext, keyword, semantic

CHANNELS = {"semantic": semantic, "keyword": keyword, "fulltext": fulltext}
