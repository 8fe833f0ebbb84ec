"""The typo channel: the question as it was meant, where a word of it is unknown to the store and near to one that is not.

Answers as the keyword channel would answer the corrected question; silent where every word is known or nothing is near.
"""

from __future__ import annotations

from collections import namedtuple
from itertools import islice

from memcli.encode import spelling, terms
from memcli.index import search, vocabulary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.encode.terms import Term
    from memcli.index.search import PassageHit
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

Correction = namedtuple("Correction", "word meant distance")
Correction.__doc__ = """A word of the question, folded; the words of the store that it may stand for, likeliest first; and
how many errors that makes of it: 1 or 2."""

ALTERNATIVES = 3  # that are searched for a word
MOST = 6  # words of a question; what has more unknown ones is a log, a list or another language
CERTAINTY = {1: 0.8, 2: 0.5}  # by the errors in the worst word, for the answers of one store beside another's


def find(source: Source, plan: Plan, limit: int) -> list[PassageHit]:
    found = corrections(source, plan)
    if not found:
        return []
    match = terms.match_expression(_corrected(plan.text, found))
    certainty = CERTAINTY[max(correction.distance for correction in found)]
    hits = search.keyword(source.connection, match, limit, plan.where)
    return [hit._replace(score=certainty * hit.score) for hit in hits]


def meant(source: Source, plan: Plan) -> list[Term]:
    """The terms of the question as this store takes it, misspelled words replaced by the likeliest ones."""
    found = corrections(source, plan)
    return (
        terms.query_terms(spelling.replace(plan.text, {each.word: each.meant[0] for each in found}))
        if found
        else plan.terms
    )


def corrections(source: Source, plan: Plan) -> list[Correction]:
    """What this store takes unknown words of the question for; nothing for words that it has nothing near to."""
    found = []
    for word in _unknown(source, plan):
        near = vocabulary.near(source.connection, word)[:ALTERNATIVES]
        if near:
            found.append(Correction(word, tuple(one.word for one in near), near[0].distance))
    return found


def _unknown(source: Source, plan: Plan) -> list[str]:
    """The first words of the question that no passage holds in any form, and that are no misspelled stop words."""
    forms = {
        word: terms.match_expression(terms.query_terms(term.text))
        for term in plan.terms
        if term.kind == "word" and (word := spelling.fold(term.text)) in spelling.words(word)
    }
    known = search.known(source.connection, list(forms.values()))
    unknown = (word for word, form in forms.items() if form not in known)
    return list(islice((word for word in unknown if not spelling.edits(word) & terms.STOP_WORDS), MOST))


def _corrected(text: str, found: list[Correction]) -> list[Term]:
    """The terms of the question with the first choices in it, then the second ones, and so on."""
    asked: list[Term] = []
    for choice in range(max(len(correction.meant) for correction in found)):
        meant = {each.word: each.meant[min(choice, len(each.meant) - 1)] for each in found}
        asked += terms.query_terms(spelling.replace(text, meant))
    return list({term.text: term for term in asked}.values())
