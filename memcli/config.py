"""The one table of settings, and reading them: defaults, then the user's file, then the store's.

A store's `config.yaml` may come with somebody's repository, so it may set only what is marked for stores and can widen
nothing. Both files are the flat part of YAML: one `key: value` a line, `#` comments; PyYAML is not needed to read them.
Lean: imported by every recall.
"""

from __future__ import annotations

import os
from collections import namedtuple

from memcli.errors import UsageError, WriteFailed
from memcli.places import Place, private_dir, small_text, user_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

Setting = namedtuple("Setting", "name kind default store_may meaning")
Setting.__doc__ = "`kind` is int or str; `store_may`: whether a store's config.yaml may set it."

SETTINGS = (
    Setting("recall.limit", int, 8, True, "How many memories `mem recall` shows when --limit is not given."),
    Setting("recall.episodes", int, 2, True, "How many turns of past sessions it shows beside other memories."),
    Setting("add.topic", str, "inbox", True, "The topic that `mem add` files under when --topic is not given."),
    Setting(
        "model", str, "", False, "Folder of the embedding model; empty means the one shipped. Set by `mem model use`."
    ),
    Setting("capture", int, 0, False, "1: keep the sessions of hooked agents as episodes, as they go."),
    Setting(
        "capture.shared", int, 0, False, "1: in a shared store they go to tree/, which is committed, not to local/."
    ),
    Setting("threads", int, 0, False, "Threads for embedding; 0 means one for each core, at most 4."),
    Setting("watch.autostart", int, 0, False, "1: a recall that finds no warm server starts `mem watch --detach`."),
    Setting(
        "watch.idle_minutes",
        int,
        0,
        False,
        "Minutes without a request or a change after which mem watch ends; 0: never.",
    ),
    Setting(
        "watch.reconcile_minutes", int, 5, False, "Minutes after which it looks at all files, events or not; 0: never."
    ),
    Setting(
        "watch.poll_seconds", int, 0, False, "Poll the files this often; 0: only where the system gives no events."
    ),
    Setting("strength.fact", int, 15, False, "Days after which a fact that nobody used has faded to 37 %."),
    Setting("strength.decision", int, 28, False, "The same for decisions."),
    Setting("strength.preference", int, 40, False, "The same for preferences."),
    Setting("strength.procedure", int, 20, False, "The same for procedures."),
    Setting("strength.lesson", int, 20, False, "The same for lessons."),
    Setting("strength.episode", int, 7, False, "The same for past sessions."),
    Setting("strength.reference", int, 15, False, "The same for references, and for files without front matter."),
    Setting("strength.growth", int, 30, False, "How much more, in per cent, a use adds that comes when all has faded."),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}
STORE_KEYS = ("tree",)  # read by places.Place; written by `mem init --tree`


def user_file() -> str:
    return os.path.join(user_dir("config"), "config.yaml")


def load(place: Place | None = None) -> Config:
    """The settings in force for a store. Raises UsageError for a value of the wrong kind."""
    values = dict(_read(user_file(), store=False))
    if place is not None:
        values.update(_read(place.config_file, store=True))
    return Config(values)


class Config:
    """Settings by name, the default where nothing is set."""

    def __init__(self, values: Mapping[str, int | str]) -> None:
        self._values = values

    def number(self, name: str) -> int:
        return int(self._values.get(name, _BY_NAME[name].default))

    def text(self, name: str) -> str:
        return str(self._values.get(name, _BY_NAME[name].default))


def parse_lines(lines: list[str]) -> dict[str, str]:
    """The `key: value` pairs of a flat YAML file; comments, blank and other lines are left out."""
    found = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and key and not key[0].isspace() and not key.startswith(("#", "-")):
            found[key.strip()] = value.split(" #")[0].strip().strip("\"'")
    return found


def unknown_keys(path: str, *, store: bool) -> list[str]:
    """Keys of a file that mean nothing there; `mem doctor` names them."""
    return [
        key
        for key in parse_lines(_lines(path))
        if not (store and key in STORE_KEYS) and (key not in _BY_NAME or (store and not _BY_NAME[key].store_may))
    ]


def set_value(name: str, value: str | None, *, place: Place | None = None) -> None:
    """Set (or, with None, unset) a setting in the user's file, or in the store's; other lines stay as they are."""
    setting = _BY_NAME.get(name)
    if setting is None:
        raise UsageError(f"there is no setting {name!r}", hint="mem config")
    if place is not None and not setting.store_may:
        raise UsageError(f"{name} is yours alone to set, not a store's", hint=f"mem config set {name} VALUE")
    if value is not None:
        _convert(setting, value, "the command line")
    path = place.config_file if place else user_file()
    lines = [line for line in _lines(path) if line.partition(":")[0].strip() != name]
    if value is not None:
        lines.append(f"{name}: {value}")
    try:
        private_dir(os.path.dirname(path))
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
        os.replace(f"{path}.new", path)
    except OSError as error:
        raise WriteFailed(f"cannot write {path}: {error.strerror}") from None


def _read(path: str, *, store: bool) -> Mapping[str, int | str]:
    found: dict[str, int | str] = {}
    for key, value in parse_lines(_lines(path)).items():
        setting = _BY_NAME.get(key)
        if setting is not None and (setting.store_may or not store):
            found[key] = _convert(setting, value, path)
    return found


def _convert(setting: Setting, value: str, origin: str) -> int | str:
    if setting.kind is str:
        return value
    if value.isdigit() and int(value) < 1_000_000:
        return int(value)
    raise UsageError(
        f"{setting.name} in {origin} must be a whole number, not {value!r}", hint=f"mem config set {setting.name} N"
    )


def _lines(path: str) -> list[str]:
    return small_text(path).splitlines()
