import copy
import re

import pytest

from riskmodel.report.model_card import collect_model_card, render_model_card


def find_section(data, name):
    return next(section for section in data["sections"] if section["id"] == name)


def find_tables(section):
    blocks = section["blocks"]
    beside = [block["table"] for block in blocks if block["kind"] == "beside"]
    return [block for block in blocks if block["kind"] == "table"] + beside


def test_the_card_has_all_its_sections(evaluation, card_arguments):
    data = collect_model_card(evaluation, **card_arguments)
    assert [section["id"] for section in data["sections"]] == [
        "purpose", "scope", "data", "features", "model", "worth", "calibration", "importances",
        "fairness", "limits", "oversight", "legal", "provenance",
    ]  # fmt: skip


def test_all_candidates_stand_beside_the_chosen_one(evaluation, card_arguments):
    section = find_section(collect_model_card(evaluation, **card_arguments), "model")
    tables = find_tables(section)
    assert tables
    for table in tables:
        labels = [row["label"] for row in table["rows"]]
        assert labels[0] == "Additiv modell"
        assert labels[-1] == "Gradientförstärkta träd"
        assert set(labels) == {
            "Additiv modell", "Logistisk regression", "Enkel regel: absence_15",
            "Genomsnittet för alla", "Gradientförstärkta träd",
        }  # fmt: skip
        assert [row["is_chosen"] for row in table["rows"]] == [True, False, False, False, False]


def test_measures_have_intervals_or_reasons(evaluation, card_arguments):
    section = find_section(collect_model_card(evaluation, **card_arguments), "model")
    cells = {row["label"]: row["cells"] for table in find_tables(section) for row in table["rows"]}
    assert cells["Genomsnittet för alla"][0] == {"reason": "kan inte beräknas"}
    assert all("range" in cell for cell in cells["Additiv modell"])


@pytest.mark.parametrize(
    ("trained", "expected"),
    [
        ({"chosen": "logistic", "log_loss": {"logistic": 0.36, "additive": 0.3599}},
         "då väljs den enklare"),
        ({"chosen": "additive", "log_loss": {"logistic": 0.36, "additive": 0.35}},
         "den bättre än logistisk regression, med mer än ett medelfel"),
        ({"chosen": "additive", "log_loss": {"additive": 0.35}}, "Vald: additiv modell."),
        ({"chosen": "logistic", "reason": "Named in the configuration.",
          "log_loss": {"logistic": 0.36, "additive": 0.3}}, "Vald: logistisk regression."),
    ],
)  # fmt: skip
def test_the_choice_is_told(evaluation, card_arguments, trained, expected):
    arguments = card_arguments | {"training": {"november": trained}}
    section = find_section(collect_model_card(evaluation, **arguments), "model")
    texts = [block["text"] for block in section["blocks"] if block["kind"] == "text"]
    assert any(expected in text for text in texts)


def test_the_cost_of_insight_is_told(evaluation, card_arguments):
    html = render_model_card(collect_model_card(evaluation, **card_arguments))
    assert re.search(r"skillnaden i AUC mot träden är −?0,0\d\d \(−0,\d{3}", html)
    without = copy.deepcopy(evaluation)
    unknown = {"value": None, "reason": "not defined: x"}
    without["points"]["november"]["comparison"]["auc_difference"] = unknown
    html = render_model_card(collect_model_card(without, **card_arguments))
    assert "jämfört med träden: kan inte beräknas" in html


def test_cohorts_left_out_of_training_are_named(evaluation, card_arguments):
    html = render_model_card(collect_model_card(evaluation, **card_arguments))
    assert "utanför träningen" not in html
    left_out = {"left_out": ["2022/23", "2023/24"], "first_test_date": "2022-06-16"}
    models = {"november": card_arguments["models"]["november"] | left_out}
    card = collect_model_card(evaluation, **card_arguments | {"models": models})
    assert "För november lämnades 2022/23, 2023/24 utanför träningen" in render_model_card(card)


def test_the_leakage_test_is_told_with_what_was_accepted(evaluation, card_arguments):
    finding = {"name": "moved:late_visits", "is_accepted": True}
    leakage = {"n_perturbed": 12_340, "n_features": 41, "n_moved": 1, "findings": [finding]}
    run = card_arguments["run"] | {"leakage": leakage}
    page = render_model_card(collect_model_card(evaluation, **card_arguments | {"run": run}))
    assert "40 av 41 mått rörde sig inte" in page
    assert "moved:late_visits" in page


def test_small_counts_of_the_flow_are_rounded_away(evaluation, card_arguments):
    section = find_section(collect_model_card(evaluation, **card_arguments), "data")
    (table,) = find_tables(section)
    assert len(table["rows"]) == len(card_arguments["flow"])
    for row, entry in zip(table["rows"], card_arguments["flow"], strict=True):
        for cell, name in zip(row["cells"][1:], ("eligible", "labelled"), strict=True):
            assert ("reason" in cell) == (0 < entry[name] < 10)
            assert int(cell.get("text", "0").replace("\u00a0", "")) % 10 == 0


