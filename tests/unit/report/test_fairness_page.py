import copy
import re

import pytest

from riskmodel.report.fairness_page import collect_fairness, render_fairness


def make_group(name, feature="sex", **figures):
    """Return a group in which everything is known, with some figures changed."""
    measures = {
        "base_rate": 0.2, "selection_rate": 0.1, "recall": 0.4, "miss_rate": 0.6,
        "false_positive_rate": 0.05, "false_discovery_rate": 0.3, "precision": 0.7,
        "mean_risk": 0.2, "risk_minus_observed": -0.01,
    }  # fmt: skip
    group = {
        "group": name,
        "values": {feature: name},
        "counts": {"count": {"value": 1000}, "n_positive": {"value": 200},
                   "n_flagged": {"value": 100}},
        "measures": {key: {"value": value, "lower": value - 0.02, "upper": value + 0.02,
                           "method": "test"} for key, value in measures.items()},
        "comparisons": {key: make_comparison() for key in ("miss_rate", "false_positive_rate")},
    }  # fmt: skip
    for key, figure in figures.items():
        part = "measures" if "value" in figure else "comparisons"
        group[part][key] = figure
    return group


def make_comparison(**changes):
    return {"difference": 0.01, "lower": -0.03, "upper": 0.05, "p_value": 0.7, "flagged": False,
            "reason": None, "method": "test"} | changes  # fmt: skip


def make_audit(*groups, feature="sex", dropped=0):
    overall = make_group("all")
    return {
        "schema_version": 2,
        "settings": {"capacity": 0.15, "threshold": None, "level": 0.95, "minimum_count": 10,
                     "n_resamples": 999, "is_clustered": True, "n_clusters": 30},
        "n_dropped": {"value": dropped},
        "overall": {"counts": overall["counts"], "measures": overall["measures"]},
        "attributes": [{"name": feature, "features": [feature], "groups": list(groups)}],
    }  # fmt: skip


def find_lines(audit, title, **options):
    data = collect_fairness(audit, run={"outcome": "eligible_vocational"}, **options)
    return next(f["lines"] for f in data["findings"] if f["title"] == title)


def test_there_are_three_findings(audit, examples):
    data = collect_fairness(audit, run=examples.TEST_RUN)
    titles = [finding["title"] for finding in data["findings"]]
    assert titles == ["Så ofta blir det fel", "Vem missas oftare?", "Vem larmas det om i onödan?"]
    assert all(finding["lines"] for finding in data["findings"])


def test_a_sure_difference_is_said_with_its_size():
    flagged = make_comparison(difference=0.124, lower=0.05, upper=0.2, flagged=True)
    audit = make_audit(make_group("Man"), make_group("Kvinna", miss_rate=flagged))
    (line,) = find_lines(audit, "Vem missas oftare?")
    assert line == (
        "Elever i gruppen ”flickor” (kön) missas oftare än övriga (60\u00a0% mot 48\u00a0%). "
        "Skillnaden är 12 procentenheter (osäkerhet 5–20)."
    )


def test_the_size_agrees_with_the_shares_beside_it():
    flagged = make_comparison(difference=0.1251, lower=0.05, upper=0.2, flagged=True)
    value = {"value": 0.5849, "lower": 0.5, "upper": 0.6}
    group = make_group("Kvinna", miss_rate=flagged)
    group["measures"]["miss_rate"] = value
    (line,) = find_lines(make_audit(make_group("Man"), group), "Vem missas oftare?")
    assert "(58\u00a0% mot 46\u00a0%)" in line
    assert "Skillnaden är 12 procentenheter" in line


def test_fewer_misses_are_said_as_such():
    flagged = make_comparison(difference=-0.1, lower=-0.15, upper=-0.05, flagged=True)
    audit = make_audit(make_group("Kvinna", miss_rate=flagged))
    (line,) = find_lines(audit, "Vem missas oftare?")
    assert "mer sällan" in line
    assert "(osäkerhet 5–15)" in line


def test_no_sure_difference_is_not_called_equality():
    audit = make_audit(make_group("Man"), make_group("Kvinna"))
    lines = find_lines(audit, "Vem missas oftare?")
    assert lines[0].startswith("2 grupper kunde jämföras")
    assert "inte att grupperna behandlas lika" in lines[1]
    assert "upp till 5 procentenheter" in lines[1]


def test_a_hidden_difference_is_told_without_figures():
    hidden = {"difference": None, "lower": None, "upper": None, "p_value": None, "flagged": True,
              "reason": "suppressed", "method": "test"}  # fmt: skip
    audit = make_audit(make_group("Kvinna", miss_rate=hidden))
    (line,) = find_lines(audit, "Vem missas oftare?")
    assert "”flickor” (kön) skiljer sig säkert" in line
    assert not re.search(r"\d", line)


def test_who_fares_worse_comes_first_and_the_rest_are_counted():
    groups = [
        make_group(
            f"g{number}",
            miss_rate=make_comparison(
                difference=size, lower=size - 0.01, upper=size + 0.01, flagged=True
            ),
        )
        for number, size in enumerate([-0.3, 0.1, 0.2, 0.15])
    ]
    lines = find_lines(make_audit(*groups), "Vem missas oftare?")
    assert [re.search("g[0-9]", line).group() for line in lines[:2]] == ["g2", "g3"]
    assert lines[2].startswith("Ytterligare 2 grupper")


def test_nothing_compared_is_said():
    silent = make_comparison(difference=None, lower=None, upper=None, p_value=None,
                             flagged=None, reason="too_few")  # fmt: skip
    audit = make_audit(make_group("Man", miss_rate=silent))
    assert "Inget kan sägas ännu" in find_lines(audit, "Vem missas oftare?")[0]


