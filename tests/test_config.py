"""Settings: the user's, then the store's, which may narrow and never widen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memcli import config
from memcli.errors import UsageError
from memcli.store import Store


def user_writes(text: str) -> None:
    path = Path(config.user_file())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_defaults() -> None:
    settings = config.load()
    for setting in config.SETTINGS:
        assert settings.text(setting.name) == str(setting.default)


def test_the_store_goes_before_the_user_where_it_may(store: Store) -> None:
    user_writes("recall.limit: 5\nadd.topic: mine\nmodel: /models/mine\n")
    Path(store.place.config_file).write_text("recall.limit: 3\n")
    settings = config.load(store.place)
    assert (settings.number("recall.limit"), settings.text("add.topic"), settings.text("model")) == (
        3,
        "mine",
        "/models/mine",
    )


@pytest.mark.parametrize("name", [setting.name for setting in config.SETTINGS if not setting.store_may])
def test_a_store_cannot_widen(store: Store, name: str) -> None:
    """A clone's config.yaml chooses no model and spends no threads."""
    Path(store.place.config_file).write_text(f"{name}: 7\n")
    assert config.load(store.place).text(name) == config.load().text(name)
    assert config.unknown_keys(store.place.config_file, store=True) == [name]
    with pytest.raises(UsageError):
        config.set_value(name, "7", place=store.place)


def test_what_may_never_be_a_stores_to_set() -> None:
    """The list a reviewer should see change: what a clone may decide for its reader."""
    assert {setting.name for setting in config.SETTINGS if setting.store_may} == {
        "recall.limit",
        "recall.episodes",
        "add.topic",
    }


@pytest.mark.parametrize("value", ["many", "-1", "1.5", "99999999", ""])
def test_a_number_must_be_one(value: str) -> None:
    user_writes(f"recall.limit: {value}\n")
    with pytest.raises(UsageError, match="whole number"):
        config.load()


def test_setting_and_unsetting_leave_other_lines_alone() -> None:
    user_writes("# mine\nunknown: kept\nrecall.limit: 5 # five\n")
    config.set_value("recall.limit", "6")
    assert Path(config.user_file()).read_text() == "# mine\nunknown: kept\nrecall.limit: 6\n"
    config.set_value("recall.limit", None)
    assert Path(config.user_file()).read_text() == "# mine\nunknown: kept\n"
    assert config.unknown_keys(config.user_file(), store=False) == ["unknown"]


def test_a_wrong_name_or_value_is_refused_before_anything_is_written() -> None:
    for name, value in (("recall.limt", "5"), ("recall.limit", "five")):
        with pytest.raises(UsageError):
            config.set_value(name, value)
    assert not os.path.exists(config.user_file())


@pytest.mark.parametrize(
    "text", ["", "\x00\xff", "a", "- x\n  y: 1\n", "recall.limit 5", "\ufeffrecall.limit: 4\n", "x" * 100_000]
)
def test_no_file_stops_anybody(text: str) -> None:
    user_writes(text)
    assert config.load().number("recall.limit") in (4, 8)
