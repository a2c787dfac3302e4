from __future__ import annotations

import sys
import time
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

from riskmodel.errors import UsageError
from riskmodel.explanation.contributions import Explanation, explain
from riskmodel.explanation.phrases import Reason
from riskmodel.explanation.reasons import reason_texts
from riskmodel.explanation.wording import TEXTS, write_value
from riskmodel.features.catalogue import load_catalogue
from riskmodel.features.specs import FeatureInfo, feature_infos
from riskmodel.models.training import TrainedModels

SPACE = "\u00a0"


def make_info(name: str, **changes: Any) -> FeatureInfo:
    fields: dict[str, Any] = {
        "name": name,
        "name_sv": name.capitalize(),
        "name_en": name.upper(),
        "unit": "count",
        "domain": "results",
        "direction": 1,
        "changeable": True,
        "window_sv": "det här läsåret",
        "window_en": "this school year",
        "missing": "keep",
    }
    return FeatureInfo(**(fields | changes))


ABSENCE = make_info(
    "absence",
    name_sv="Frånvaro",
    name_en="Absence",
    unit="share",
    domain="school_attendance",
    window_sv="de senaste 30 dagarna",
    window_en="the last 30 days",
)
INFOS = (
    ABSENCE,
    make_info("fails", name_sv="F eller streck", changeable=False),
    make_info("visits", name_sv="Besök hos kurator", domain="mental_health"),
)
X = pd.DataFrame(
    {
        "absence": [0.18, np.nan, 0.02],
        "fails": [3.0, 0.0, 0.0],
        "visits": [0.0, 2.0, 0.0],
        "absence__missing": [0.0, 1.0, 0.0],
    }
)
PARTS = np.array([[0.8, 0.9, 0.0, -0.1], [0.2, -0.4, 0.3, 0.5], [-0.6, -0.4, -0.001, 0.0]])
EXPLANATION = Explanation(PARTS, -1.0, tuple(X.columns))
MEANS = {"absence": 0.06, "fails": 0.625, "visits": np.nan}


def test_reasons_come_by_falling_weight_in_plain_swedish() -> None:
    first, _, _ = reason_texts(EXPLANATION, X, INFOS, background=MEANS)
    assert [reason.text for reason in first] == [
        "F eller streck: 3 det här läsåret (0,6 bland tidigare elever)",
        f"Frånvaro: 18,0{SPACE}% de senaste 30 dagarna (6,0{SPACE}% bland tidigare elever)",
    ]
    assert [reason.contribution for reason in first] == pytest.approx([0.9, 0.7])
    assert [reason.changeable for reason in first] == [False, True]
    assert [reason.domain for reason in first] == ["results", "school_attendance"]


def test_reasons_come_in_english() -> None:
    first, _, _ = reason_texts(EXPLANATION, X, INFOS, language="en", background=MEANS)
    assert first[1].text == ("Absence: 18.0% the last 30 days (6.0% among earlier pupils)")


def test_a_missing_value_and_its_flag_are_one_reason_without_a_number() -> None:
    _, second, _ = reason_texts(EXPLANATION, X, INFOS, background=MEANS)
    assert second[0] == Reason(
        feature="absence",
        domain="school_attendance",
        text="Frånvaro: uppgift saknas (de senaste 30 dagarna)",
        contribution=0.7,
        changeable=True,
        is_missing=True,
    )
    assert second[1].text == "Besök hos kurator: 2 det här läsåret"
    assert second[1].domain == "mental_health"


def test_a_value_that_was_filled_in_is_never_shown() -> None:
    """The flag says that nothing was known, whatever number stands in the feature."""
    filled = X.assign(absence=[0.18, 0.5, 0.02])
    _, second, _ = reason_texts(EXPLANATION, filled, INFOS, background=MEANS)
    assert second[0].is_missing
    assert "uppgift saknas" in second[0].text
    assert "50" not in second[0].text


def test_protective_factors_follow_when_asked_for() -> None:
    _, second, third = reason_texts(EXPLANATION, X, INFOS, n_reasons=1, n_protective=2)
    assert [reason.feature for reason in second] == ["absence", "fails"]
    assert [reason.is_protective for reason in second] == [False, True]
    assert [reason.feature for reason in third] == ["absence", "fails"]
    assert all(reason.is_protective for reason in third)


def test_what_hardly_moves_the_risk_is_no_reason() -> None:
    _, _, third = reason_texts(EXPLANATION, X, INFOS, n_reasons=3, n_protective=3)
    assert "visits" not in [reason.feature for reason in third]
    assert reason_texts(EXPLANATION, X, INFOS, n_reasons=0)[0] == []


def test_the_background_may_follow_the_columns() -> None:
    by_name = reason_texts(EXPLANATION, X, INFOS, background=MEANS)
    in_order = reason_texts(EXPLANATION, X, INFOS, background=[0.06, 0.625, np.nan, 0.2])
    assert by_name == in_order
    with pytest.raises(UsageError, match="must have 4 means, got 1"):
        reason_texts(EXPLANATION, X, INFOS, background=[0.06])


