from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

OTHERS_NEEDED = 5


@pytest.fixture(scope="module")
def joined(whole) -> pd.DataFrame:
    outcomes = whole.read("outcomes")
    outcomes = outcomes[outcomes["status"] == "observed"]
    return whole.truth.merge(outcomes, on=["person_id", "outcome"])


@pytest.mark.parametrize("outcome", ["eligible_vocational", "diploma"])
def test_outcomes_happen_as_often_as_their_true_risk_says(joined, outcome):
    rows = joined[joined["outcome"] == outcome]
    groups = rows.groupby(pd.cut(rows["true_risk"], np.linspace(0, 1, 11)), observed=True)
    for _, group in groups:
        expected, variance = (
            group["true_risk"].mean(),
            group["true_risk"] * (1 - group["true_risk"]),
        )
        error = np.sqrt(variance.sum()) / len(group)
        assert abs((1 - group["value"]).mean() - expected) < 4 * error + 1e-9


@pytest.mark.parametrize("column", ["migration_background", "parental_education"])
def test_true_risk_is_calibrated_in_every_group(joined, column):
    for _, group in joined.groupby(["outcome", column]):
        error = np.sqrt((group["true_risk"] * (1 - group["true_risk"])).sum()) / len(group)
        assert abs((1 - group["value"]).mean() - group["true_risk"].mean()) < 4 * error


def test_true_risk_adds_nothing_once_known(joined):
    """Latent traits do not predict what the true risk leaves over."""
    for _, rows in joined.groupby("outcome"):
        residual = (1 - rows["value"]) - rows["true_risk"]
        for trait in ("ability", "engagement", "mental_health", "disengagement", "adaptation"):
            correlation = np.corrcoef(residual, rows[trait])[0, 1]
            assert abs(correlation) < 4 / np.sqrt(len(rows))


def test_eligibility_follows_from_the_final_grades(whole):
    grades = whole.read("grades")
    final = grades[(grades["school_year"] == 9) & grades["is_final"] & grades["points"].isna()]
    final = final.assign(
        passed=~final["grade"].isin(["F", "-"]), subject=final["subject"].replace("SVA", "SV")
    )
    passed = final.pivot(index="person_id", columns="subject", values="passed")
    passed = passed.fillna(False).astype(bool)
    core = passed[["SV", "EN", "MA"]].all(axis=1)
    others = passed.drop(columns=["SV", "EN", "MA"]).sum(axis=1)
    eligible = (core & (others >= OTHERS_NEEDED)).rename("eligible")
    outcomes = whole.read("outcomes")
    rows = outcomes[
        (outcomes["outcome"] == "eligible_vocational") & (outcomes["status"] == "observed")
    ]
    rows = rows.merge(eligible, left_on="person_id", right_index=True)
    assert len(rows) > 18_000
    assert (rows["value"].astype(bool) == rows["eligible"]).all()


def test_a_diploma_includes_the_project(whole):
    outcomes = whole.read("outcomes").query("outcome == 'diploma' and status == 'observed'")
    without = set(outcomes[outcomes["value"] == 0]["person_id"])
    grades = whole.read("grades")
    projects = grades[grades["subject"] == "GYAR"]
    assert set(projects["grade"]) == {"E"}
    assert not without & set(projects["person_id"])
    assert len(projects) > 0.9 * (outcomes["value"] == 1).sum()


def test_truth_is_apart_and_complete(whole):
    truth = whole.truth
    assert truth["true_risk"].between(0, 1).all()
    assert not truth.duplicated(["person_id", "outcome"]).any()
    assert truth["parental_education"].notna().all()
    for name in ("persons", "outcomes", "enrolments", "grades"):
        assert "true_risk" not in whole.read(name).columns
