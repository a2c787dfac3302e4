"""The list can be searched, filtered and sorted, by keyboard alone and without scripts."""

import pytest


@pytest.fixture
def page(open_page):
    return open_page("screening")


def visible(page, column):
    """Return what stands in a column of the rows that are shown."""
    return page.evaluate(
        "column => [...document.querySelectorAll('#pupils tbody tr')]"
        ".filter(row => !row.hidden).map(row => row.dataset[column])",
        column,
    )


def tab_to(page, selector):
    """Press Tab until an element has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    pytest.fail(f"{selector} cannot be reached with the keyboard")


def test_all_pupils_are_shown_at_first_by_school_and_rank(page, examples):
    expected = len(examples.make_screening_frame())
    assert len(visible(page, "pupil")) == expected
    assert page.locator("#count").text_content() == f"Visar {expected} av {expected} elever"
    assert visible(page, "rank")[:5] == ["1", "2", "3", "4", "5"]


def test_a_pupil_is_found_by_the_short_or_the_whole_pseudonym(page):
    short = visible(page, "pupil")[7]
    whole = visible(page, "id")[7]
    for text in (short, short.replace("-", ""), short.upper(), whole, f" {short[:6]} "):
        page.locator("#search").fill("")
        tab_to(page, "#search")
        page.keyboard.type(text)
        assert visible(page, "pupil") == [short]
    assert page.locator("#count").text_content() == "Visar 1 av 20 elever"


def test_search_finds_schools_but_never_reasons(page):
    page.locator("#search").fill("övningsskolan 3")
    assert set(visible(page, "school")) == {"Övningsskolan 3"}
    page.locator("#search").fill("frånvaro")
    assert visible(page, "school") == []
    assert page.locator("#count").text_content() == "Visar 0 av 20 elever"


def test_a_school_is_chosen_with_the_keyboard(page):
    tab_to(page, "#school")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert set(visible(page, "school")) == {"Övningsskolan 2"}
    tab_to(page, "button[type=reset]")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'search'")
    assert len(visible(page, "school")) == 20


def test_sorting_with_the_keyboard_turns_with_each_press(page):
    tab_to(page, "th[data-sort=risk] button")
    page.keyboard.press("Enter")
    risks = [float(risk) for risk in visible(page, "risk")]
    assert risks == sorted(risks, reverse=True)
    assert page.locator("th[data-sort=risk]").get_attribute("aria-sort") == "descending"
    page.keyboard.press("Space")
    assert [float(risk) for risk in visible(page, "risk")] == sorted(risks)
    assert page.locator("th[data-sort=risk]").get_attribute("aria-sort") == "ascending"


def test_only_the_sorted_column_says_that_it_is(page):
    for column in ("pupil", "school", "rank"):
        page.locator(f"th[data-sort={column}] button").click()
        values = visible(page, column)
        expected = sorted(values, key=int) if column == "rank" else sorted(values)
        assert values == expected
        assert page.locator("th[aria-sort]").count() == 1


def test_enter_in_the_search_field_does_not_leave_the_page(page):
    page.locator("#search").fill("övningsskolan 1")
    page.locator("#search").press("Enter")
    assert set(visible(page, "school")) == {"Övningsskolan 1"}


def test_without_scripts_the_list_is_a_plain_table(open_page):
    page = open_page("screening", java_script_enabled=False)
    assert page.locator("#pupils tbody tr:visible").count() == 20
    assert not page.locator("#tools").is_visible()
    assert page.locator("#pupils thead th").all_text_contents()[0] == "Ordning"
    assert page.locator("#pupils thead button").count() == 0


def test_the_printed_list_keeps_its_headings_and_loses_its_tools(page):
    page.emulate_media(media="print")
    assert not page.locator("#tools").is_visible()
    heads = page.locator("#pupils thead th")
    assert [heads.nth(n).inner_text() for n in range(5)] == [
        "Ordning", "Elev", "Skola", "Beräknad risk", "Det som påverkar beräkningen mest",
    ]  # fmt: skip


def test_a_narrow_screen_shows_cards_with_their_labels(open_page):
    page = open_page("screening", viewport={"width": 390, "height": 844})
    row = page.locator("#pupils tbody tr").first
    assert page.evaluate("row => getComputedStyle(row).display", row.element_handle()) == "block"
    label = page.evaluate(
        "cell => getComputedStyle(cell, '::before').content",
        row.locator(".share").element_handle(),
    )
    assert label == '"Beräknad risk"'


def test_only_the_classes_of_the_chosen_school_are_offered(open_page):
    page = open_page("screening")
    page.evaluate(
        "document.querySelectorAll('#pupils tr[data-school=\"Övningsskolan 2\"]')"
        ".forEach(row => { row.dataset.class = '9A'; })"
    )
    offered = (
        "() => [...document.getElementById('class').options].filter(o => !o.disabled)"
        ".map(o => o.value)"
    )
    page.locator("#class").select_option("9B")
    page.locator("#school").select_option("Övningsskolan 2")
    assert page.locator("#class").input_value() == ""
    assert page.evaluate(offered) == ["", "9A"]
    page.get_by_role("button", name="Rensa val").click()
    page.wait_for_function(f"({offered})().length === 3")


@pytest.mark.parametrize("width", [320, 500, 768, 900, 1000, 1400])
def test_reasons_have_room_at_every_width(open_page, width):
    page = open_page("screening", viewport={"width": width, "height": 900})
    box = page.locator("#pupils tbody tr:not([hidden]) td:last-child").first.bounding_box()
    assert box["width"] >= 220
    assert box["x"] + box["width"] <= width
