"""The page about performance, written from the results of the benchmarks alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

Results = Mapping[str, Mapping[str, Any]]

_NAMES = {
    "scan": "DuckDB merely scanning the columns",
    "riskmodel": "riskmodel",
    "catalogue": "riskmodel, the whole catalogue",
    "duckdb_case": "DuckDB by hand, `sum(CASE WHEN …)`",
    "duckdb_filter": "DuckDB by hand, `sum(…) FILTER (WHERE …)`",
    "polars": "Polars, masked sums, streaming",
    "pandas": "pandas, a mask and a grouped sum per window",
    "featuretools": "featuretools, one `dfs` per window",
}

_LIMITED = ("scan", "riskmodel", "catalogue", "duckdb_case", "duckdb_filter")
"""The jobs that were given a limit of memory."""


@dataclass(frozen=True)
class Bar:
    """What the library promises, and what was measured."""

    swedish: str
    english: str
    limit: float
    unit: str
    found: float | None
    at_least: bool = False

    @property
    def verdict(self) -> tuple[str, str]:
        """Whether it is reached, in Swedish and in English."""
        if self.found is None:
            return "ej mätt", "not measured"
        reached = self.found >= self.limit if self.at_least else self.found <= self.limit
        return ("nådd", "reached") if reached else ("**ej nådd**", "**not reached**")

    def describe(self) -> tuple[str, str]:
        """Return the limit and the figure found as texts."""
        sign = "≥" if self.at_least else "≤"
        found = "–" if self.found is None else f"{self.found:,.2f} {self.unit}"
        return f"{sign} {self.limit:g} {self.unit}", found


def find_job(part: Mapping[str, Any] | None, job: str, pupils: int | None = None) -> Any | None:
    """Return a job of a part, of the size asked for, if it was measured without failing."""
    for entry in (part or {}).get("jobs", ()):
        if entry["job"] == job and pupils in (None, entry["pupils"]):
            return entry if any("seconds" in run for run in entry["runs"]) else None
    return None


def take_median(job: Any | None, measure: str) -> float | None:
    """Return the median of a measure over a job's runs."""
    if job is None:
        return None
    return median(run[measure] for run in job["runs"] if measure in run)


def take_peak(job: Any | None) -> float | None:
    """Return the most memory that any run of a job took, in MiB."""
    return None if job is None else max(run.get("memory_mib", 0) for run in job["runs"])


def compare(job: Any | None, other: Any | None, measure: str = "seconds") -> float | None:
    """Return the median over the rounds of one job's measure over another's."""
    if job is None or other is None:
        return None
    others = {run["round"]: run[measure] for run in other["runs"] if measure in run}
    ratios = [
        run[measure] / others[run["round"]]
        for run in job["runs"]
        if measure in run and run["round"] in others
    ]
    return median(ratios) if ratios else None


def find_bars(results: Results) -> list[Bar]:
    """Return every bar with the figure that was measured for it."""
    sums, catalogue = results.get("sums"), results.get("catalogue")
    ours, whole = find_job(sums, "riskmodel"), find_job(catalogue, "catalogue")
    growth, largest = _find_growth(results.get("size"))
    return [
        Bar(
            "5 fönster × 4 summor, tid jämfört med genomläsning",
            "5 windows × 4 sums, time against the scan",
            3,
            "×",
            compare(ours, find_job(sums, "scan")),
        ),
        Bar(
            "samma, hur mycket snabbare än pandas",
            "the same, how much faster than pandas",
            20,
            "×",
            compare(find_job(sums, "pandas"), ours),
            at_least=True,
        ),
        Bar("samma, minne", "the same, memory", 1024, "MiB", take_peak(ours)),
        Bar(
            "hela katalogen vid 3 datum, tid jämfört med genomläsning",
            "the whole catalogue at 3 dates, time against the scan",
            15,
            "×",
            compare(whole, find_job(catalogue, "scan")),
        ),
        Bar("samma, minne", "the same, memory", 2048, "MiB", take_peak(whole)),
        Bar(
            "tid per rad vid 222 miljoner rader jämfört med 5 miljoner",
            "time per row at 222 million rows against 5 million",
            1.3,
            "×",
            growth,
        ),
        Bar("samma, minne", "the same, memory", 4096, "MiB", take_peak(largest)),
    ]


def _find_growth(part: Mapping[str, Any] | None) -> tuple[float | None, Any | None]:
    """Return the time per row of the largest size over that of the smallest, and the largest."""
    entries = [
        job
        for job in (part or {}).get("jobs", ())
        if job["job"] == "riskmodel" and any("seconds" in run for run in job["runs"])
    ]
    if not entries:
        return None, None
    small, large = (pick(entries, key=lambda job: job["rows"]) for pick in (min, max))
    ratio = compare(large, small)
    if ratio is None or small is large:
        return None, large
    return ratio * small["rows"] / large["rows"], large


def write_page(results: Results, path: Path) -> None:
    """Write the page."""
    path.write_text("\n".join(_write_lines(results)).rstrip() + "\n", encoding="utf-8")


def _write_lines(results: Results) -> Iterator[str]:
    """Yield the lines of the page."""
    bars = find_bars(results)
    yield "<!-- Written by benchmarks/report.py; `make bench` makes it anew. -->"
    yield "# Prestanda · Performance"
    yield ""
    yield from _write_swedish(bars)
    yield from _write_english(bars)
    for part in results.values():
        yield from _write_part(part)
    yield from _write_method(results)


