"""Templates, sentences, words, phones, and the model made of them."""

import math
from collections import defaultdict

import pytest

from bench.errors import ConfigError
from bench.speech.language_model import (
    EVERYDAY,
    arpa,
    expand,
    normalise,
    vocabulary,
    weighted_sentences,
)
from bench.speech.pronunciation import by_rules, dictionary_text, pronunciations, spoken_number
from bench.speech.sphinx import build_vocabulary

pytestmark = pytest.mark.unit

PHONES = set(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W "
    "Y Z ZH".split()
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I'd like 2 tables!", "i'd like two tables"),
        ("I’d come at 7:30, well-known Café", "i'd come at seven thirty well known cafe"),
        ("mm-hm, uh-huh; OK", "mm-hm uh-huh okay"),
        ("fish & chips, 20% off", "fish and chips twenty percent off"),
        ("'quoted' users' plates", "quoted users plates"),
        ("…", ""),
    ],
)
def test_text_as_the_recogniser_writes_it(text: str, words: str) -> None:
    assert normalise(text) == words


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0", "zero"),
        ("07", "zero seven"),
        ("13", "thirteen"),
        ("40", "forty"),
        ("215", "two hundred fifteen"),
        ("1999", "one thousand nine hundred ninety nine"),
        ("55512", "five five five one two"),
    ],
)
def test_numbers_are_spelled_out(digits: str, words: str) -> None:
    assert spoken_number(digits) == words


def test_slots_and_optional_parts_are_expanded() -> None:
    slots = {"number": ["two", "4"]}
    assert set(expand("A table for {number} [please]", slots)) == {
        "a table for two please",
        "a table for two",
        "a table for four please",
        "a table for four",
    }
    assert set(expand("Hi [for {number}]", slots)) == {"hi", "hi for two", "hi for four"}


def test_expansion_is_bounded_and_leaves_no_value_out() -> None:
    values = [f"{normalise(str(n))}" for n in range(30)]
    slots = {"a": values, "b": values, "c": values}
    sentences = expand("{a} or {b} or {c}", slots, limit=200)
    assert 150 < len(sentences) <= 200
    for place in range(3):
        assert {sentence.split(" or ")[place] for sentence in sentences} == set(values)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [("hi {name}", "name"), ("hi [there", r"\["), ("hi }", r"\}"), ("hi {a b}", r"\{")],
)
def test_a_broken_template_is_refused_by_name(template: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        expand(template)


def test_a_vocabulary_needs_words() -> None:
    with pytest.raises(ConfigError, match="template"):
        build_vocabulary(["…"])


def test_each_template_weighs_the_same() -> None:
    slots = {"number": [str(n) for n in range(1, 21)]}
    weights = weighted_sentences(["for {number}", "what time"], slots)
    assert sum(w for s, w in weights.items() if s[0] == "for") == pytest.approx(1.0)
    assert weights["what", "time"] == pytest.approx(1.0)


def test_everyday_words_are_in_every_vocabulary() -> None:
    words = vocabulary(weighted_sentences(["what time"]))
    assert {word for phrase in EVERYDAY for word in phrase.split()} <= set(words)


def test_the_model_is_a_probability_distribution_in_every_context() -> None:
    grams, back_off = read_arpa(arpa(weighted_sentences(["a table for {n}"], {"n": ["two", "4"]})))
    words = [gram[0] for gram in grams if len(gram) == 1 and gram != ("<s>",)]

    def probability(context: tuple[str, ...], word: str) -> float:
        if (gram := (*context, word)) in grams:
            return grams[gram]
        return back_off.get(context, 1.0) * probability(context[1:], word)

    contexts = [(), ("<s>",), ("<s>", "a"), ("a", "table"), ("two",), ("stop", "two"), ("table",)]
    for context in contexts:
        # The format keeps four decimals of a logarithm.
        assert sum(probability(context, word) for word in words) == pytest.approx(1, abs=2e-3)
        assert min(probability(context, word) for word in words) > 0


def read_arpa(
    text: str,
) -> tuple[dict[tuple[str, ...], float], dict[tuple[str, ...], float]]:
    grams: dict[tuple[str, ...], float] = {}
    back_off: dict[tuple[str, ...], float] = {}
    counted: dict[int, int] = defaultdict(int)
    order = 0
    for line in text.splitlines():
        if line.endswith("-grams:"):
            order = int(line[1])
        elif order and line and not line.startswith("\\"):
            probability, *rest = line.split()
            gram = tuple(rest[:order])
            grams[gram] = 10 ** float(probability)
            counted[order] += 1
            if len(rest) > order:
                back_off[gram] = 10 ** float(rest[order])
    for size, number in counted.items():
        assert f"ngram {size}={number}" in text
    assert math.isclose(grams["<s>",], 0, abs_tol=1e-90)
    return grams, back_off


def test_the_dictionary_has_every_variant() -> None:
    words = build_vocabulary(["read the tomato"]).dictionary.splitlines()
    entries = dict(line.split(" ", 1) for line in words)
    assert entries["tomato"] != entries["tomato(2)"]
    assert {phone for phones in entries.values() for phone in phones.split()} <= PHONES


@pytest.mark.parametrize("word", "talkbench zorblax nguyen giuseppe kwyjibo o'xyz aa".split())
def test_an_unknown_word_is_sounded_out(word: str) -> None:
    assert set(by_rules(word).split()) <= PHONES
    assert by_rules(word)


def test_sounding_out_knows_the_plain_cases() -> None:
    assert by_rules("kate") == "K EY T"
    assert by_rules("wendy") == "W EH N D IY"
    assert by_rules("shimming") == "SH IH M IH NG"


def test_without_guessing_an_unknown_word_is_refused_by_name(tmp_path) -> None:
    dictionary = tmp_path / "small.dict"
    dictionary.write_text("table T EY B AH L\nthe DH AH\nthe(2) DH IY\n")
    with pytest.raises(ConfigError, match="zorblax"):
        pronunciations(["table", "zorblax"], dictionary, guess=False)
    found = pronunciations(["table", "the", "zorblax"], dictionary)
    assert dictionary_text(found).splitlines() == [
        "table T EY B AH L",
        "the DH AH",
        "the(2) DH IY",
        "zorblax Z AO R B L AE K S",
    ]
