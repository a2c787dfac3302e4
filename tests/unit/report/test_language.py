import ast
import re
import string
from pathlib import Path

import pytest

import riskmodel.report
from riskmodel.errors import UsageError
from riskmodel.report.language import LANGUAGES, load_texts

PACKAGE = Path(riskmodel.report.__file__).parent
FROM_DATA = ("attribute", "domain", "group", "model", "outcome", "point", "unit", "unsaid",
             "model_card.features.rule", "quality.anonymity.attributes", "quality.anonymity.reason",
             "quality.anonymity.sensitive", "quality.tables")  # fmt: skip
"""Groups whose names come from data: a missing one falls back, so none needs to be used."""


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_languages_have_the_same_keys_and_fields():
    swedish, english = (load_texts(language).strings for language in LANGUAGES)
    assert set(swedish) == set(english)
    assert [k for k in swedish if fields(swedish[k]) != fields(english[k])] == []


def find_patterns():
    """Return what the code asks for: regular expressions of keys, and all its string constants."""
    patterns, constants = [], set()
    for path in PACKAGE.glob("*.py"):
        if path.name == "language.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                constants.add(node.value)
                patterns.append(re.escape(node.value))
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                parts = [
                    re.escape(part.value) if isinstance(part, ast.Constant) else r"([\w.]+)"
                    for part in node.values
                ]
                patterns.append("".join(parts))
    for path in (PACKAGE / "templates").glob("*.j2"):
        found = re.findall(r"\bt\('([^']+)'", path.read_text(encoding="utf-8"))
        patterns += [re.escape(key) for key in found]
    return [re.compile(pattern) for pattern in set(patterns)], constants


def is_used(key, patterns, constants):
    stem = re.sub(r"\.(one|other)$", "", key)
    for pattern in patterns:
        for candidate in (key, stem):
            match = pattern.fullmatch(candidate)
            if match and all(part in constants or part.isdigit() for part in match.groups()):
                return True
    group, _, name = key.rpartition(".")
    return group in constants and name in constants


def test_no_text_is_unused():
    patterns, constants = find_patterns()
    keys = [
        k for k in load_texts("sv").strings if not k.startswith(tuple(f"{g}." for g in FROM_DATA))
    ]
    assert [key for key in keys if not is_used(key, patterns, constants)] == []


def test_texts_call_nobody_a_risk_pupil():
    swedish = "\n".join(load_texts("sv").strings.values()).lower()
    english = "\n".join(load_texts("en").strings.values()).lower()
    for label in ("riskelev", "problemelev", "högriskelev", "svag elev", "avhoppare"):
        assert label not in swedish
    for label in ("at-risk pupil", "high-risk pupil", "dropout", "debias", "unbiased"):
        assert label not in english


def test_an_unknown_language_is_refused():
    with pytest.raises(UsageError, match="`language` must be one of sv, en, got 'fi'"):
        load_texts("fi")


def test_names_from_data_fall_back_on_themselves():
    t = load_texts("sv")
    assert t.named("model", "additive") == "Additiv modell"
    assert t.named("model", "absence_15") == "absence_15"
    assert t.named("domain", None) == "Övrigt"