def test_infos_may_be_dictionaries_or_absent() -> None:
    as_dictionaries = reason_texts(EXPLANATION, X, [info.to_dict() for info in INFOS])
    assert as_dictionaries == reason_texts(EXPLANATION, X, INFOS)
    first, _, _ = reason_texts(EXPLANATION, X, ())
    assert (first[0].text, first[0].domain) == ("fails: 3", "")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"X": X.drop(columns="fails")}, "`fails` is missing"),
        ({"X": X.iloc[:2]}, "must have the 3 rows that were explained, got 2"),
        ({"language": "no"}, "`language` must be one of sv, en"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], expected: str) -> None:
    arguments: dict[str, Any] = {"X": X, "infos": INFOS} | changes
    with pytest.raises(UsageError, match=expected):
        reason_texts(EXPLANATION, **arguments)


def test_the_catalogue_speaks_in_both_languages() -> None:
    infos = feature_infos(load_catalogue())
    names = tuple(info.name for info in infos)
    frame = pd.DataFrame(np.full((1, len(names)), 0.5), columns=list(names))
    frame[[name for name in names if name.endswith("__missing")]] = 0.0
    explanation = Explanation(np.ones((1, len(names))), 0.0, names)
    means = dict.fromkeys(names, 0.25)
    for language, word in (("sv", "bland tidigare"), ("en", "among earlier")):
        (reasons,) = reason_texts(
            explanation, frame, infos, language=language, n_reasons=99, background=means
        )
        assert len(reasons) == sum(not name.endswith("__missing") for name in names)
        for reason in reasons:
            assert word in reason.text
            assert reason.domain
            assert "  " not in reason.text


def test_a_model_explains_itself_in_words(
    trained: TrainedModels, pupils: tuple[pd.DataFrame, pd.Series]
) -> None:
    rows = pupils[0]
    model = trained.models["additive"]
    texts = reason_texts(explain(model, rows), rows, model.infos, background=model.background_means)
    assert len(texts) == len(rows)
    assert max(len(reasons) for reasons in texts) == 3
    assert all(reason.contribution > 0 for reasons in texts for reason in reasons)
    missing = [reason for reasons in texts for reason in reasons if reason.is_missing]
    assert missing
    assert all("uppgift saknas" in reason.text for reason in missing)


@pytest.mark.parametrize(("name", "language"), [("logistic", "sv"), ("additive", "en")])
def test_what_stands_in_for_a_missing_value_is_never_shown(
    filling: TrainedModels,
    pupils: tuple[pd.DataFrame, pd.Series],
    name: str,
    language: Literal["sv", "en"],
) -> None:
    rows = pupils[0]
    model = filling.models[name]
    infos = [make_info("absence", unit="share", missing="mean")]
    rows = rows[rows["absence"].isna()]
    (value,) = model.fill_values.values()
    shown = write_value(value, "share", language)
    texts = reason_texts(explain(model, rows), rows, infos, language=language, n_reasons=9,
                         n_protective=9)  # fmt: skip
    reasons = [reason for row in texts for reason in row if reason.feature == "absence"]
    assert len(reasons) == len(rows)
    assert all(reason.is_missing for reason in reasons)
    assert all(shown not in reason.text for reason in reasons)
    assert all(TEXTS[language]["missing"] in reason.text for reason in reasons)


def test_twenty_thousand_pupils_take_less_than_three_seconds() -> None:
    rng = np.random.default_rng(0)
    names = tuple(f"feature_{number}" for number in range(30))
    frame = pd.DataFrame(rng.random((20_000, 30)), columns=list(names))
    explanation = Explanation(rng.normal(size=(20_000, 30)), 0.0, names)
    infos = [make_info(name, unit="share") for name in names]
    start = time.process_time()
    texts = reason_texts(explanation, frame, infos, background=dict.fromkeys(names, 0.5))
    # Measuring coverage follows every line, which makes such loops several times slower.
    limit_seconds = 3 if sys.gettrace() is None else 12
    assert time.process_time() - start < limit_seconds
    assert len(texts) == 20_000


def test_a_hidden_feature_gives_its_place_to_the_next() -> None:
    names = tuple(f"feature_{number}" for number in range(40))
    frame = pd.DataFrame([np.arange(40.0)], columns=list(names))
    explanation = Explanation(np.linspace(4.0, 0.1, 40)[np.newaxis], 0.0, names)
    ((first,),) = reason_texts(explanation, frame, (), n_reasons=1, hidden=names[:30])
    assert first.feature == "feature_30"
    frame.iloc[0, :5] = np.nan
    lowers = Explanation(-explanation.contributions, 0.0, names)
    ((known,),) = reason_texts(lowers, frame, (), n_protective=1, missing_protects=False)
    ((missing,),) = reason_texts(lowers, frame, (), n_protective=1)
    assert (known.feature, missing.feature) == ("feature_5", "feature_0")
