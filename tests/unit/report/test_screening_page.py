import re

import pytest

from riskmodel.report.language import load_texts
from riskmodel.report.screening_page import collect_screening, describe_risk, render_screening


@pytest.fixture
def collect(examples):
    def collected(**changes):
        arguments = {
            "frame": examples.make_screening_frame(),
            "summary": examples.make_summary(),
            "run": examples.RUN,
            "performance": examples.PERFORMANCE,
        } | changes
        frame, summary = arguments.pop("frame"), arguments.pop("summary")
        return collect_screening(frame, summary, **arguments)

    return collected


def test_every_listed_pupil_is_on_the_page_by_pseudonym(collect, examples):
    html = render_screening(collect())
    for subject_id in examples.make_screening_frame()["subject_id"]:
        assert f"{subject_id[:4]}-{subject_id[4:8]}" in html


def test_the_honest_sentences_come_from_the_measured_shares(collect):
    hits = collect()["hits"]
    assert hits[0]["statement"] == (
        "Av 10 elever på listan beräknas 6 annars inte bli behöriga till gymnasieskolans "
        "yrkesprogram."
    )
    assert "mellan 4,9 och 6,3 av 10" in hits[0]["detail"]
    assert "De andra 4 av 10" in hits[0]["detail"]
    assert "finns 4 med på listan" in hits[1]["statement"]
    assert "6 av 10 finns alltså inte med" in hits[1]["detail"]


@pytest.mark.parametrize(
    "performance", [None, {}, {"precision": {"value": None, "reason": "nobody_listed"}}]
)
def test_without_measurement_the_page_says_so(collect, performance):
    data = collect(performance=performance)
    assert all(hit["of_ten"] is None for hit in data["hits"])
    html = render_screening(data)
    assert "Det går inte att säga" in html
    assert 'class="dots"' not in html


def test_a_share_without_interval_is_told_without_uncertainty(collect):
    data = collect(performance={"precision": {"value": 0.5, "lower": None, "upper": None}})
    assert "Osäkerhet" not in data["hits"][0]["detail"]


@pytest.mark.parametrize(
    ("capacity", "unit", "expected"),
    [(5, "school", "de 5 elever per skola"), (0.1, "school", "de 10\u00a0% av eleverna på varje"),
     (0.1, "all", "de 10\u00a0% av eleverna som"), (9, "team", "de 9 elever per team")],
)  # fmt: skip
def test_the_basis_names_the_rule(collect, examples, capacity, unit, expected):
    performance = examples.PERFORMANCE | {"capacity": capacity, "unit": unit}
    assert expected in collect(performance=performance)["hits_basis"]


def test_reasons_show_area_and_what_support_can_change(collect):
    html = render_screening(collect())
    assert "Skolnärvaro" in html
    assert "stöd kan påverka" in html
    assert "uppgift saknas" in html


def test_a_comparison_stands_apart_from_the_value(collect, examples):
    frame = examples.make_screening_frame(n_schools=1, per_school=2)
    frame["reason_1"] = ["Frånvaro: 20 % i år (6 % i genomsnitt)", "Skolbyten (alla): 2"]
    one, two = (pupil["reasons"][0] for pupil in collect(frame=frame)["pupils"])
    assert (one["main"], one["aside"]) == ("Frånvaro: 20 % i år", "(6 % i genomsnitt)")
    assert (two["main"], two["aside"]) == ("Skolbyten (alla): 2", "")


def test_a_pupil_without_reasons_is_listed_all_the_same(collect, examples):
    frame = examples.make_screening_frame(n_schools=1, per_school=1)
    frame[["reason_1", "reason_2", "reason_3"]] = None
    html = render_screening(collect(frame=frame))
    assert "Inget enskilt som kan visas här" in html


def test_an_empty_list_says_what_to_do(collect, examples):
    frame = examples.make_screening_frame().head(0)
    html = render_screening(collect(frame=frame, run=examples.RUN | {"prediction_date": None}))
    assert "Listan är tom" in html
    assert 'id="pupils"' not in html


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n_units_wholly_listed", "inte fler än platserna"),
        ("n_units_empty", "inga elever vid den här tidpunkten"),
        ("n_units_tied_at_cut", "samma beräknade risk"),
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_what_is_odd_about_the_list_is_said(collect, examples, name, text, count):
    counts = dict.fromkeys(("n_units_wholly_listed", "n_units_empty", "n_units_tied_at_cut"), 0)
    data = collect(summary=examples.make_summary(**(counts | {name: count})))
    assert any(text in note for note in data["list_notes"])
    assert len(data["list_notes"]) == 2  # and that health data are withheld


def test_withholding_is_told_only_where_something_is_withheld(collect, examples):
    data = collect(summary=examples.make_summary(withheld_domains=[], n_units_wholly_listed=0))
    assert data["list_notes"] == []


def test_a_missing_legal_basis_is_a_warning(collect, examples):
    data = collect(run=examples.RUN | {"legal_basis": None, "is_simulated": False})
    assert len(data["notices"]) == 1
    assert "får inte användas" in data["notices"][0]
    assert "Ingen angiven" in render_screening(data)


def test_data_cannot_write_html(collect, examples):
    frame = examples.make_screening_frame(n_schools=1)
    frame["reason_1"] = '<script>alert("x")</script>'
    frame["school_unit"] = '"><img src=x onerror=alert(1)>'
    html = render_screening(collect(frame=frame, run=examples.RUN | {"purpose": "<b>x</b>"}))
    assert html.count("<script>") == 1
    assert "<img" not in html
    assert "<b>x" not in html


def test_short_pseudonyms_that_collide_are_written_in_full(collect, examples):
    frame = examples.make_screening_frame(n_schools=1, per_school=2)
    frame["subject_id"] = ["abcdef0123456789", "abcdef01ffffffff"]
    assert [pupil["short_id"] for pupil in collect(frame=frame)["pupils"]] == list(
        frame["subject_id"]
    )


def test_the_page_cannot_be_searched_by_reason(collect):
    html = render_screening(collect())
    attributes = set(re.findall(r"<tr[^>]*?((?: data-[a-z]+)=)", html)) | set(
        re.findall(r' (data-[a-z]+)="', html)
    )
    assert not [name for name in attributes if "reason" in name or "domain" in name]


@pytest.mark.parametrize(
    ("risk", "words"),
    [(0.01, "färre än 1 av 10"), (0.62, "ungefär 6 av 10"), (0.99, "fler än 9 av 10")],
)
def test_risks_are_said_as_numbers_of_ten(risk, words):
    assert describe_risk(risk, load_texts("sv")) == words


def test_an_outcome_of_the_users_own_is_said_in_general_words(collect, examples):
    data = collect(run=examples.RUN | {"outcome": "passed_module"})
    assert "inte fullfölja sina studier" in data["hits"][0]["statement"]


def test_the_page_speaks_english(collect):
    html = render_screening(collect(language="en"))
    assert '<html lang="en">' in html
    assert "Pupils to begin with" in html
    assert "Of 10 pupils on the list, 6 are otherwise expected to not become" in html
