import json
import subprocess
import sys
import textwrap

import pytest

from riskmodel.core.files import (
    hash_file,
    read_json,
    remove_partial_files,
    write_atomically,
    write_json,
    write_text,
)


def test_a_failed_write_keeps_what_was_there(tmp_path):
    target = tmp_path / "result.txt"
    write_text(target, "before")
    with pytest.raises(RuntimeError), write_atomically(target) as partial:
        partial.write_text("half", encoding="utf-8")
        raise RuntimeError
    assert target.read_text(encoding="utf-8") == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["result.txt"]


def test_a_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "model"
    for content in ("first", "second"):
        with write_atomically(target) as partial:
            partial.mkdir()
            (partial / f"{content}.txt").write_text(content, encoding="utf-8")
    assert [path.name for path in target.iterdir()] == ["second.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_killed_writer_leaves_the_old_file_and_a_leftover_that_is_cleaned(tmp_path):
    target = tmp_path / "result.txt"
    write_text(target, "before")
    code = textwrap.dedent(
        f"""
        import os
        from pathlib import Path
        from riskmodel.core.files import write_atomically
        with write_atomically(Path({str(target)!r})) as partial:
            partial.write_text("half", encoding="utf-8")
            os._exit(9)
        """
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 9
    assert target.read_text(encoding="utf-8") == "before"
    assert remove_partial_files(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["result.txt"]


def test_json_has_the_same_bytes_whatever_the_order(tmp_path):
    write_json(tmp_path / "a.json", {"x": 1, "å": [True, None]})
    write_json(tmp_path / "b.json", {"å": [True, None], "x": 1})
    assert hash_file(tmp_path / "a.json") == hash_file(tmp_path / "b.json")
    assert read_json(tmp_path / "a.json") == {"x": 1, "å": [True, None]}


def test_json_refuses_numbers_that_are_not_finite(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"auc": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_the_hash_of_a_folder_sees_names_and_contents(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        write_text(folder / "a" / "x.txt", "x")
    assert hash_file(one) == hash_file(two)
    (two / "a" / "x.txt").rename(two / "a" / "y.txt")
    assert hash_file(one) != hash_file(two)


def test_json_is_utf8_with_line_feeds(tmp_path):
    write_json(tmp_path / "a.json", {"namn": "Åmål"})
    raw = (tmp_path / "a.json").read_bytes()
    assert b"\r" not in raw
    assert json.loads(raw.decode("utf-8")) == {"namn": "Åmål"}
