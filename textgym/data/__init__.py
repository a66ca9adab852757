"""Rows of prompts and references: read from lists, files and data sets, dealt to splits, made into prompts."""

from textgym.data.loading import MAX_ROWS, StreamedRows, load_rows
from textgym.data.rows import RESERVED, SPLITS, Row, check_split, digest, digest_split, hashed_split

__all__ = [
    "MAX_ROWS",
    "RESERVED",
    "SPLITS",
    "Row",
    "StreamedRows",
    "check_split",
    "digest",
    "digest_split",
    "hashed_split",
    "load_rows",
]
