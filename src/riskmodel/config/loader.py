"""Read a configuration file: every error at once, each with its place."""

from __future__ import annotations

import os
import re
import typing
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from riskmodel.core.spec import Spec
from riskmodel.core.validation import is_writable, suggest_name
from riskmodel.errors import ConfigurationError

SpecT = TypeVar("SpecT", bound=Spec)
FindErrors = Callable[[Mapping[str, Any]], list[str]]
"""A further check of a file's content, which returns findings."""
Prepare = Callable[[Mapping[str, Any], Path], tuple[dict[str, Any], list[str]]]
"""Fills in a file's content, given its folder, and returns it with findings."""

_MAX_BYTES = 1 << 18
_MAX_NODES = 20_000
_MAX_FINDINGS = 50
_LONGEST_PROBLEM = 120


class _StrictLoader(yaml.SafeLoader):
    """Plain YAML of bounded size, without repeated keys and without aliases.

    Aliases can be made to explode, and a file of nothing but commas takes seconds to read.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._n_nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases, and more names and values than a configuration needs."""
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed")
        self._n_nodes += 1
        if self._n_nodes > _MAX_NODES:
            raise yaml.YAMLError(f"it holds more than {_MAX_NODES:,} names and values")
        return super().compose_node(parent, index)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Refuse values that are not of the kind that they look like, such as 2024-02-31."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise _refuse(node, "the value is not of its kind") from None

    def construct_scalar(self, node: Any) -> Any:
        """Refuse characters that no file can hold."""
        text = super().construct_scalar(node)
        if isinstance(text, str) and not is_writable(text):
            raise _refuse(node, "the text holds a NUL or half a character")
        return text

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse repeated keys."""
        if not isinstance(node, yaml.MappingNode):
            raise _refuse(node, "names and values must stand here")
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            repeated = sorted(str(key) for key, count in Counter(keys).items() if count > 1)
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"the key `{repeated[0]}` stands twice, line {line}")
        return mapping


def _refuse(node: Any, problem: str) -> yaml.YAMLError:
    """Return the error of a place in the file."""
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping.

    Parameters
    ----------
    path : pathlib.Path
        A UTF-8 file of at most 256 KiB and 20,000 names and values.

    Returns
    -------
    dict
        Its content.

    Raises
    ------
    ConfigurationError
        If the file is not there, not YAML, or not a mapping.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigurationError(
                f"`{path.name}` must be at most 256 KiB. Is it a configuration?"
            )
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_StrictLoader)
    except OSError as error:
        raise ConfigurationError(
            f"`{path.name}` must be a readable file, got {type(error).__name__}. Check the path."
        ) from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"`{path.name}` must be UTF-8 text. Save it as UTF-8.") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigurationError(
            f"`{path.name}` must be valid YAML. Mend what stands below.", [_yaml_place(error)]
        ) from None
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"`{path.name}` must hold names and values, got {type(content).__name__}. "
            "Start from one of the files in configs/."
        )
    return content


def load_spec(
    path: Path,
    spec_type: type[SpecT],
    find_errors: FindErrors | None = None,
    prepare: Prepare | None = None,
) -> SpecT:
    """Read a YAML file as one spec, its relative paths taken from the file's folder.

    Parameters
    ----------
    path : pathlib.Path
        The configuration file.
    spec_type : type of Spec
        What it describes, for example `RunConfig`.
    find_errors : callable, optional
        Finds further errors in the file's content.
    prepare : callable, optional
        Fills in the file's content before it is checked.

    Returns
    -------
    Spec
        Valid, with absolute paths.

    Raises
    ------
    ConfigurationError
        With every finding: its place, what must be, and the nearest valid name.
    """
    content, folder = read_yaml(path), path.resolve().parent
    unprepared: list[str] = []
    if prepare is not None:
        content, unprepared = prepare(content, folder)

    def find_all(filled: Mapping[str, Any]) -> list[str]:
        return [*unprepared, *(find_errors(filled) if find_errors is not None else [])]

    spec = parse_spec(content, spec_type, name=path.name, find_errors=find_all)
    return make_paths_absolute(spec, folder)


def parse_spec(
    content: Mapping[str, Any],
    spec_type: type[SpecT],
    *,
    name: str,
    find_errors: FindErrors | None = None,
) -> SpecT:
    """Return plain values as a spec.

    Parameters
    ----------
    content : mapping
        Settings by name.
    spec_type : type of Spec
        What they describe.
    name : str
        Where they come from, as the reader knows it.
    find_errors : callable, optional
        Finds further errors, which are reported together with those of the spec.

    Returns
    -------
    Spec
        Valid.

    Raises
    ------
    ConfigurationError
        With every finding.
    """
    spec, findings, n_found = None, [], 0
    try:
        spec = spec_type.model_validate(content)
    except ValidationError as error:
        n_found = error.error_count()
        found = error.errors(include_url=False)[:_MAX_FINDINGS]
        findings = [_describe(item, spec_type) for item in found]
    if find_errors is not None:
        others = find_errors(content)
        findings, n_found = findings + others, n_found + len(others)
    if spec is None or findings:
        raise ConfigurationError(
            f"`{name}` must be a valid configuration, got {n_found} finding(s). Mend each of them.",
            findings,
        )
    return spec


def make_paths_absolute(spec: SpecT, root: Path) -> SpecT:
    """Return a spec whose relative paths start from a folder; ``~`` is the user's home.

    Parameters
    ----------
    spec : Spec
        Any spec, with specs inside.
    root : pathlib.Path
        The folder that relative paths are taken from.

    Returns
    -------
    Spec
        A copy.
    """
    return spec.model_copy(
        update={name: _absolute(getattr(spec, name), root) for name in type(spec).model_fields}
    )


def _absolute(value: Any, root: Path) -> Any:
    """Return a field's value with the paths inside it made absolute."""
    if isinstance(value, Path):
        return Path(os.path.normpath(root / value.expanduser()))
    if isinstance(value, Spec):
        return make_paths_absolute(value, root)
    if isinstance(value, dict):
        return {key: _absolute(item, root) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_absolute(item, root) for item in value)
    return value


