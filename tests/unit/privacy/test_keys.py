from __future__ import annotations

import base64
import copy
import os
import pickle

import pytest

from riskmodel.errors import PrivacyError
from riskmodel.privacy.keys import PseudonymKey, create_key, load_key

SECRET = bytes(range(32))
VARIABLE = "RISKMODEL_TEST_KEY"

needs_modes = pytest.mark.skipif(os.name != "posix", reason="modes exist on POSIX only")


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "vault" / "pupils.key"
    create_key(path)
    return path


def test_a_new_key_has_256_random_bits_and_only_its_owner_reads_it(key_file, tmp_path):
    create_key(tmp_path / "other.key")
    secret = load_key(key_file, None).secret
    assert len(secret) == 32
    assert secret != load_key(tmp_path / "other.key", None).secret
    assert os.name != "posix" or key_file.stat().st_mode & 0o777 == 0o600


def test_a_key_is_never_overwritten(key_file):
    before = key_file.read_bytes()
    with pytest.raises(PrivacyError, match="exists") as caught:
        create_key(key_file)
    assert caught.value.exit_code == 13
    assert key_file.read_bytes() == before


def test_a_key_that_cannot_be_made_is_a_clear_error(key_file):
    with pytest.raises(PrivacyError, match="can be made"):
        create_key(key_file / "inside-a-file.key")


@pytest.mark.parametrize(
    "text",
    [
        SECRET.hex(),
        SECRET.hex().upper(),
        f"  {SECRET.hex()}\n",
        base64.b64encode(SECRET).decode(),
        "\ufeff" + SECRET.hex(),
    ],
)
def test_hexadecimal_and_base64_give_the_same_key(tmp_path, text):
    path = tmp_path / "a.key"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    assert load_key(path, None).secret == SECRET


def test_the_variable_serves_only_where_there_is_no_file(key_file, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, SECRET.hex())
    assert load_key(None, VARIABLE).secret == SECRET
    assert load_key(tmp_path / "gone.key", VARIABLE).secret == SECRET
    assert load_key(key_file, VARIABLE).secret != SECRET


@pytest.mark.parametrize(("file", "variable"), [(None, None), (None, VARIABLE)])
def test_no_key_no_run(file, variable, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(PrivacyError, match="keygen"):
        load_key(file, variable)


def test_a_missing_file_or_folder_is_a_clear_error(tmp_path):
    with pytest.raises(PrivacyError, match=r"gone\.key"):
        load_key(tmp_path / "gone.key", None)
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    with pytest.raises(PrivacyError, match="readable file"):
        load_key(folder, None)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (SECRET[:31].hex().encode(), "256 bits"),
        (b"", "256 bits"),
        (b"00" * 32, "random"),
        (b"abcd" * 16, "random"),
        (b"not a key!", "hexadecimal or base64"),
        ("ä".encode() * 40, "hexadecimal or base64"),
        (b"\xff\xfe\x00" * 20, "hold text"),
        (b"a" * 5000, "small text file"),
    ],
)
def test_an_unfit_key_is_refused_without_being_shown(tmp_path, content, what):
    path = tmp_path / "bad.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(PrivacyError, match=what) as caught:
        load_key(path, None)
    if len(content) > 4:
        assert content.decode("latin-1")[:6] not in str(caught.value)
    assert caught.value.__cause__ is None


@needs_modes
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_could_read_is_refused(key_file, mode):
    key_file.chmod(mode)
    with pytest.raises(PrivacyError, match="owner alone"):
        load_key(key_file, None)


@pytest.mark.parametrize("root", [".", "vault"])
def test_a_key_inside_a_shared_folder_is_refused(key_file, tmp_path, root):
    with pytest.raises(PrivacyError, match="must lie outside"):
        load_key(key_file, None, forbidden=[tmp_path / root])


def test_a_link_does_not_hide_where_the_key_lies(key_file, tmp_path):
    outside = tmp_path / "link.key"
    try:
        outside.symlink_to(key_file)
    except OSError:
        pytest.skip("this system makes no links")
    with pytest.raises(PrivacyError, match="must lie outside"):
        load_key(outside, None, forbidden=[key_file.parent])
    assert load_key(outside, None, forbidden=[tmp_path / "elsewhere"]).secret


def test_a_key_never_shows_itself():
    key = PseudonymKey(SECRET)
    for text in (repr(key), str(key), f"{key}", f"{[key]}"):
        assert SECRET.hex()[:8] not in text
        assert str(SECRET)[2:10] not in text
        assert key.key_id in text
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(PrivacyError, match="pickle"):
            leak(key)


def test_key_ids_name_the_key():
    assert PseudonymKey(SECRET).key_id == PseudonymKey(SECRET).key_id
    assert PseudonymKey(SECRET).key_id != PseudonymKey(SECRET[::-1]).key_id
    assert PseudonymKey(SECRET).key_id not in SECRET.hex()


def test_a_key_beside_a_forbidden_folder_is_allowed_however_it_is_written(tmp_path):
    (tmp_path / "project").mkdir()
    create_key(tmp_path / "keys" / "new.key")
    written = tmp_path / "project" / ".." / "keys" / "new.key"
    assert load_key(written, None, forbidden=[tmp_path / "project"]).key_id
    inside = tmp_path / "keys" / ".." / "project" / "new.key"
    create_key(inside)
    with pytest.raises(PrivacyError, match="must lie outside"):
        load_key(inside, None, forbidden=[tmp_path / "project"])
