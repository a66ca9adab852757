"""Set before any test imports a library: no test reaches a network or a screen."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # an unknown model name fails at once, as on a machine without a network
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # silences its warning when a vector worker forks
