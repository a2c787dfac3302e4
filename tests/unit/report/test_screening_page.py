import re

import pytest

from riskmodel.report.language import load_texts
from riskmodel.report.screening_page import collect_screening, render_screening
from riskmodel.report.screening_pupils import describe_risk


@pytest.fixture
def collect(examples):
    def collected(**changes):
        arguments = {
            "frame": examples.make_screening_frame(),
            "summary": examples.make_summary(),
            "run": examples.RUN,
            "performance": examples.PERFORMANCE,
            "change": examples.make_change(),
            "histories": examples.make_histories(),
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
    counts |= {"n_without_enough_data": "0", name: count}
    data = collect(summary=examples.make_summary(**counts))
    assert any(text in note for note in data["list_notes"])
    assert len(data["list_notes"]) == 2  # and that health data are withheld


def test_withholding_is_told_only_where_something_is_withheld(collect, examples):
    changes = {"n_units_wholly_listed": 0, "n_without_enough_data": "0"}
    data = collect(summary=examples.make_summary(withheld_domains=[], **changes))
    assert data["list_notes"] == []


def test_pupils_who_cannot_be_judged_are_told_of_listed_or_not(collect, examples):
    notes = collect(summary=examples.make_summary(n_without_enough_data="<10"))["list_notes"]
    assert any("För färre än 10 av alla elever" in note for note in notes)


def test_a_pupil_with_thin_data_has_a_word_in_place_of_an_interval(collect):
    thin, other = (
        next(pupil for pupil in collect()["pupils"] if pupil["rank"] == rank) for rank in (4, 1)
    )
    assert (thin["certainty"], thin["doubt"]) == ("", "underlaget räcker inte")
    assert "Kontrollera uppgifterna" in thin["notes"][0]["text"]
    assert (other["doubt"], other["notes"]) == ("", [])
    assert re.fullmatch(r"\d+–\d+\u00a0%", other["certainty"])


def test_a_set_of_both_outcomes_is_said_and_a_single_outcome_is_not(collect):
    notes = {pupil["rank"]: pupil["notes"] for pupil in collect()["pupils"]}
    assert [note["kind"] for note in notes[2]] == ["sets"]
    assert notes[5] == []


def test_who_has_left_stands_with_the_reason(collect):
    change = collect()["change"]
    assert len(change["left"]) == 8
    gone = [one for one in change["left"] if one["now"] == "ingår inte"]
    assert gone
    assert all(one["why"] == ["Eleven finns inte längre i urvalet."] for one in gone)
    assert any("tidigare 24,5" in line for one in change["left"] for line in one["why"])
    assert len(change["moved"]) == 4


def test_without_an_earlier_list_nothing_is_said_of_change(collect):
    data = collect(change=None)
    assert data["change"] is None
    assert 'id="change"' not in render_screening(data)


def test_cards_hold_what_was_known_over_time(collect):
    cards = collect()["cards"]
    assert len(cards["periods"]) == 10
    assert cards["periods"][-1].replace("\u00a0", " ") == "4 okt – 31 okt"
    first = cards["pupils"][0]
    assert first["absence"].count(None) == 2
    assert first["grades"]["terms"] == ["hösttermin åk 8", "vårtermin åk 8"]
    assert [line[0] for line in first["grades"]["lines"]] == ["EN", "MA", "SV"]
    areas = [entry["area"] for entry in first["raising"]]
    assert len(areas) == len(set(areas))


def test_cards_without_histories_have_no_tables(collect):
    cards = collect(histories=None)["cards"]
    assert cards["periods"] == []
    assert all(one["absence"] == [] and one["grades"] is None for one in cards["pupils"])


@pytest.mark.parametrize(
    ("unit", "expected"), [("school", "varje skola"), ("team", "varje team"), ("all", "de elever")]
)
def test_the_lead_fits_the_unit(collect, examples, unit, expected):
    lead = collect(summary=examples.make_summary(unit=unit))["lead"]
    assert expected in lead
    assert ("varje skola" in lead) == (unit == "school")


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
