"""Every part of an audit stands on the page, in both languages, with its numbers."""

import re

import numpy as np
import pandas as pd
import pytest

from riskmodel.fairness.audit import audit, audit_inputs
from riskmodel.fairness.refits import ARMS
from riskmodel.fairness.specs import AuditSpec
from riskmodel.report.fairness_page import collect_fairness, render_fairness
from riskmodel.report.fairness_sections import describe_sections
from riskmodel.report.language import load_texts

SIZE = 6000
PARTS = (
    "scores", "sweep", "calibration", "multicalibration", "gaps", "small_groups", "subgroups",
    "decomposition", "label_bias", "inputs", "mitigation", "trends",
)  # fmt: skip


@pytest.fixture(scope="module")
def pupils():
    """Pupils of whom girls with a high score are missed more often."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "school_unit": rng.integers(0, 60, SIZE).astype(str),
            "sex": rng.choice(["Man", "Kvinna"], SIZE),
            "migration_background": rng.choice(["svensk bakgrund", "utrikes född"], SIZE),
            "cohort": rng.choice(["2024/25", "2025/26"], SIZE),
            "score": rng.normal(size=SIZE),
            "label": (rng.random(SIZE) < 0.4).astype(float),
        }
    )
    unlucky = frame["sex"].eq("Kvinna") & frame["score"].gt(0.43) & frame["label"].eq(1)
    chance = np.where(frame["label"] == 1, np.where(unlucky, 0.2, 0.6), 0.2)
    frame["risk"] = np.clip((rng.random(SIZE) < chance) * 0.5 + rng.random(SIZE) * 0.4, 0, 1)
    return frame


@pytest.fixture(scope="module")
def content(pupils):
    attributes = ["sex", "migration_background"]
    result = audit(
        pupils["label"], pupils["risk"], sensitive_features=pupils[attributes],
        cluster=pupils["school_unit"], cohort=pupils["cohort"], covariates=pupils[["score"]],
        threshold=0.5, n_resamples=199,
    )  # fmt: skip
    spec = AuditSpec(sensitive_features=tuple(attributes), threshold=0.5)
    rng = np.random.default_rng(0)
    risks = {"own": pupils["risk"]} | {
        name: np.clip(pupils["risk"] + 0.2 * rng.normal(size=SIZE), 0, 1) for name in ARMS
    }
    inputs = audit_inputs(
        pupils, risks, spec, base="own", family="logistic", proxies=["score"], random_state=0
    )
    return result.to_dict() | {"inputs": inputs}


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_part_has_its_section_with_an_explanation(content, language):
    t = load_texts(language)
    sections = describe_sections(content, t)
    assert [section["id"] for section in sections] == list(PARTS)
    for section in sections:
        assert section["blocks"][0]["text"] == t(f"fairness.{section['id']}.reading")
        assert len(section["blocks"]) > 1
    page = render_fairness(collect_fairness(content, run={}, language=language))
    for name in PARTS:
        assert f'<section id="{name}"' in page


def test_a_confirmed_subgroup_is_named_with_its_numbers(content):
    (found,) = content["subgroups"]["miss_rate"]["confirmed"][:1]
    page = render_fairness(collect_fairness(content, run={}, language="sv"))
    part = page[page.index('<section id="subgroups"') : page.index('<section id="decomposition"')]
    assert "flickor" in part
    digits = re.sub(r"\D", "", part)
    assert str(found["count"]) in digits
    assert f"{found['difference'] * 100:.1f}".replace(".", ",") in part


def test_the_change_of_auc_is_paired_and_small_changes_are_hidden(content, pupils):
    arms = content["inputs"]["arms"]
    assert set(arms) == set(ARMS)
    auc = arms[ARMS[0]]["auc"]
    assert auc["lower"] < auc["value"] < auc["upper"] < 0
    spec = AuditSpec(sensitive_features=("sex",), threshold=0.5)
    nudged = pupils["risk"].copy()
    nudged.iloc[pupils.index[(nudged >= 0.5)][:3]] = 0.0
    hidden = audit_inputs(
        pupils, {"own": pupils["risk"], **dict.fromkeys(ARMS, nudged)}, spec,
        base="own", family="logistic", proxies=[], random_state=0,
    )  # fmt: skip
    for arm in hidden["arms"].values():
        assert arm["attributes"][0]["change"] == {"reason": "suppressed"}


def test_parts_that_cannot_be_said_say_why(pupils):
    few = pupils[pupils["school_unit"].isin(["1", "2", "3"])]
    result = audit(
        few["label"], few["risk"], sensitive_features=few[["sex"]], cluster=few["school_unit"],
        capacity=0.2, n_resamples=99,
    )  # fmt: skip
    sections = {one["id"]: one for one in describe_sections(result.to_dict(), load_texts("sv"))}
    for name in ("subgroups", "decomposition", "mitigation", "trends"):
        assert sections[name]["blocks"][1]["text"].startswith("Det går inte att säga")


def test_the_strata_of_an_audit_with_controls_are_its_control_features(pupils):
    result = audit(
        pupils["label"], pupils["risk"], sensitive_features=pupils["sex"],
        control_features=pupils["migration_background"], cluster=pupils["school_unit"],
        capacity=0.2, n_resamples=99,
    )  # fmt: skip
    names = [attribute["name"] for attribute in result.attributes]
    assert names == ["sex", "migration_background", "sex × migration_background"]
    reasons = {g["comparisons"]["miss_rate"]["reason"] for g in result.attributes[1]["groups"]}
    assert reasons == {"too_few"}
    assert result.attributes[0]["groups"][0]["comparisons"]["miss_rate"]["reason"] is None
