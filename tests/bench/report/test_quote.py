"""What of a report is quoted."""

import copy

import pytest

from bench.page.judgement import SUPPORTED, UNDECIDED
from bench.report import quote
from bench.report.amounts import spoken, value_of
from bench.report.answers import AnswersError

from .graded import decided, document, unjudged


@pytest.fixture
def said():
    return document()


def test_a_number_speaks_for_the_commonest_verdict(said):
    claim = quote.one(quote.report(said), decided(said)["id"])
    states = [j.state for j in claim.judgements if j.state != UNDECIDED]
    assert claim.leading.state == max(states, key=states.count)
    assert claim.effect in claim.leading.effects
    assert spoken(value_of(claim.effect), claim.headline)
    assert claim.headline == decided(said)["headline"]
    assert f" of {len(claim.judgements)} scopes" in claim.tally


def test_of_several_numbers_the_headlines_is_quoted(said):
    claim = decided(said)
    first = claim["judgements"][0]
    of = [
        {"quantity": "ratio", "unit": "times", "value": value, "low": low, "high": 2.0, "n": 6,
         "records": [], "where": {"length": length}}
        for value, low, length in ((1.5, 1.4, 64), (1.25, 1.2, 128), (1.0, None, 256))
    ]  # fmt: skip
    for headline, expected in (
        ("An LSTM is 1.50 [1.40, 2.00] times as fast", 1.5),
        ("An LSTM is 1.25× [1.20, 2.00]", 1.25),
        ("It is 1.50 times and 1.25 times as fast", 1.25),
        ("It is 11.50 or 1.505 times as fast", 1.25),  # the longest with an interval
        ("It has 2.50 [2.40, 2.90] of another", 2.5),
    ):
        other = of[0] | {"quantity": "other", "value": 2.5, "low": 2.4, "high": 2.9}
        first |= {"effects": [*of, other], "sentence": headline}
        claim["headline"] = headline
        assert quote.one(quote.report(said), claim["id"]).effect.value == expected, headline


def test_within_a_scope_the_verdict_is_that_scopes_own(said):
    report, name = quote.report(said), decided(said)["id"]
    whole = quote.one(report, name)
    assert whole.state == SUPPORTED, "what is undecided is silent where others are not"
    for comparison, state in (("scratch", SUPPORTED), ("chrono", UNDECIDED)):
        claim = quote.one(report, name, {"comparison": comparison})
        assert {j.scope["comparison"] for j in claim.judgements} == {comparison}
        assert claim.state == state
        assert claim.headline == ("" if state == UNDECIDED else claim.leading.sentence)
        assert len(claim.raw["judgements"]) == len(claim.judgements) < len(whole.judgements)
    assert quote.one(report, name, {"lengths": "8192"}).judgements, "one of a list"


def test_what_is_asked_for_in_vain_names_the_nearest(said):
    report, name = quote.report(said), decided(said)["id"]
    for asked, words in (
        ((name[:-1], {}), f"unknown claim '{name[:-1]}'. Did you mean '{name}'"),
        ((name, {"comparisn": "scratch"}), "coordinate 'comparisn'. Did you mean 'comparison'?"),
        ((name, {"comparison": "scratc"}), "unknown comparison 'scratc'. Did you mean 'scratch'?"),
    ):
        with pytest.raises(AnswersError) as error:
            quote.one(report, *asked)
        assert words in str(error.value)


def test_what_cannot_be_judged_says_what_it_needs(said):
    said["claims"] = [unjudged(decided(said))]
    claim = quote.one(quote.report(said), "open")
    assert claim.verdict == "undecided: needs probe speed at two lengths"
    assert (claim.effect, claim.headline, claim.tally) == (None, "", "")


def test_answers_edited_by_hand_are_refused_in_one_sentence(said):
    def without(name):
        edited = copy.deepcopy(said)
        del edited[name]
        return edited

    def with_effect(**change):
        edited = copy.deepcopy(said)
        decided(edited)["judgements"][0] |= change
        return edited

    for edited in (
        *(without(name) for name in ("claims", "records", "machines", "rule", "title", "code")),
        said | {"claims": None}, said | {"ended": "soon"}, said | {"records": []},
        with_effect(state="true"), with_effect(effects=[{}]), with_effect(sentence=1),
    ):  # fmt: skip
        with pytest.raises(AnswersError, match=r"claim\.json is not as rvt report writes it: .+"):
            quote.report(edited)


def test_a_day_is_the_last_records_or_the_first(said):
    assert quote.report(said).day.isoformat() == said["ended"][:10]
    assert quote.report(said | {"ended": None, "begun": "2026-11-01T00:00:00Z"}).day.day == 1
    assert quote.report(said | {"ended": None, "begun": None}).measured == "undated"
    assert quote.in_words(quote.report(said | {"ended": "2026-11-03"}).day) == "3 November 2026"


def test_a_commit_that_is_not_all_of_the_code_says_so(said):
    code = said["code"][0]
    assert quote.report(said).code == f"commit {code['commit'][:12]}"
    dirty = quote.report(said | {"code": [code | {"dirty": True}]})
    assert dirty.code.endswith("with uncommitted changes")
    none = quote.report(said | {"code": [code | {"commit": None}]})
    assert none.code.startswith("no commit recorded (measuring code ")


def test_stages_that_a_headline_names_are_told_apart_and_at_most_five_are_named(said):
    claim = decided(said)
    first = claim["judgements"][0]

    def named(headline, coordinate, *values):
        claim["judgements"] = [
            first | {"state": "supported", "scope": {"device": "cpu", coordinate: value}}
            for value in values
        ]
        claim["headline"] = headline
        return list(quote.one(quote.report(said), claim["id"]).named)

    both = "At initialisation it is so, after training not"
    assert named(both, "when", "init", "100%") == ["at initialisation", "after training"]
    assert named("At initialisation it is so", "when", "init", "100%") == [""]
    assert named("A subLSTM and a GRU", "arm", "gru", "lstm") == [""], "words are whole"
    layers = range(2, 9)
    assert len(named(", ".join(f"{n} layers" for n in layers), "layers", *layers)) == 5
