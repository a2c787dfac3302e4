from pathlib import Path

import pytest

from riskmodel.config.loader import load_spec, read_yaml
from riskmodel.config.models import RegionConfig, RunConfig
from riskmodel.config.templates import copy_template, find_template, list_templates
from riskmodel.errors import ConfigurationError, UsageError

ROOT = Path(__file__).parents[3]


def write(folder, text, name="config.yaml"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


@pytest.mark.parametrize(
    "path",
    [
        *sorted(set((ROOT / "configs").glob("*.yaml")) - {ROOT / "configs" / "region.yaml"}),
        *sorted((ROOT / "examples").glob("*/config.yaml")),
    ],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_every_shipped_run_is_valid(path):
    config = load_spec(path, RunConfig)
    assert config.out.is_absolute()
    assert config.models.sensitive_inputs == ()


def test_the_region_is_valid():
    assert load_spec(ROOT / "configs" / "region.yaml", RegionConfig).region.n_pupils == 20_000


def test_relative_paths_start_from_the_file(tmp_path):
    text = (ROOT / "configs" / "compulsory_school.yaml").read_text(encoding="utf-8")
    config = load_spec(write(tmp_path, text), RunConfig)
    assert (
        config.sources["persons"].path == tmp_path.parent / "data/region/extracts/persons.parquet"
    )
    assert config.pseudonyms.key_file == Path("~/.riskmodel/region.key").expanduser()


def test_every_error_is_reported_at_once_with_its_place_and_the_nearest_name(tmp_path):
    text = (ROOT / "configs" / "compulsory_school.yaml").read_text(encoding="utf-8")
    broken = (
        text.replace("random_state: 2026", "random_state: -1")
        .replace("  capacity_per_school: 0.15", "  capacity_per_scool: 0.15")
        .replace("month: 11, day: 1", "month: 11, day: 31")
        .replace("version: 1", "version: 2")
    )
    with pytest.raises(ConfigurationError) as caught:
        load_spec(write(tmp_path, broken), RunConfig)
    findings = "\n".join(caught.value.findings)
    assert len(caught.value.findings) == 4
    assert "screening.capacity_per_scool" in findings
    assert "Did you mean 'capacity_per_school'?" in findings
    assert "cohort.prediction_points[0]" in findings
    assert caught.value.exit_code == 10


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        ("point: november", "point: novmber", "screening.point: there is no point 'novmber'. Did"),
        ("cohort: 2026/27", "cohort: 2026/72", "screening.cohort: there is no cohort '2026/72'. D"),
        (
            "month: 2, day: 1",
            "month: 11, day: 1",
            "cohort.prediction_points.february: falls on the same day as november",
        ),
        (
            "horizon: {months: 12}",
            "horizon: {months: 7, counted_from: cohort}",
            "cohort.prediction_points.february: lies after the outcome's last day in 11 cohort(s)",
        ),
        ("month: 2, day: 1", "grade_level: 6, after: autumn_grades", "needs `population.grade_le"),
        ("month: 2, day: 1", "after: autum_grades", "'autumn_grades' or 'spring_grades'"),
        ("month: 2, day: 1", "grad_level: 6", "Did you mean 'grade_level'?"),
        ("school_year: [9]}", "school_year: [9]}\n    grade_level: 9", "Leave one of them out"),
        ("models:\n", "models:\n  screened_cohorts: [2020/12]\n", "no cohort '2020/12'. Did you"),
    ],
)
def test_wrong_points_are_refused_before_any_data_are_read(tmp_path, place, text, expected):
    template = (ROOT / "configs" / "compulsory_school.yaml").read_text(encoding="utf-8")
    assert template.count(place) == 1
    with pytest.raises(ConfigurationError) as caught:
        load_spec(write(tmp_path, template.replace(place, text)), RunConfig)
    assert expected in "\n".join(caught.value.findings)


def test_earlier_cohorts_need_a_split_in_time(tmp_path):
    template = (ROOT / "configs" / "compulsory_school.yaml").read_text(encoding="utf-8")
    start, end = template.index("  split:\n"), template.index("\nfeatures:")
    crossed = template[:start] + "  split: {kind: cross_fitted}\n" + template[end:]
    crossed = crossed.replace("models:\n", "models:\n  origins: 2\n")
    with pytest.raises(ConfigurationError, match="invalid|must be a valid") as caught:
        load_spec(write(tmp_path, crossed), RunConfig)
    assert "`models.origins` needs cohorts" in "\n".join(caught.value.findings)


def test_wrong_points_and_names_are_told_together(tmp_path):
    text = (ROOT / "configs" / "compulsory_school.yaml").read_text(encoding="utf-8")
    text = text.replace("point: november", "point: novmber").replace("month: 2", "month: 11")
    with pytest.raises(ConfigurationError) as caught:
        load_spec(write(tmp_path, text), RunConfig)
    assert "falls on the same day" in str(caught.value)
    assert "Did you mean 'november'?" in str(caught.value)


def test_no_value_of_the_file_stands_in_the_error(tmp_path):
    text = (ROOT / "configs" / "compulsory_school.yaml").read_text(encoding="utf-8")
    broken = text.replace("random_state: 2026", "random_state: 19121212-1212")
    with pytest.raises(ConfigurationError) as caught:
        load_spec(write(tmp_path, broken), RunConfig)
    assert "1212" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\n", "stands twice"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("a: [1\n", "line"),
        ("- 1\n- 2\n", "names and values"),
        ("", "names and values"),
        (b"a: \xff\xfe", "UTF-8"),
        ("a: !!python/object/apply:os.system ['true']\n", "YAML"),
        ("[" * 5_000, "YAML"),
        ("a: 1\x00\n", "YAML"),
    ],
)
def test_a_file_that_is_no_plain_mapping_is_refused(tmp_path, text, expected):
    with pytest.raises(ConfigurationError, match=expected):
        read_yaml(write(tmp_path, text))


def test_a_missing_file_a_folder_and_a_huge_file_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="readable file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(ConfigurationError, match="readable file"):
        read_yaml(tmp_path)
    with pytest.raises(ConfigurationError, match="256 KiB"):
        read_yaml(write(tmp_path, "a: 1\n" + "#" * (1 << 20)))


MINIMAL = """
version: 1
name: small
title: Small
purpose: To test.
legal_basis: {text: None needed, reference: none}
out: out
random_state: 1
audit: {sensitive_features: [sex], capacity: 0.1}
"""


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        ("", "either `sources`"),
        ("sources: {persons: {path: a.csv}}", "`cohort` must be given"),
        (
            "feature_table: {path: a.csv, label: {column: y, below: 1}}\n"
            "features: {catalogue: swedish_school}",
            "belong to `sources`",
        ),
    ],
)
def test_a_run_has_one_complete_kind_of_input(tmp_path, addition, expected):
    with pytest.raises(ConfigurationError) as caught:
        load_spec(write(tmp_path, MINIMAL + addition), RunConfig)
    assert expected in str(caught.value)


def test_templates_are_listed_copied_and_never_overwritten(tmp_path):
    assert list_templates() == [
        "compulsory_school",
        "early_years",
        "region",
        "upper_secondary",
    ]
    target = tmp_path / "mine.yaml"
    copy_template("upper_secondary", target)
    assert target.read_bytes() == find_template("upper_secondary").read_bytes()
    with pytest.raises(UsageError, match="existing mine.yaml"):
        copy_template("region", target)
    with pytest.raises(UsageError, match="Did you mean 'region'"):
        find_template("regoin")
