import copy

import pytest

from riskmodel.report.quality_page import collect_quality, render_quality


def collect(examples, language="sv", **changes):
    quality = copy.deepcopy(examples.QUALITY) | changes
    return collect_quality(quality, examples.CONTRACT, run=examples.TEST_RUN, language=language)


@pytest.mark.parametrize("language", ["sv", "en"])
def test_each_noted_check_has_a_card_with_what_it_means_and_what_to_do(examples, language):
    data = collect(examples, language)
    noted = {one["check"] for one in examples.QUALITY["findings"] if one["status"] == "noted"}
    assert len(data["findings"]) == len(noted)
    assert all(len(card["advice"]) == 2 and card["lines"] for card in data["findings"])
    html = render_quality(data)
    assert f'<html lang="{language}">' in html
    assert ">None<" not in html


def test_few_schools_are_named_and_many_are_counted(examples):
    lines = [line for card in collect(examples)["findings"] for line in card["lines"]]
    assert any("1480-G001" in line for line in lines)
    assert any("5 skolor" in line for line in lines)
    assert not any("1480-G010" in line for line in lines)


def find_folds(data):
    section = next(one for one in data["sections"] if one["id"] == "schools")
    return [block for block in section["blocks"] if block["kind"] == "fold"]


def test_a_check_is_one_line_however_many_schools_are_behind_it(examples):
    school = {"is_flagged": True, "when": []}
    shares = {f"1480-G0{n}": n / 1000 for n in range(10, 53)}
    found = examples.QUALITY["findings"][4] | {
        "schools": {
            name: school | {"value": round(9000 * share), "share": share}
            for name, share in shares.items()
        }
        | {"1480-G099": {"is_flagged": False, "value": None, "share": None, "when": []}}
    }
    (fold,) = find_folds(collect(examples, findings=[found]))
    assert fold["text"] == "Elevhälsokontakter: 43 skolor, 1,0–5,2\u00a0%"
    assert [row["label"] for row in fold["table"]["rows"]] == sorted(shares, reverse=True)
    html = render_quality(collect(examples, findings=[found]))
    assert html.count("<details") == 1
    assert "1480-G099" not in html


def test_the_schools_of_a_line_are_named_where_they_are_few(examples):
    texts = [fold["text"] for fold in find_folds(collect(examples))]
    assert "Närvaro: 1480-G003, 9 dagar" in texts
    assert "Stödinsatser: elever utan skola, 100\u00a0%" in texts
    assert len(texts) == 5


def test_a_school_whose_share_is_unsaid_comes_first_and_its_rows_are_counted(examples):
    school = {"is_flagged": True, "when": []}
    found = examples.QUALITY["findings"][4] | {
        "schools": {
            "1480-G001": school | {"value": 40, "share": 0.2},
            "1480-G002": school | {"value": 95, "share": None},
        }
    }
    (fold,) = find_folds(collect(examples, findings=[found]))
    assert [row["label"] for row in fold["table"]["rows"]] == ["1480-G002", "1480-G001"]
    assert fold["text"].endswith("1480-G002, 1480-G001, 40–95 rader")


def test_a_hidden_sum_is_said_to_be_hidden(examples):
    data = collect(examples)
    card = next(card for card in data["findings"] if card["title"].startswith("Rader"))
    assert "visas inte" in card["lines"][0]
    table = next(one for one in data["sections"] if one["id"] == "all")["blocks"][0]
    assert {"reason": "dolt"} in [row["cells"][0] for row in table["rows"]]
    assert {"reason": "kunde inte göras"} in [row["cells"][0] for row in table["rows"]]


def test_where_nothing_is_noted_the_page_says_so(examples):
    clear = [one for one in examples.QUALITY["findings"] if one["status"] == "clear"]
    data = collect(examples, findings=clear, never_reported=[])
    assert data["findings"] == []
    assert "Inget att se över" in render_quality(data)
    assert "inget att se över" in data["lead"].replace("\n", " ")


@pytest.mark.parametrize("reason", ["no_pupils", "too_few_pupils", "one_value", "step_limit"])
def test_why_nothing_reaches_the_demanded_anonymity_is_told(examples, reason):
    anonymity = examples.QUALITY["anonymity"] | {"reached": None, "reason": reason}
    html = render_quality(collect(examples, anonymity=anonymity))
    assert "går inte att nå" in html
    assert "Så nära det går att komma" in html


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"value": 0, "share": 0.0}, "Ingen elev behöver"),
        ({"value": None, "share": None}, "Några få elever"),
        ({"value": 64, "share": 0.02}, "2,0"),
    ],
)
def test_how_many_are_left_out_is_told_without_small_counts(examples, part, said):
    reached = examples.QUALITY["anonymity"]["reached"] | {"suppressed": part}
    anonymity = examples.QUALITY["anonymity"] | {"reached": reached}
    assert said in render_quality(collect(examples, anonymity=anonymity))
