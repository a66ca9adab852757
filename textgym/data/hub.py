"""Data sets of the ``datasets`` library: opened from the Hugging Face Hub or from disk, and their class labels.

Nothing is read into memory: the library maps Arrow files, and a record is made when it is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from textgym.errors import DataError

EXPORT = "refs/convert/parquet"
"""Branch on which the Hub keeps every data set as Parquet, one folder a configuration; scripts are not run."""

FILES = {".parquet": "parquet", ".json": "json", ".jsonl": "json", ".csv": "csv", ".tsv": "csv"}
"""Builder of the ``datasets`` library, by the suffix of a file."""

BATCH = 1_000
"""Records that `scan` holds at once."""


def library(use: str) -> Any:
    """Returns the ``datasets`` module.

    Raises:
        DataError: If it is not installed; ``use`` starts the sentence.
    """
    try:
        import datasets
    except ImportError as error:
        raise DataError(f"{use} needs the datasets library. Run `pip install 'textgym[data]'`.") from error
    return datasets


def from_hub(path: str, name: str | None = None, revision: str | None = None) -> Mapping[str, Any]:
    """Returns the splits of a data set on the Hub, each a ``datasets.Dataset``; its scripts are never run.

    Args:
        path: Its id.
        name: Configuration, where the set has several.
        revision: Commit, tag or branch.

    Raises:
        DataError: If it cannot be loaded.
    """
    datasets = library(f"The data set {path!r}")
    # The branch of Parquet files has no card, so that its configurations are folders and nothing more.
    where = {"data_dir": name} if revision == EXPORT else {"name": name}
    try:
        return datasets.load_dataset(path, revision=revision, **where)
    except Exception as error:  # the library raises many kinds, its own and its backends'
        at = "".join(
            f", {what} {value!r}" for what, value in (("configuration", name), ("revision", revision)) if value
        )
        raise DataError(
            f"The data set {path!r}{at} could not be loaded from the Hugging Face Hub: {_reason(error)} {_remedy()}"
        ) from error


def from_disk(path: str | Path, name: str | None = None) -> Mapping[str, Any]:
    """Returns the splits of a data set on disk, each a ``datasets.Dataset``.

    Args:
        path: A folder that ``save_to_disk`` wrote, a folder of data files or a copy of a repository of the Hub, or a
            ``.parquet``, ``.jsonl``, ``.json``, ``.csv`` or ``.tsv`` file. What has no splits is one named ``train``.
        name: Configuration, where a folder has several.

    Raises:
        DataError: If nothing can be loaded from there.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"There is no data set at {str(path)!r} (from {Path.cwd()}).")
    datasets = library(f"The data set at {str(path)!r}")
    if name is not None and (path / name).is_dir():
        path, name = path / name, None
    try:
        if path.is_file():
            if path.suffix.lower() not in FILES:
                raise DataError(f"{str(path)!r} is no file of a known kind: {', '.join(FILES)}.")
            delimiter = {"delimiter": "\t"} if path.suffix.lower() == ".tsv" else {}
            return datasets.load_dataset(FILES[path.suffix.lower()], data_files=str(path), **delimiter)
        if is_saved(path):
            saved = datasets.load_from_disk(str(path))
            return saved if isinstance(saved, Mapping) else datasets.DatasetDict(train=saved)
        return datasets.load_dataset(str(path.absolute()), name=name)
    except DataError:
        raise
    except Exception as error:  # as above
        raise DataError(
            f"No data set could be read from {str(path)!r}: {_reason(error)} Give a folder that save_to_disk() wrote, "
            f"a folder of data files, or a file: {', '.join(FILES)}."
        ) from error


def is_saved(path: Path) -> bool:
    """Returns whether ``save_to_disk`` wrote this folder."""
    return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()


def is_dataset(part: Any) -> bool:
    """Returns whether this is a ``datasets.Dataset``; the library is not imported for it."""
    library = sys.modules.get("datasets")
    return library is not None and isinstance(part, library.Dataset)


def plain(part: Any) -> Any:
    """Returns a ``datasets.Dataset`` whose records are plain Python, whatever format it has been given."""
    return part.with_format(None)


class ClassNames:
    """Replaces the class numbers of a record by the names that they stand for.

    ``ClassLabel`` columns are replaced wherever they stand, also in lists and in nested records; −1, which stands for
    no class, stays.

    Args:
        features: Those of a ``datasets.Dataset``; None where there are none.
    """

    def __init__(self, features: Mapping[str, Any] | None) -> None:
        self._kinds = {column: kind for column, kind in (features or {}).items() if _has_classes(kind)}

    def __call__(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self._kinds:
            return record
        return {**record, **{column: _named(kind, record[column]) for column, kind in self._kinds.items()}}


def scan(part: Any) -> Iterator[dict[str, Any]]:
    """Yields every record of a ``datasets.Dataset``, a thousand in memory at a time."""
    for batch in part.iter(batch_size=BATCH):
        columns = list(batch)
        yield from (dict(zip(columns, values, strict=True)) for values in zip(*batch.values(), strict=True))


def _has_classes(kind: Any) -> bool:
    if isinstance(kind, Mapping):
        return any(map(_has_classes, kind.values()))
    return hasattr(kind, "int2str") or (_item(kind) is not None and _has_classes(_item(kind)))


def _named(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if hasattr(kind, "int2str"):
        return kind.int2str(value) if value >= 0 else value
    if isinstance(kind, Mapping):
        return {name: _named(kind[name], part) for name, part in value.items()}
    item = _item(kind)
    return value if item is None else [_named(item, part) for part in value]


def _item(kind: Any) -> Any:
    """Returns the feature of the items of a list feature, or None."""
    return kind[0] if isinstance(kind, list) and kind else getattr(kind, "feature", None)


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".:") + "."


def _remedy() -> str:
    import huggingface_hub

    if huggingface_hub.constants.HF_HUB_OFFLINE:
        return (
            "HF_HUB_OFFLINE is set, so only what the cache already holds can be loaded. Unset it, or give a copy on "
            "disk (data_path= of a registered environment, data= of your own)."
        )
    return (
        "Check the id, the configuration and the network; without one, give a copy on disk (data_path= of a registered "
        "environment, data= of your own)."
    )
