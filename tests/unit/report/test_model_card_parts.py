"""The parts of the model card on validation in time, worth and the scorecard."""

import pytest

from riskmodel.report.language import load_texts
from riskmodel.report.model_card_leaving import leaving_blocks
from riskmodel.report.model_card_periods import period_blocks
from riskmodel.report.model_card_scorecard import scorecard_blocks
from riskmodel.report.model_card_worth import worth_blocks

FIGURE = {"value": 0.5, "lower": 0.4, "upper": 0.6, "method": "m"}
HIDDEN = {"value": None, "reason": "suppressed: rests on fewer than 10 pupils"}
INFOS = [
    {"name": "absence", "name_sv": "Frånvaro", "name_en": "Absence", "unit": "share",
     "window_sv": "i höst", "window_en": "this autumn"},
    {"name": "late", "name_sv": "Sen", "name_en": "Late", "unit": "flag"},
]  # fmt: skip
CARD = {
    "lines": [
        {"feature": "absence", "points": 2, "at_least": 0.15},
        {"feature": "absence", "points": -1, "below": 0.02},
        {"feature": "late", "points": 1, "at_least": 1.0},
        {"feature": "late", "points": 3},
    ],
    "risks": [{"total": total, "risk": 0.1 + total / 100} for total in range(70)],
    "n_equally_good": 4,
}


@pytest.mark.parametrize(
    ("language", "conditions"),
    [
        ("sv", ["minst 15,0\u00a0%", "under 2,0\u00a0%", "ja", "uppgiften saknas"]),
        ("en", ["at least 15.0%", "below 2.0%", "yes", "not known"]),
    ],
)
def test_a_card_is_read_line_by_line(language, conditions):
    _, lines, sums, pool = scorecard_blocks(
        {"november": {"scorecard": CARD}, "february": {"scorecard": None}}, INFOS,
        load_texts(language),
    )  # fmt: skip
    assert [row["cells"][0]["text"] for row in lines["rows"]] == conditions
    assert [row["cells"][1]["text"] for row in lines["rows"]] == ["+2", "\u22121", "+1", "+3"]
    assert len(sums["rows"]) <= 31
    assert sums["rows"][-1]["label"] == "69"
    assert "4" in pool["text"]


def test_without_a_scorecard_there_is_no_section():
    assert scorecard_blocks({"november": {}}, INFOS, load_texts("sv")) == []


def make_training(**more):
    return {
        "november": {
            "chosen": "logistic",
            "trained_on": ["2021/22", "2022/23", "2023/24"],
            "tested_on": ["2024/25"],
            "periods": [
                {"test": "2023/24", "train": ["2021/22", "2022/23"], "first_date": "2023-11-01"}
            ],
            **more,
        }
    }


def test_the_splits_are_drawn_and_told():
    t = load_texts("sv")
    period = {**make_training()["november"]["periods"][0], "regret": {"logistic": 0.0012},
              "models": {"logistic": {"auc": FIGURE, "calibration_slope": HIDDEN}}}  # fmt: skip
    evaluation = {"points": {"november": {"periods": [period]}}}
    _, figures, table = period_blocks(evaluation, make_training(), t)
    (figure,) = figures["figures"]
    assert "2023/24: tränad på 2021/22, 2022/23, prövad på 2023/24." in figure["caption"]
    assert "tränad på 2021/22\u20132023/24, prövad på 2024/25" in figure["caption"]
    assert figure["svg"].count("#0f5b66") == 2, "one cell is dark for each tested cohort"
    cells = table["rows"][0]["cells"]
    assert cells[0]["text"] == "0,500"
    assert cells[1]["reason"] == "dolt"
    assert cells[2]["text"] == "0,0012"


def test_a_cross_fitted_run_has_no_picture_of_time():
    training = make_training(tested_on=["2021/22", "2022/23", "2023/24"], periods=[])
    assert period_blocks({"points": {"november": {}}}, training, load_texts("sv")) == []


def test_the_worth_of_a_list_stands_in_words_and_tables():
    size = {"share": 0.1, "count": 1234, "precision": FIGURE, "recall": FIGURE, "lift": FIGURE}
    decision = {"threshold": 0.2, "net_benefit": FIGURE, "meet_everyone": FIGURE}
    modes = {
        mode: dict.fromkeys(
            ("auc", "base_rate", "recall_at_capacity", "precision_at_capacity"), FIGURE
        )
        for mode in ("left_out", "not_completed", "completed")
    }
    keys = ("auc", "auc_difference", "calibration_slope", "calibration_intercept")
    evaluation = {
        "points": {
            "november": {
                "models": {"logistic": {"at_shares": [size], "decision_curve": [decision]}},
                "targeting": {"recall": FIGURE, "school_only_recall": FIGURE,
                              "difference": FIGURE},
                "label_modes": modes,
            }
        },
        "sources": [{"source": "mental_health", "auc": FIGURE, "recall": HIDDEN}],
        "unseen": {"municipality": dict.fromkeys(keys, FIGURE)},
        "churn": [{"from": "november", "to": "february", "share_new": FIGURE,
                   "auc_less_than_last": HIDDEN}],
    }  # fmt: skip
    blocks = worth_blocks(evaluation, make_training(), load_texts("sv"))
    tables = {block["id"]: block for block in blocks if block["kind"] == "table"}
    assert list(tables) == [
        "worth-sizes-november", "worth-decisions-november", "worth-modes-november",
        "worth-sources", "worth-unseen", "worth-time",
    ]  # fmt: skip
    (said,) = [block["text"] for block in blocks if block["kind"] == "text"]
    assert "Listan når 50\u00a0% av eleverna med utfallet" in said
    assert tables["worth-sources"]["rows"][0]["label"] == "Elevhälsa"
    assert tables["worth-sources"]["rows"][0]["cells"][1]["reason"] == "dolt"
    assert tables["worth-unseen"]["rows"][0]["label"] == "Elevens kommun"