def test_undefined_overall_rates_are_said_once():
    audit = make_audit(make_group("Man"))
    for name in ("miss_rate", "false_positive_rate"):
        audit["overall"]["measures"][name] = {"value": None, "reason": "no_positives"}
    assert len(find_lines(audit, "Så ofta blir det fel")) == 1


def test_groups_too_small_are_named_under_what_cannot_be_said():
    silent = make_comparison(difference=None, flagged=None, reason="too_few")
    groups = [make_group(f"g{number}", miss_rate=silent) for number in range(3)]
    unsaid = collect_fairness(make_audit(*groups), run={})["unsaid"]
    assert "Om 3 grupper missas oftare" in unsaid[0]
    assert "”g0” (kön); ”g1” (kön) och 1 till" in unsaid[0]


@pytest.mark.parametrize(
    ("dropped", "expected"),
    [
        (None, "Färre än 10 elever har inget känt utfall"),
        (1, "En elev"),
        (25, "25 elever"),
        (0, ""),
    ],
)
def test_pupils_without_outcome_are_counted(dropped, expected):
    unsaid = collect_fairness(make_audit(make_group("Man"), dropped=dropped), run={})["unsaid"]
    found = [line for line in unsaid if "inget känt utfall" in line]
    assert len(found) == bool(expected)
    assert not found or found[0].startswith(expected)


def test_groups_stand_in_their_natural_order():
    names = ["unknown", "eftergymnasial", "något eget", "förgymnasial", "gymnasial"]
    groups = [make_group(name, feature="parental_education") for name in names]
    data = collect_fairness(make_audit(*groups, feature="parental_education"), run={})
    table = next(b for s in data["sections"] for b in s["blocks"] if b["kind"] == "table")
    assert [row["label"] for row in table["rows"]] == [
        "förgymnasial", "gymnasial", "eftergymnasial", "något eget", "uppgift saknas",
        "Alla elever",
    ]  # fmt: skip


def test_every_rate_has_its_count():
    data = collect_fairness(make_audit(make_group("Man")), run={})
    tables = [b for s in data["sections"] for b in s["blocks"] if b["kind"] == "table"]
    hits = next(table for table in tables if table["id"].endswith("-hits"))
    ranges = [cell["range"] for cell in hits["rows"][0]["cells"]]
    assert [text.split("· ")[1] for text in ranges] == [
        "120 av 200", "80 av 200", "40 av 800", "30 av 100", "70 av 100",
    ]  # fmt: skip


def test_suppressed_figures_are_marked_and_give_no_count():
    group = make_group("Kvinna", miss_rate={"value": None, "reason": "suppressed"})
    group["counts"]["n_positive"] = {"value": None, "reason": "suppressed"}
    data = collect_fairness(make_audit(make_group("Man"), group), run={})
    tables = [b for s in data["sections"] for b in s["blocks"] if b["kind"] == "table"]
    hits = next(table for table in tables if table["id"].endswith("-hits"))
    row = next(row for row in hits["rows"] if row["label"] == "flickor")
    assert row["cells"][0] == {"reason": "dolt"}
    assert " av " not in row["cells"][2].get("range", "")
    assert "”Dolt” betyder att talet bygger på färre än 10 elever" in re.sub(
        r"\s+", " ", render_fairness(data)
    ).replace("\u00a0", " ")


def test_a_flag_is_strong_and_silence_is_not_a_pass():
    flagged = make_comparison(flagged=True)
    silent = make_comparison(difference=None, flagged=None, reason="too_few")
    audit = make_audit(
        make_group("a", miss_rate=flagged), make_group("b"), make_group("c", miss_rate=silent)
    )
    data = collect_fairness(audit, run={})
    tables = [b for s in data["sections"] for b in s["blocks"] if b["kind"] == "table"]
    table = next(table for table in tables if table["id"].endswith("-differences"))
    verdicts = [row["cells"][1]["text"] for row in table["rows"]]
    assert verdicts == ["skiljer sig", "ingen säker skillnad", "kan inte sägas"]
    assert "<strong>skiljer sig</strong>" in render_fairness(data)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"capacity": 0.15}, "om de 15\u00a0% med högst"),
        ({"capacity": 40}, "om de 40 med högst"),
        ({"capacity": None, "threshold": 0.3}, "om alla med minst 30\u00a0% beräknad risk"),
    ],
)
def test_the_rule_is_told(settings, expected):
    audit = make_audit(make_group("Man"))
    audit["settings"] |= settings
    data = collect_fairness(audit, run={"cohort": "2024/25", "point": "november"})
    scope = next(fact["text"] for fact in data["facts"] if fact["label"] == "Omfattar")
    assert scope.startswith("2024/25, november: 1\u00a0000 elever med känt utfall")
    assert expected in scope


def test_every_figure_of_the_charts_is_in_a_table(audit, examples):
    html = render_fairness(collect_fairness(audit, run=examples.TEST_RUN))
    assert html.count("<svg") == html.count('class="chart"') >= 4
    for name in ("miss_rate", "false_positive_rate"):
        for attribute in audit["attributes"]:
            for group in attribute["groups"]:
                value = group["measures"][name]["value"]
                if value is not None:
                    assert f"{value * 100:.1f}".replace(".", ",") + "\u00a0%" in html


def test_the_audit_is_not_changed(audit, examples):
    before = copy.deepcopy(audit)
    collect_fairness(audit, run=examples.TEST_RUN)
    assert audit == before
