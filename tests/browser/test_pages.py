"""Every page works offline, for every reader, on screen and on paper."""

import pytest
from axe_playwright_python.sync_playwright import Axe

PAGES = ("screening", "fairness", "model_card", "quality")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_itself_only_and_raises_no_error(chromium, pages, name):
    context = chromium.new_context()
    page = context.new_page()
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(pages[name].as_uri(), wait_until="networkidle")
    context.close()
    assert requests == [pages[name].as_uri()]
    assert complaints == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {}) for name in PAGES),
        ("screening", {"color_scheme": "dark"}),
        ("model_card", {"color_scheme": "dark"}),
        ("quality", {"color_scheme": "dark"}),
        ("screening", {"viewport": {"width": 390, "height": 844}}),
    ],
)
def test_a_page_is_accessible(open_page, name, options):
    page = open_page(name, bypass_csp=True, **options)
    results = Axe().run(page)
    assert [v["id"] for v in results.response["violations"]] == [], results.generate_report()


@pytest.mark.parametrize("name", PAGES)
def test_nothing_sticks_out_sideways(open_page, name):
    page = open_page(name)
    for width in (320, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
def test_the_skip_link_is_the_first_stop_of_the_keyboard(open_page, name):
    page = open_page(name)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    target = page.locator(".skip").get_attribute("href").removeprefix("#")
    assert page.evaluate("document.activeElement.id") == target


@pytest.mark.parametrize("name", PAGES)
def test_what_has_focus_can_be_seen(open_page, name):
    page = open_page(name)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert style == "solid"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints(open_page, name):
    page = open_page(name)
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert b"/Count" in pdf
    page.emulate_media(media="print")
    assert not page.locator(".contents").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", ["fairness", "model_card"])
def test_a_chart_has_a_name_and_its_numbers_as_text(open_page, name):
    page = open_page(name)
    charts = page.locator("svg.chart")
    assert charts.count() >= 2
    for number in range(charts.count()):
        chart = charts.nth(number)
        assert chart.get_attribute("role") == "img"
        assert chart.locator("title").text_content()
        assert "%" in chart.locator("desc").text_content()


def test_any_measure_of_any_division_can_be_drawn(open_page):
    page = open_page("fairness")
    division = page.get_by_label("Uppdelning:")
    measure = page.get_by_label("Mått:")
    for place in range(division.locator("option").count()):
        division.select_option(index=place)
        measure.select_option(label="Rätt på listan" if place else "Missade elever")
        items = page.locator(".explorer li")
        table = page.locator(f"#attribute-{place + 1}-hits tbody tr")
        assert items.count() == table.count()
        column = 5 if place else 1
        for at in range(items.count()):
            told = " ".join(table.nth(at).locator("td").nth(column - 1).inner_text().split())
            assert " ".join(items.nth(at).locator(".value").inner_text().split()) == told
    tracks = [
        box["width"] for box in (t.bounding_box() for t in page.locator(".explorer .track").all())
    ]
    assert max(tracks) - min(tracks) < 1


def test_the_size_of_the_list_is_moved_by_keyboard(open_page):
    page = open_page("fairness")
    slider = page.locator("input[type=range]").first
    before = page.locator(".sweep output").first.inner_text()
    slider.focus()
    page.keyboard.press("Home")
    assert page.locator(".sweep output").first.inner_text() != before
