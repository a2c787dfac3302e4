import numpy as np
import pandas as pd
import pytest
from scipy.special import expit


def draw_pupils(seed, *, n_schools, per_school, school_sd=0.5, model="logistic"):
    """Draw pupils whose outcomes share a school effect that the risk sees by half."""
    rng = np.random.default_rng(seed)
    school = np.repeat(np.arange(n_schools), per_school)
    effect = rng.normal(0, school_sd, n_schools)[school]
    bias = rng.normal(0, 0.3 if school_sd else 0.0, n_schools)[school]
    own = rng.normal(size=len(school))
    label = (rng.random(len(school)) < expit(-1.9 + 1.1 * own + effect)).astype(float)
    return pd.DataFrame(
        {
            "subject_id": [f"{number:08x}" for number in range(len(school))],
            "prediction_date": pd.Timestamp("2024-11-01"),
            "cohort": "2024/25",
            "point": "november",
            "school_unit": [f"school-{number:04d}" for number in school],
            "label": label,
            "model": model,
            "risk": expit(-1.9 + 1.1 * own + 0.5 * effect + bias),
        }
    )


@pytest.fixture(scope="session")
def draw():
    return draw_pupils


@pytest.fixture(scope="session")
def pupils():
    return draw_pupils(7, n_schools=20, per_school=30)
