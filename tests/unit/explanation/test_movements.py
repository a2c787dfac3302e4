import numpy as np
import pandas as pd
import pytest

from riskmodel.errors import UsageError
from riskmodel.explanation.contributions import Explanation
from riskmodel.explanation.movements import Explained, movement_texts

INFO = {"name": "absence", "name_sv": "Frånvaro", "name_en": "Absence", "unit": "share",
        "domain": "school_attendance", "direction": 1, "changeable": True,
        "window_sv": "de senaste 30 dagarna", "window_en": "over 30 days",
        "missing": "keep"}  # fmt: skip


def explained(values, parts, names=("absence", "fails")):
    frame = pd.DataFrame([values], columns=list(names))
    return Explained(Explanation(np.array([parts], dtype=float), 0.0, names), frame)


def tell(before, after, language="sv"):
    (texts,) = movement_texts(before, after, [INFO], language=language)
    return [(one.text.replace("\u00a0", " "), round(one.contribution, 3)) for one in texts]


def test_the_largest_movement_comes_first_with_both_values():
    told = tell(explained([0.06, 1], [0.1, 0.2]), explained([0.18, 3], [0.9, 0.6]))
    assert told == [
        ("Frånvaro: 18,0 % de senaste 30 dagarna (tidigare 6,0 %)", 0.8),
        ("fails: 3 (tidigare 1)", 0.4),
    ]


def test_a_value_that_came_or_went_is_said_to_be_missing():
    told = tell(explained([np.nan, 1], [0.3, 0]), explained([0.18, 1], [0.9, 0]), "en")
    assert told == [("Absence: 18.0% over 30 days (not known before)", 0.6)]
    told = tell(explained([0.18, 1], [0.9, 0]), explained([np.nan, 1], [0.3, 0]))
    assert told == [("Frånvaro: uppgift saknas (tidigare 18,0 %)", -0.6)]


def test_a_part_that_moved_without_its_value_is_not_told():
    assert tell(explained([0.18, 1], [0.2, 0.1]), explained([0.18, 1], [0.9, 0.8])) == []


def test_features_of_one_model_alone_are_not_told():
    before = explained([0.06], [0.1], ("absence",))
    told = tell(before, explained([0.18, 3], [0.9, 0.6]))
    assert [text for text, _ in told] == ["Frånvaro: 18,0 % de senaste 30 dagarna (tidigare 6,0 %)"]


def test_different_pupils_are_refused():
    two = Explained(
        Explanation(np.zeros((2, 1)), 0.0, ("absence",)), pd.DataFrame({"absence": [0, 1]})
    )
    with pytest.raises(UsageError, match="must have the 1 pupils"):
        movement_texts(two, explained([0.1], [0.1], ("absence",)), [INFO])