def _yaml_place(error: Exception) -> str:
    """Say where YAML broke, without quoting the file."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    if isinstance(error, RecursionError):
        problem = "it is nested too deeply"
    elif type(error) is yaml.YAMLError or isinstance(error, yaml.reader.ReaderError):
        problem = str(error).splitlines()[0]
    problem = (problem or "not YAML")[:_LONGEST_PROBLEM]
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem


def _describe(item: Any, spec_type: type[Spec]) -> str:
    """Return one finding: its place in the file, what must be, and the nearest name."""
    place = _write_place(item["loc"]) or "the file"
    if item["type"] == "extra_forbidden":
        valid = _field_names(spec_type, item["loc"][:-1])
        return f"{place}: there is no such setting.{suggest_name(str(item['loc'][-1]), valid)}"
    text = item["msg"].removeprefix("Value error, ")
    if item["type"] == "literal_error":
        valid = re.findall(r"'([^']*)'", item["ctx"]["expected"])
        return f"{place}: {text}.{suggest_name(str(item['input']), valid)}"
    return f"{place}: {text}"


def _write_place(parts: Iterable[str | int]) -> str:
    """Return a place in the file, such as ``features.declared[3].value``."""
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts
    ).removeprefix(".")


def _field_names(spec_type: type[BaseModel], place: tuple[str | int, ...]) -> list[str]:
    """Return the settings that exist at a place of the file."""
    candidates: list[type[BaseModel]] = [spec_type]
    for part in place:
        following: list[type[BaseModel]] = []
        for candidate in candidates:
            field = candidate.model_fields.get(str(part))
            if field is not None:
                following += _spec_types(field.annotation)
        candidates = following or candidates
    return [name for candidate in candidates for name in candidate.model_fields]


def _spec_types(annotation: Any) -> list[type[BaseModel]]:
    """Return the specs named anywhere in a type annotation."""
    if typing.get_origin(annotation) is None and isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [found for part in typing.get_args(annotation) for found in _spec_types(part)]
