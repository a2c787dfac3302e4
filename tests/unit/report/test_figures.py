from xml.etree import ElementTree

import pytest

from riskmodel.report.figures import (
    FigureRow,
    draw_bars,
    draw_calibration,
    draw_intervals,
)

NS = "{http://www.w3.org/2000/svg}"
ROWS = [
    FigureRow("Alla elever", 0.42, 0.38, 0.46, "42 % (38–46)"),
    FigureRow("Grupp & <delar>", is_header=True),
    FigureRow("svensk bakgrund", 0.45, 0.40, 0.50, "45 % (40–50)"),
    FigureRow("okänd", text="dolt"),
    FigureRow("utan osäkerhet", 0.2, text="20 %"),
]


def draw(figure_id="one", language="sv"):
    return draw_intervals(ROWS, figure_id=figure_id, title="Missade", description="Alla: 42 %.",
                          language=language, reference=0.42)  # fmt: skip


def draw_all(figure_id):
    points = [{"risk": 0.1, "observed": 0.12, "lower": 0.1, "upper": 0.14},
              {"risk": 0.4, "observed": 0.38}]  # fmt: skip
    options = {"figure_id": figure_id, "title": "T", "description": "D", "language": "sv"}
    return [
        draw(figure_id),
        draw_calibration(points, **options),
        draw_bars(ROWS, **options),
    ]


def test_a_chart_is_named_for_readers_and_hides_its_parts():
    root = ElementTree.fromstring(draw())
    assert root.get("role") == "img"
    assert root.find(f"{NS}title").text == "Missade"
    assert root.find(f"{NS}desc").text == "Alla: 42 %."
    named = {root.get("aria-labelledby"), root.get("aria-describedby")}
    assert named == {"one-title", "one-desc"}
    inner = [e for e in root.iter() if e is not root]
    assert not [e for e in inner if any(k.startswith("aria") or k == "role" for k in e.attrib)]


def test_ids_are_unique_to_the_figure():
    for svg in draw_all("fig"):
        ids = [e.get("id") for e in ElementTree.fromstring(svg).iter() if e.get("id")]
        assert len(ids) == len(set(ids)) > 1
        assert all(name.startswith("fig-") for name in ids)


def test_the_same_numbers_give_the_same_bytes():
    assert draw_all("a") == draw_all("a")


def test_nothing_is_fetched():
    for svg in draw_all("a"):
        addresses = svg.replace("http://www.w3.org/2000/svg", "")
        assert "http" not in addresses
        assert "@import" not in addresses
        assert "<image" not in addresses


@pytest.mark.parametrize(("language", "tick"), [("sv", "20\u00a0%"), ("en", "20%")])
def test_axes_speak_the_language(language, tick):
    texts = [e.text for e in ElementTree.fromstring(draw(language=language)).iter(f"{NS}text")]
    assert tick in texts


def test_labels_and_missing_values_are_drawn():
    texts = [e.text for e in ElementTree.fromstring(draw()).iter(f"{NS}text")]
    for expected in ("Grupp & <delar>", "svensk bakgrund", "45 % (40–50)", "okänd", "dolt"):
        assert expected in texts


def test_a_chart_of_nothing_known_is_still_a_chart():
    rows = [FigureRow("Alla elever", text="dolt")]
    svg = draw_intervals(rows, figure_id="x", title="T", description="D", language="sv")
    assert "dolt" in svg


def test_points_without_an_estimate_are_refused_rather_than_left_out():
    """A notebook once showed an empty figure."""
    with pytest.raises(KeyError, match="risk"):
        draw_calibration(
            [{"mean_risk": 0.2, "observed": 0.3}],
            figure_id="curve", title="t", description="d", language="en",
        )  # fmt: skip
