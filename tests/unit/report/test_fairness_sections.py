"""Every part of an audit stands on the page, in both languages, with its numbers."""

import re

import numpy as np
import pandas as pd
import pytest

from riskmodel.fairness.audit import audit, audit_inputs, audit_retraining
from riskmodel.fairness.refits import ARMS
from riskmodel.fairness.specs import AuditSpec
from riskmodel.models.mitigated import METHODS
from riskmodel.report.fairness_page import collect_fairness, render_fairness
from riskmodel.report.fairness_sections import describe_sections
from riskmodel.report.language import load_texts

SIZE = 6000
PARTS = (
    "scores", "sweep", "calibration", "multicalibration", "gaps", "small_groups", "subgroups",
    "decomposition", "label_bias", "inputs", "mitigation", "retraining", "trends",
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
    moved = {
        (name, method): np.clip(pupils["risk"] + 0.2 * rng.normal(size=SIZE), 0, 1)
        for name in attributes for method in METHODS
    }  # fmt: skip
    retraining = audit_retraining(
        pupils, pupils["risk"], moved, spec, family="logistic", random_state=0
    )
    return result.to_dict() | {"inputs": inputs, "retraining": retraining}


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


def find_section(content, name, language="sv"):
    sections = describe_sections(content, load_texts(language))
    return next(section for section in sections if section["id"] == name)


def test_an_arm_of_which_all_is_hidden_says_so(content):
    hidden = {"reason": "suppressed"}
    arms = {
        arm: {**part, "attributes": [{**one, "change": hidden} for one in part["attributes"]]}
        for arm, part in content["inputs"]["arms"].items()
    }
    changed = {**content, "inputs": {**content["inputs"], "arms": arms}}
    texts = [one.get("text") for one in find_section(changed, "inputs")["blocks"]]
    assert texts.count("Det går inte att säga: dolt.") == len(ARMS)


def test_each_group_with_a_curve_has_it_drawn_and_told(content):
    blocks = find_section(content, "calibration")["blocks"]
    (figures,) = [block["figures"] for block in blocks if block["kind"] == "figures"]
    groups = [g for a in content["calibration"]["attributes"] for g in a["groups"] if g["curve"]]
    assert len(figures) == 1 + len(groups)
    first = content["calibration"]["curve"][0]
    assert f"{first['observed'] * 100:.0f}" in figures[0]["caption"]
    assert "<svg" in figures[0]["svg"]


def test_the_frontier_stands_with_its_group_and_every_step(content):
    tables = {b["id"]: b for b in find_section(content, "mitigation")["blocks"] if "id" in b}
    for number, attribute in enumerate(content["mitigation"]["attributes"], start=1):
        table = tables[f"mitigation-{number}-frontier-table"]
        assert len(table["rows"]) == 1 + len(attribute["frontier"]["steps"])
        assert table["columns"][-1]["label"].startswith("Andel nådda: ")
        shown = f"{attribute['frontier']['gap']['value'] * 100:.1f}".replace(".", ",")
        assert table["rows"][0]["cells"][-1]["text"].lstrip("+") == shown.replace("-", "\u2212")


def test_retraining_shows_each_method_of_each_attribute(content):
    table = find_section(content, "retraining")["blocks"][1]
    assert len(table["rows"]) == 2 * len(METHODS)
    change = content["retraining"]["attributes"][0]["methods"][METHODS[0]]
    assert table["rows"][0]["cells"][0]["text"] == str(change["entering"])


def test_hidden_retraining_is_told(content):
    hidden = {method: {"reason": "suppressed"} for method in METHODS}
    attributes = [{**one, "methods": hidden} for one in content["retraining"]["attributes"]]
    changed = {**content, "retraining": {"family": "logistic", "attributes": attributes}}
    blocks = find_section(changed, "retraining", "en")["blocks"]
    assert "not shown" in blocks[-1]["text"]
    assert {cell["reason"] for row in blocks[1]["rows"] for cell in row["cells"]} == {"hidden"}
