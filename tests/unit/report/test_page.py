import base64
import hashlib
import itertools
import re

import pytest

from riskmodel.report.fairness_page import collect_fairness, render_fairness
from riskmodel.report.model_card import collect_model_card, render_model_card
from riskmodel.report.quality_page import collect_quality, render_quality
from riskmodel.report.screening_page import collect_screening, render_screening


@pytest.fixture(scope="session", params=["sv", "en"])
def pages(request, examples, audit, evaluation, card_arguments):
    language = request.param
    screening = collect_screening(
        examples.make_screening_frame(),
        examples.make_summary(),
        run=examples.RUN,
        performance=examples.PERFORMANCE,
        language=language,
    )
    fairness = collect_fairness(audit, run=examples.TEST_RUN, language=language)
    card = collect_model_card(evaluation, language=language, **card_arguments)
    quality = collect_quality(
        examples.QUALITY, examples.CONTRACT, run=examples.TEST_RUN, language=language
    )
    return {
        "screening": render_screening(screening),
        "fairness": render_fairness(fairness),
        "model_card": render_model_card(card),
        "quality": render_quality(quality),
    }


def visible_text(html):
    body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", body)


def test_pages_ask_for_nothing_from_outside(pages):
    for html in pages.values():
        addresses = html.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//cdn|@import|url\((?!#)", addresses)
        assert not re.search(r"<(link|img|iframe|object|embed|video|audio)\b", html)


def test_the_security_policy_allows_the_pages_own_script_only(pages):
    for html in pages.values():
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html).group(1)
        assert "default-src 'none'" in policy
        allowed = re.search(r"script-src ([^;]+);", policy).group(1)
        scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
        hashes = [
            f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'"
            for s in scripts
        ]
        assert allowed.split() == (hashes or ["'none'"])


def test_no_field_and_no_missing_value_shows_through(pages):
    for html in pages.values():
        text = visible_text(html)
        assert not re.search(
            r"\{[a-z_]+\}|\[[a-z_]+\](?! )|\bNone\b|\bnan\b|\bNaN\b|undefined", text
        )


def test_headings_are_in_order_and_ids_unique(pages):
    for html in pages.values():
        levels = [int(level) for level in re.findall(r"<h([1-6])\b", html)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        ids = re.findall(r'\bid="([^"]+)"', html)
        assert len(ids) == len(set(ids))


def test_links_lead_to_a_place_on_the_page(pages):
    for html in pages.values():
        ids = set(re.findall(r'\bid="([^"]+)"', html))
        links = set(re.findall(r'href="#([^"]+)"', html))
        assert len(links) > 3
        assert links <= ids


def test_table_headers_have_a_scope(pages):
    for html in pages.values():
        heads = re.findall(r"<th\b[^>]*>", html)
        assert heads
        assert not [head for head in heads if "scope=" not in head]


def test_purpose_legal_basis_and_for_models_date_and_family_stand_on_the_pages(pages, examples):
    for html in pages.values():
        assert examples.RUN["purpose"] in html
        assert "Påhittad grund för testet – 8 kap. 1 § testlagen" in html
    for html in (html for name, html in pages.items() if name != "quality"):
        assert re.search(r"1\u00a0[Nn]ovember\u00a0202\d", html)
        assert re.search("Additiv modell|Additive model", html)


def test_the_same_results_give_the_same_page(examples, audit):
    one, two = (render_fairness(collect_fairness(audit, run=examples.TEST_RUN)) for _ in range(2))
    assert one == two