def _write_swedish(bars: Sequence[Bar]) -> Iterator[str]:
    """Yield what was promised and what was found, in Swedish."""
    yield (
        "Så snabbt räknas särdragen fram ur lektionsvis närvaro, och så mycket minne går åt. "
        "Allt är mätt på påhittade elever, på den dator som står nedan, sida vid sida med det "
        "som annars kunde göra samma sak. *Genomläsning* är den tid som DuckDB behöver för att "
        "bara läsa samma kolumner; snabbare än så går det inte."
    )
    yield ""
    yield "| krav | gräns | uppmätt | |"
    yield "|---|---|---|---|"
    for bar in bars:
        limit, found = bar.describe()
        yield f"| {bar.swedish} | {limit} | {found} | {bar.verdict[0]} |"
    yield ""


def _write_english(bars: Sequence[Bar]) -> Iterator[str]:
    """Yield what was promised and what was found, in English."""
    yield (
        "How fast features are made from lesson-level attendance, and in how much memory. "
        "Everything is measured on invented pupils, on the machine named below, side by side "
        "with what else could do the same. The *scan* is the time that DuckDB needs merely to "
        "read the same columns."
    )
    yield ""
    yield "| bar | limit | measured | |"
    yield "|---|---|---|---|"
    for bar in bars:
        limit, found = bar.describe()
        yield f"| {bar.english} | {limit} | {found} | {bar.verdict[1]} |"
    yield ""


def _write_part(part: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of one part."""
    scans = {job["pupils"]: job for job in part["jobs"] if job["job"] == "scan"}
    yield f"## {part['title']}"
    yield ""
    yield (
        "| what | rows | seconds | × scan | CPU seconds | × scan, CPU | µs per row | peak MiB "
        "| limit | runs |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for job in part["jobs"]:
        yield _write_row(job, scans.get(job["pupils"]))
    yield ""
    machine = part["machine"]
    yield (
        f"{part['date']}, `{part['command']}`, {part['threads']} threads; "
        f"{machine['cores']} × {machine['processor']}, {machine['memory_gib']} GiB, "
        f"{machine['system']}, Python {machine['python']}; "
        + ", ".join(f"{name} {number}" for name, number in part["versions"].items())
        + "."
    )
    yield ""


def _write_row(job: Mapping[str, Any], scan: Any | None) -> str:
    """Return the row of one job."""
    name = _NAMES[job["job"]] + (", rows sorted by date" if job["by_date"] else "")
    seconds = take_median(find_job({"jobs": [job]}, job["job"]), "seconds")
    if seconds is None:
        reason = next(run["failed"] for run in job["runs"] if "failed" in run)
        return f"| {name} | {job['rows']:,} | failed: {reason} | | | | | | | {len(job['runs'])} |"
    against = None if job["job"] == "scan" else scan
    ratios = [
        "" if (ratio := compare(job, against, measure)) is None else f"{ratio:.2f}"
        for measure in ("seconds", "cpu_seconds")
    ]
    cells = [
        name,
        f"{job['rows']:,}",
        f"{seconds:.2f}",
        ratios[0],
        f"{take_median(job, 'cpu_seconds'):.2f}",
        ratios[1],
        f"{seconds / job['rows'] * 1e6:.4f}",
        f"{take_peak(job):,.0f}",
        job["memory_limit"] if job["job"] in _LIMITED else "",
        str(len(job["runs"])),
    ]
    return f"| {' | '.join(cells)} |"


def _write_method(results: Results) -> Iterator[str]:
    """Yield how it was measured."""
    whole = find_job(results.get("catalogue"), "catalogue")
    columns = "" if whole is None else f" ({whole['runs'][0].get('columns_out', 0) - 2} columns)"
    yield "## How it was measured"
    yield ""
    yield (
        "- **Data**: `benchmarks/data.py` makes one school year of 178 days with 5 lessons "
        "(890 rows a pupil) as hashes, so that the same size always gives the same rows; "
        "pseudonyms of 32 hexadecimal digits, about a tenth of the time absent, in spells, 2 % "
        "of lessons unreported, 6 % known one to 14 days late. Parquet with minutes as whole "
        "numbers, sorted by subject and date, as the stage of pseudonymisation writes it. "
        "Invented rows compress better than real ones may."
    )
    yield (
        "- **The question** of the sums: 14, 30, 60, 90 and 365 days before 1 June 2024; offered, "
        "attended, validly and invalidly absent minutes; only rows known before the date. Every "
        "tool's answer is compared with riskmodel's in `tests/benchmarks`."
    )
    yield (
        f"- **The catalogue**: every feature of `swedish_school`{columns} over attendance and the "
        "small tables of grades, health contacts, enrolments and support, at 1 November, "
        "1 February and 1 June. The rows carry no `lesson`, so that none replaces another."
    )
    yield (
        "- **The scan** reads the subject, both dates and the four columns of minutes: the sum "
        "of the minutes and the greatest hash of the others, so that no value is taken from the "
        "file's statistics."
    )
    yield (
        "- **Time** is that of a process of its own from the first read to the finished frame in "
        "memory, without the import of libraries; the files are in the system's cache. Jobs of "
        "a part take turns; a ratio is the median over the rounds of the ratio within the round. "
        "**Memory** is the greatest resident size of the whole process, Python included. "
        "riskmodel and DuckDB run with the limit of memory that stands in the table, which counts "
        "what DuckDB itself holds."
    )
    yield (
        "- **pandas** reads through pyarrow with dates as `datetime64`: its default, Python "
        "objects, needs several times the memory. **featuretools** does not run with pandas 3 and "
        "has an older one in the benchmarks' own environment (`requirements-bench.txt`)."
    )