def test_the_flow_may_be_given_step_by_step(evaluation, card_arguments):
    long = [
        {"cohort": row["cohort"], "point": row["point"], "step": step, "count": count}
        for row in card_arguments["flow"]
        for step, count in row.items()
        if step not in ("cohort", "point")
    ]
    wide = collect_model_card(evaluation, **card_arguments)
    again = collect_model_card(evaluation, **card_arguments | {"flow": long})
    assert find_section(again, "data") == find_section(wide, "data")


def test_points_stand_in_order_of_time(evaluation, card_arguments):
    entry = evaluation["points"]["november"]
    both = {**evaluation, "points": {"february": entry, "november": entry}}
    models = {"november": {}, "february": {}}
    data = collect_model_card(both, **card_arguments | {"models": models})
    headings = [b["text"] for b in find_section(data, "model")["blocks"] if b["kind"] == "heading"]
    assert headings == ["November", "Februari"]


def test_features_stand_by_domain_without_their_flags(evaluation, card_arguments):
    section = find_section(collect_model_card(evaluation, **card_arguments), "features")
    tables = find_tables(section)
    assert [table["caption"] for table in tables] == [
        "Skolnärvaro", "Kunskapsutveckling", "Skolmiljö", "Elevhälsa",
    ]  # fmt: skip
    assert [row["label"] for row in tables[0]["rows"]] == ["Frånvaro", "Ogiltig frånvaro"]
    assert tables[1]["rows"][0]["cells"][1]["text"] == "högre värde, lägre risk"


def test_the_calibration_curve_has_its_table(evaluation, card_arguments):
    section = find_section(collect_model_card(evaluation, **card_arguments), "calibration")
    curve = evaluation["points"]["november"]["models"]["additive"]["calibration_curve"]
    (table,) = find_tables(section)
    assert len(table["rows"]) == len(curve) > 3
    figure = next(block["figure"] for block in section["blocks"] if block["kind"] == "beside")
    assert figure["svg"].startswith("<svg")


def test_observed_shares_have_their_interval(evaluation, card_arguments):
    section = find_section(collect_model_card(evaluation, **card_arguments), "calibration")
    (table,) = find_tables(section)
    assert all("–" in row["cells"][1]["range"] for row in table["rows"])


def test_it_says_how_many_pupils_of_how_many_schools_it_was_tested_on(evaluation, card_arguments):
    card = collect_model_card(evaluation, **card_arguments)
    blocks = [block for section in card["sections"] for block in section.get("blocks", ())]
    measured = evaluation["points"]["november"]["models"]["additive"]
    (text,) = [
        block["text"] for block in blocks
        if block["kind"] == "text" and "med känt utfall i" in block["text"]
    ]  # fmt: skip
    assert f"i {measured['n_clusters']} skolor" in text
    hidden = copy.deepcopy(evaluation)
    hidden["points"]["november"]["models"]["additive"]["n"] = None
    assert "med känt utfall i" not in str(collect_model_card(hidden, **card_arguments))


def test_importances_are_sorted_shares(evaluation, card_arguments):
    section = find_section(collect_model_card(evaluation, **card_arguments), "importances")
    (table,) = find_tables(section)
    shares = [int(row["cells"][0]["text"].split("\u00a0")[0]) for row in table["rows"]]
    assert shares == sorted(shares, reverse=True)
    assert table["rows"][0]["label"] == "Meritvärde"


def test_a_card_without_audit_warns(evaluation, card_arguments):
    data = collect_model_card(evaluation, **card_arguments | {"audit": None})
    text = find_section(data, "fairness")["blocks"][0]["text"]
    assert "bör inte användas" in text


def test_a_card_of_the_barest_facts_is_still_a_card():
    evaluation = {"level": 0.95, "capacity": 10, "points": {"end": {
        "cohorts": [], "comparison": {}, "models": {"logistic": {
            "n": None, "auc": {"value": None, "reason": "suppressed: x"}, "calibration_curve": []}},
    }}}  # fmt: skip
    data = collect_model_card(evaluation, run={}, models={}, training={})
    names = [section["id"] for section in data["sections"]]
    assert "features" not in names
    assert "calibration" not in names
    html = render_model_card(data)
    assert "Ingen angiven" in html
    assert "dolt" in html


def test_columns_that_meant_nothing_are_named(evaluation, card_arguments):
    html = render_model_card(collect_model_card(evaluation, **card_arguments))
    assert "eftersom alla elever var lika: Uppgift saknas: Frånvaro" in html


@pytest.mark.parametrize(
    ("is_cross_fitted", "expected"), [(False, "tidigare årskullar"), (True, "korsvis anpassning")]
)
def test_the_kind_of_test_is_told(evaluation, card_arguments, is_cross_fitted, expected):
    run = card_arguments["run"] | {"is_cross_fitted": is_cross_fitted}
    section = find_section(collect_model_card(evaluation, **card_arguments | {"run": run}), "data")
    texts = [block["text"] for block in section["blocks"] if block["kind"] == "text"]
    assert any(expected in text for text in texts)


def test_provenance_holds_versions_hashes_and_seed(evaluation, card_arguments):
    html = render_model_card(collect_model_card(evaluation, **card_arguments))
    for expected in ("0.1.0", "2026", "ab" * 32, "cd" * 32, "12" * 32, "scikit-learn 1.9.0"):
        assert expected in html
