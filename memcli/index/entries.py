"""The rows of memory files, taken out and put in many files at a time.

One by one, the rows of a file take longer than reading it; so what goes and what is put in is kept until `Entries.write`, and
leaves or enters each table in one statement, with row numbers given here. What an id or a word is worth is decided file by
file all the same, so that the order of the files, and nothing else, says which of two gets an id that both claim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from memcli.index import db, graph, schema, timeline, vectors, vocabulary, words
from memcli.index.rows import EntryRow
from memcli.text import path_id
from memcli.trust.judge import Verdict
from memcli.walk import Found


class Entries:
    """The rows of files, within one transaction; nothing that was `put` is there before `write`, nothing removed is gone."""

    def __init__(self, connection: db.Connection) -> None:
        self._connection = connection
        self._gone: set[int] = set()  # whose rows go at `write`
        self._released: list[str] = []
        self._names: set[str] = set()  # of what was put
        self._put: list[tuple[Found, EntryRow | None, str, Verdict]] = []

    def remove(self, path: str) -> None:
        """Have all rows of a file removed, if it has any."""
        row = self._connection.execute("SELECT id, name, claimed FROM entries WHERE path = ?", (path,)).fetchone()
        if row is None:
            return
        entry, name, claimed = row
        self._gone.add(entry)
        if name == claimed:
            self._released.append(name)

    def put(self, item: Found, row: EntryRow | None, verdict: Verdict) -> bool:
        """Have these rows for a file in place of what it had; a file that is not read has none but its own (`row` None).

        False where nothing but the stat differs from what is there.
        """
        if self._says_the_same(item, row):
            return False
        self.remove(item.path)
        name = self._free_name(row.memory.id if row else None, item.path)
        self._names.add(name)
        self._put.append((item, row, name, verdict))
        return True

    def write(self) -> None:
        """Take out what was removed, then write what was put."""
        if self._gone:
            self._delete_entries(sorted(self._gone))
        self._write_entries()
        for name in self._released:
            self._hand_over(name)

    def _says_the_same(self, item: Found, row: EntryRow | None) -> bool:
        """When only the stat differs, remember the new one; True if that was all."""
        same, value = ("hash = ? AND problem IS NULL", row.hash) if row else ("problem = ?", item.problem)
        updated = self._connection.execute(
            f"UPDATE entries SET size = ?, mtime_ns = ?, inode = ? WHERE path = ? AND {same}",
            (item.size, item.mtime_ns, item.inode, item.path, value),
        )
        return bool(updated.rowcount == 1)

    # --- which file answers to an id

    def _free_name(self, claimed: str | None, path: str) -> str:
        """The id a file answers to: the one in its front matter unless another file holds it, else one from its path."""
        return claimed if claimed and not self._is_held(claimed) else path_id(path)

    def _is_held(self, name: str) -> bool:
        held = self._connection.execute("SELECT id FROM entries WHERE name = ?", (name,)).fetchone()
        return name in self._names or (held is not None and held[0] not in self._gone)

    def _hand_over(self, name: str) -> None:
        """An id whose holder is gone, or claims it no more, passes to the next file that claims it."""
        if not self._is_held(name):
            self._connection.execute(
                "UPDATE entries SET name = claimed"
                " WHERE id = (SELECT id FROM entries WHERE claimed = ? ORDER BY path LIMIT 1)",
                (name,),
            )

    # --- all at once

    def _delete_entries(self, entries: list[int]) -> None:
        execute, chosen = self._connection.execute, (db.array(entries),)
        of_entries = "entry IN (SELECT value FROM json_each(?))"
        documents = [number for (number,) in execute(f"SELECT id FROM documents WHERE {of_entries}", chosen)]
        of_documents = "document IN (SELECT value FROM json_each(?))"
        passages = [
            number for (number,) in execute(f"SELECT id FROM passages WHERE {of_documents}", (db.array(documents),))
        ]
        vocabulary.remove(self._connection, entries)
        words.delete(self._connection, "passages_fts", passages)
        graph.delete(self._connection, documents)
        timeline.delete(self._connection, documents)
        vectors.delete(self._connection, passages)
        execute(f"DELETE FROM passages WHERE {of_documents}", (db.array(documents),))
        execute(f"DELETE FROM documents WHERE {of_entries}", chosen)
        execute(f"DELETE FROM relations WHERE {of_entries}", chosen)
        execute("DELETE FROM entries WHERE id IN (SELECT value FROM json_each(?))", chosen)

    def _write_entries(self) -> None:
        insert = self._connection.executemany
        entry, document, passage = (self._next(table) for table in ("entries", "documents", "passages"))
        entries, problems, documents, passages, relations = [], [], [], [], []
        said: list[words.Row] = []
        mentions: list[graph.Mentioned] = []
        events: list[timeline.Dating] = []
        held: Counter[str] = Counter()
        for item, row, name, verdict in self._put:
            if row is None:
                problems.append(
                    (entry, item.path, _stem(item.path), item.size, item.mtime_ns, item.inode, name, item.problem)
                )
                entry += 1
                continue
            entries.append(_entry_values(entry, item, row, name, verdict.word))
            relations += [(entry, *relation) for relation in row.memory.relations]
            held.update(row.vocabulary)
            for ordinal, (*values, parts) in enumerate(row.documents):
                documents.append((document, entry, ordinal, *values, ordinal in verdict.muted))
                for position, part in enumerate(parts):
                    state = schema.KEYWORD_ONLY if part.keyword_only else schema.WAITING
                    passages.append((passage, document, position, *part[:6], state))
                    said.append((passage, *part.words))
                    mentions += [(document, position, *mention) for mention in part.mentions]
                    events += [(*event, document, position) for event in part.events]
                    passage += 1
                document += 1
            entry += 1
        insert(
            "INSERT INTO entries (id, path, stem, size, mtime_ns, inode, name, problem) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            problems,
        )
        insert(
            "INSERT INTO entries (id, path, stem, size, mtime_ns, inode, hash, name, claimed, type, title, created, tags,"
            " source, session, part, pinned, supersedes, valid_from, valid_to, secrets, hidden, front_problem,"
            f" trust) VALUES ({', '.join('?' * 24)})",
            entries,
        )
        insert(
            "INSERT INTO documents (id, entry, ordinal, anchor, ref, speaker, at, day, line, length, muted)"
            f" VALUES ({', '.join('?' * 11)})",
            documents,
        )
        insert(
            "INSERT INTO passages (id, document, ordinal, heading, line, kind, text, context, hash, state)"
            f" VALUES ({', '.join('?' * 10)})",
            passages,
        )
        insert("INSERT INTO relations (entry, kind, target) VALUES (?, ?, ?)", relations)
        words.insert(self._connection, "passages_fts", said)
        graph.insert(self._connection, mentions)
        timeline.insert(self._connection, events)
        vocabulary.add(self._connection, held)

    def _next(self, table: str) -> int:
        number: int = self._connection.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()[0]
        return number


def _entry_values(entry: int, item: Found, row: EntryRow, name: str, trust: str) -> tuple[object, ...]:
    memory = row.memory
    return (
        entry, item.path, _stem(item.path), item.size, item.mtime_ns, item.inode, row.hash, name, memory.id, memory.type,
        memory.title, memory.created, _lines(memory.tags), memory.source, memory.session, memory.part, memory.pinned,
        _lines(memory.supersedes), memory.valid_from, memory.valid_to, _lines(row.secrets), _lines(row.hidden),
        memory.problem, trust,
    )  # fmt: skip


def _stem(path: str) -> str:
    """The name of a file without its folder and ending: what people link to in a vault."""
    return path.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _lines(values: Iterable[str]) -> str:
    """A list as one column: items between newlines, so that `instr(tags, char(10) || tag || char(10))` finds one."""
    joined = "\n".join(" ".join(value.split()) for value in values)
    return f"\n{joined}\n" if joined else ""