def test_what_cannot_be_said_of_the_worth_is_told():
    evaluation = {"points": {"november": {"models": {"logistic": {}}, "targeting": {
        "difference": {"value": None, "reason": "not defined: no earlier cohort"}}}}}  # fmt: skip
    blocks = worth_blocks(evaluation, make_training(), load_texts("en"))
    assert len(blocks) == 2
    assert "cannot be said" in blocks[1]["text"]


@pytest.mark.parametrize(
    ("figure", "said"),
    [(FIGURE, "AUC changes by 0.500 (0.400\u20130.600)"), (HIDDEN, "cannot be said: hidden")],
)
def test_cohorts_in_which_a_list_was_used_are_told(figure, said):
    evaluation = {"points": {}, "screened": {"cohorts": ["2023/24"], "auc_difference": figure}}
    (block,) = worth_blocks(evaluation, {}, load_texts("en"))
    assert "In the cohorts 2023/24 an earlier list was used" in block["text"]
    assert said in block["text"]


def test_when_pupils_leave_is_told_by_term_and_family():
    figures = {"auc": FIGURE, "brier": FIGURE, "brier_gain": FIGURE}
    models = {"logistic": figures | {"expected": 0.04}}
    leaving = {
        "chosen": "logistic", "trained_on": ["2018/19", "2020/21"], "log_loss": {"logistic": 0.1},
        "terms": [{"term": 2, "left": HIDDEN, "models": models}],
        "overall": {"logistic": figures, "common": figures},
    }  # fmt: skip
    evaluation = {"points": {"november": {"leaving": leaving}, "february": {},
                             "may": {"leaving": {"reason": "too few"}}}}  # fmt: skip
    blocks = leaving_blocks(evaluation, load_texts("sv"))
    said = [block["text"] for block in blocks if block["kind"] == "text"]
    assert "tränad på årskullarna 2018/19 till 2020/21" in said[1]
    assert "lämnade för få elever" in said[2]
    by_term, by_family = (block for block in blocks if block["kind"] == "table")
    assert by_term["rows"][0]["label"] == "Termin 2"
    assert by_term["rows"][0]["cells"][0]["text"] == "4,0\u00a0%"
    assert by_term["rows"][0]["cells"][1]["reason"] == "dolt"
    assert len(by_family["rows"]) == 1
    assert leaving_blocks({"points": {"november": {}}}, load_texts("en")) == []


def test_settings_that_were_tried_and_cohorts_with_a_list_are_told():
    variants = [
        {"family": "scorecard", "settings": {"n_terms": 5, "max_points": 5, "card": 0},
         "regret": [0.01, 0.02], "is_chosen": False},
        {"family": "logistic", "settings": {"l1_ratios": [0.0, 0.5], "n_knots": 0},
         "regret": [], "is_chosen": True},
    ]  # fmt: skip
    training = {"november": {"chosen": "logistic", "trained_on": ["2021/22", "2022/23"],
                             "tested_on": ["2023/24"], "variants": variants}}  # fmt: skip
    evaluation = {"points": {"november": {}}, "screened": {"cohorts": ["2022/23"]}}
    blocks = period_blocks(evaluation, training, load_texts("sv"))
    (picture,) = (block["figures"][0] for block in blocks if block["kind"] == "figures")
    assert "22/23*" in picture["svg"]
    assert "21/22*" not in picture["svg"]
    assert "En tidigare lista användes" in picture["explanation"]
    (table,) = (block for block in blocks if block["kind"] == "table")
    texts = [[cell.get("text", cell.get("reason")) for cell in row["cells"]]
             for row in table["rows"]]  # fmt: skip
    assert texts[0] == ["högst 5 rader, högst 5 poäng per rad, kort 0", "0,0150"]
    assert texts[1][0] == "andel absolut straff 0/0,50, 0 brytpunkter"


@pytest.mark.parametrize(
    ("language", "said"),
    [("sv", "(intervall kan inte anges)"), ("en", "(no interval can be given)")],
)
@pytest.mark.parametrize("gap", [{"reason": "no interval: fewer than 20 pupils"}, {}])
def test_a_difference_without_an_interval_says_so(language, said, gap):
    figure = {"value": 0.012, "lower": None, "upper": None} | gap
    targeting = {"recall": FIGURE, "school_only_recall": FIGURE, "difference": figure}
    evaluation = {
        "points": {"november": {"models": {"logistic": {}}, "targeting": targeting}},
        "screened": {"cohorts": ["2023/24"], "auc_difference": figure},
        "sources": [{"source": "mental_health", "auc": figure, "recall": figure}],
    }
    blocks = worth_blocks(evaluation, make_training(), load_texts(language))
    texts = [block["text"] for block in blocks if block["kind"] == "text"]
    assert len(texts) == 2
    assert all(said in text and "()" not in text for text in texts)
    (table,) = [block for block in blocks if block["kind"] == "table"]
    expected = said.strip("()") if gap else None
    assert [cell.get("range") for cell in table["rows"][0]["cells"]] == [expected] * 2
