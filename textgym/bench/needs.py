"""What a table needs that is not in this package: installed packages, models and data sets of the Hugging Face Hub."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from textgym.bench.recipes import Table
from textgym.errors import OptionError

EXTRAS = {"sb3_contrib": "contrib", "datasets": "data"}
"""The extra of textgym that installs a package."""


def require(table: Table) -> None:
    """Raises an error that names all that a table lacks, before any of it is trained.

    Raises:
        OptionError: If a package is not installed, or a model or a data set is neither cached nor reachable.
    """
    if lacking := list(missing(table)):
        lines = "\n".join(f"- {line}" for line in lacking)
        raise OptionError(f"The table {table.name!r} cannot be made here. It lacks:\n{lines}")


def missing(table: Table) -> Iterator[str]:
    """Yields what is missing, a line each, with what to do."""
    for package in table.needs.get("packages", ()):
        if importlib.util.find_spec(package) is None:
            extra = EXTRAS.get(package)
            yield f"the package {package}: pip install " + (f"'textgym[{extra}]'" if extra else package)
    for kind, option in (("model", ""), ("dataset", " --repo-type dataset")):
        for name in table.needs.get(f"{kind}s", ()):
            if (reason := _unreachable(name, kind)) is not None:
                advice = f"go online, or download it beforehand with `hf download {name}{option}`"
                yield f"the {kind} {name} ({reason}): {advice}"


def _unreachable(name: str, kind: str) -> str | None:
    """Returns why a repository of the Hub can be had neither from the cache nor from the network, or None."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        snapshot_download(name, repo_type=kind, local_files_only=True)
    except LocalEntryNotFoundError:
        pass
    else:
        return None
    try:
        HfApi().repo_info(name, repo_type=kind, timeout=10)
    except OfflineModeIsEnabled:
        return "not cached, and HF_HUB_OFFLINE is set"
    except Exception as error:  # there are many ways for a network to fail
        return f"not cached, and not reachable: {type(error).__name__}"
    return None
