import numpy as np
import pandas as pd
import pytest

from riskmodel.explanation.phrases import Reason


@pytest.fixture
def make_rows():
    def make(sizes=(8, 3), seed=1, **columns):
        generator = np.random.default_rng(seed)
        rows = pd.DataFrame({
            "subject_id": [f"subject-{number:03d}" for number in range(sum(sizes))],
            "school_unit": [f"School {s}" for s, size in enumerate(sizes) for _ in range(size)],
            "prediction_date": "2026-11-01",
            "risk": generator.random(sum(sizes)).round(3),
        })  # fmt: skip
        return rows.assign(**columns)

    return make


@pytest.fixture
def make_reason():
    def make(text="Frånvaro: 20 %", **changes):
        fields = {"feature": "absence", "domain": "school_attendance", "text": text,
                  "contribution": 0.5, "changeable": True, "is_missing": False}  # fmt: skip
        return Reason(**(fields | changes))

    return make
