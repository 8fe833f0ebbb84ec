"""Whether two statements are about the same thing: what their words share against what is left over.

Words left over on one side only are detail ("…, after the upgrade in May"). Words left over on both sides are two subjects
("failed charges", "failed refunds"), the more so where one stands in the other's place or both are of one set of opposites
("staging", "production"). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from memcli.lifecycle.statements import NEGATIONS, Statement, Word, word_set

Weigh = Callable[[str], float]

# Stems that leave the subject as it is: verbs of being, having and doing, and the nouns of every note.
LIGHT = word_set(
    "run us keep kept stor go liv need requir allow hav work mak happen tak set default limit rat support expir valid end"
    " enough must manag defin configur handl stay reach fir start mov switch migrat chang updat increas improv decreas"
    " reduc drop rais grow grew extend total new old current recent last previous mean done say giv put seem help want"
    " try project app cod exampl system servic fin level valu number amount time tim good think thank sur"
)
LIGHT_WEIGHT = 0.35
DETAIL = 0.15  # of its weight that a word counts which stands on one side only
UNSAID = 0.1  # the same, of what a claim says beyond its denial
ONE_SIDED = 0.85  # factor where only one statement names its environment
OTHER_SUBJECT = 0.6  # factor where a word stands in the place of another
REACH = 6  # words on either side of a value that say what it is the value of
NEARNESS = -0.7  # exponent of the distance, in words, by which such a word counts
STRAY = 0.6  # of its weight that a word counts which is near one value only

_OPPOSITES = (
    "dev develop stag stage test prod product local sandbox preview", "intern extern", "public privat",
    "io android web mobil desktop", "frontend backend", "client server", "read writ", "primary replica",
    "unit integrat", "access refresh", "min max minimum maximum", "east west north south", "eu us ap",
    "upload download", "input output", "incom outgo", "request respons", "admin user",
    "linux window mac macos", "day week month quarter year daily weekly monthly yearly", "soft hard", "source target",
    "encod decod", "median averag", "cpu memory disk",
)  # fmt: skip
_SET_OF = {stem: number for number, stems in enumerate(_OPPOSITES) for stem in stems.split()}


def weights(weigh: Weigh | None) -> Weigh:
    """How much a word tells of the subject, 0..1; `weigh` is its rarity in the store."""

    def weight(key: str) -> float:
        return (LIGHT_WEIGHT if key in LIGHT else 1.0) * (weigh(key) if weigh else 1.0)

    return weight


def keys(statement: Statement, but: Collection[Word] = ()) -> set[str]:
    """What a statement says: its words but for those that it denies, and for `but`."""
    return {word.key for word in statement.words if not word.denied and word not in but}


def telling(ours: Iterable[str], theirs: Collection[str]) -> set[str]:
    """What both say, light words aside."""
    return {key for key in ours if key in theirs and key not in LIGHT}


def opposed(ours: Iterable[str], theirs: Iterable[str]) -> bool:
    """Whether words left over on both sides are opposites."""
    sets = {_SET_OF[key] for key in ours if key in _SET_OF}
    return bool(sets) and any(_SET_OF.get(key) in sets for key in theirs)


def same_subject(ours: set[str], theirs: set[str], weight: Weigh) -> float:
    """How surely two statements that say these words, values aside, have one subject: 0..1."""
    only_ours, only_theirs = ours - theirs, theirs - ours
    if opposed(only_ours, only_theirs) or not telling(ours, theirs):
        return 0.0
    shared = sum(map(weight, ours & theirs))
    both = min(sum(weight(key) for key in only if key not in LIGHT) for only in (only_ours, only_theirs))
    either = sum(map(weight, only_ours | only_theirs)) - both
    sides = ONE_SIDED if any(key in _SET_OF for key in only_ours | only_theirs) else 1.0
    return sides * shared / (shared + both + DETAIL * either)


def in_its_place(u: Statement, v: Statement, ours: set[str], theirs: set[str]) -> bool:
    """Whether a word stands between the same neighbours as another: "billing service listens", "search service listens"."""
    places = {_neighbours(u, n) for n, word in enumerate(u.words) if _left_over(word, ours, theirs)}
    return any(_neighbours(v, n) in places for n, word in enumerate(v.words) if _left_over(word, theirs, ours))


def _left_over(word: Word, own: set[str], others: set[str]) -> bool:
    return word.key in own and word.key not in others and word.key not in LIGHT and not word.is_value


def _neighbours(statement: Statement, place: int) -> tuple[str, str]:
    before = statement.words[place - 1].key if place else ""
    return before, statement.words[place + 1].key if place + 1 < len(statement.words) else ""


# --- long sentences --------------------------------------------------------------------------------------------------


def around(words: list[Word], value: Word) -> dict[str, float]:
    """The words near a value, by how near: what it is the value of, in a sentence that tells of more than one thing.

    Of labels ("sprint 2") the nearest of a kind counts, as "@sprint=2".
    """
    place = words.index(value)
    near = range(max(0, place - REACH), min(len(words), place + REACH + 1))
    found: dict[str, float] = {}
    labels: set[str] = set()
    for other in sorted(near, key=lambda other: abs(other - place)):
        word = words[other]
        key = f"{word.unit}={word.key}" if word.is_label else word.key
        if other == place or key in found or (word.is_label and word.unit in labels):
            continue
        if word.is_label:
            labels.add(word.unit)
        found[key] = abs(other - place) ** NEARNESS
    return found


def same_surroundings(ours: Mapping[str, float], theirs: Mapping[str, float], weight: Weigh) -> float:
    """`same_subject` for two values in long sentences, by the words near each."""
    only_ours, only_theirs = ours.keys() - theirs.keys(), theirs.keys() - ours.keys()
    labels = {key.partition("=")[0] for key in only_ours if key.startswith("@")}
    if opposed(only_ours, only_theirs) or any(key.partition("=")[0] in labels for key in only_theirs):
        return 0.0
    shared = sum(weight(key) * min(ours[key], theirs[key]) for key in ours.keys() & theirs.keys())
    stray = min(
        sum(weight(key) * near[key] for key in only if key[0] not in "@0123456789")
        for near, only in ((ours, only_ours), (theirs, only_theirs))
    )
    return shared / (shared + STRAY * stray) if shared else 0.0


# --- denial ----------------------------------------------------------------------------------------------------------


def denied_by(denial: Statement, claim: Statement, weight: Weigh) -> float:
    """How surely `denial` says that what `claim` says is not so: all that is denied must be said, not the other way round."""
    ours, theirs = keys(denial), keys(claim)
    missing, extra = ours - theirs, theirs - ours
    if opposed(missing, extra) or not telling(ours, theirs):
        return 0.0
    shared = sum(map(weight, ours & theirs))
    verbs = denied_verbs(denial)
    missing -= _other_branches(denial.words, theirs)
    lacking = sum(weight(key) * (0.5 if key in verbs else 1.0) for key in missing)
    return shared / (shared + lacking + UNSAID * sum(map(weight, extra)))


def denied_verbs(denial: Statement) -> set[str]:
    """The words right after a negation: what was "never worked" may be "collaborated", so they count half."""
    return {word.key for word in denial.words if word.link in NEGATIONS or word.link.endswith("n't")}


def _other_branches(words: tuple[Word, ...], said: Collection[str]) -> set[str]:
    """Words of the branch of an "or" that the claim does not speak of: to deny one or the other is to deny each."""
    found: set[str] = set()
    for place, word in enumerate(words):
        if word.link != "or":
            continue
        start, end = max(place - 1, 0), place + 1
        while start > 0 and not words[start].link:
            start -= 1
        while end < len(words) and not words[end].link:
            end += 1
        left, right = {word.key for word in words[start:place]}, {word.key for word in words[place:end]}
        if any(key in said for key in left):
            found |= right
        elif any(key in said for key in right):
            found |= left
    return found
