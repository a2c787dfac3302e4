import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from riskmodel.report.fairness_page import collect_fairness, render_fairness
from riskmodel.report.model_card import collect_model_card, render_model_card
from riskmodel.report.quality_page import collect_quality, render_quality
from riskmodel.report.screening_page import collect_screening, render_screening

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip


@pytest.fixture(scope="session")
def chromium():
    """Start the system's Chromium; a machine that tests for others must have it."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium must be installed where CI=true.")
        pytest.skip("Chromium is not installed.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def examples():
    path = Path(__file__).parents[1] / "unit" / "report" / "report_examples.py"
    spec = importlib.util.spec_from_file_location("report_examples", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pages(examples, tmp_path_factory):
    """Write the pages and return where they are, by name."""
    predictions = examples.make_predictions()
    audit = examples.make_audit(predictions)
    screening = collect_screening(
        examples.make_screening_frame(),
        examples.make_summary(),
        run=examples.RUN,
        performance=examples.PERFORMANCE,
        change=examples.make_change(),
        histories=examples.make_histories(),
    )
    card = collect_model_card(
        examples.make_evaluation(predictions),
        run=examples.TEST_RUN,
        models=examples.MODELS,
        training=examples.TRAINING,
        features=examples.FEATURES,
        flow=examples.FLOW,
        audit=audit,
        importances=examples.IMPORTANCES,
    )
    quality = collect_quality(examples.QUALITY, examples.CONTRACT, run=examples.TEST_RUN)
    html = {
        "quality": render_quality(quality),
        "screening": render_screening(screening),
        "fairness": render_fairness(collect_fairness(audit, run=examples.TEST_RUN)),
        "model_card": render_model_card(card),
    }
    folder = tmp_path_factory.mktemp("pages")
    for name, text in html.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in html}


@pytest.fixture
def open_page(chromium, pages):
    """Open a page by name, in a context of its own that is closed after the test."""
    contexts = []

    def opened(name, **options):
        options = {"viewport": {"width": 1280, "height": 900}} | options
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.goto(pages[name].as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
