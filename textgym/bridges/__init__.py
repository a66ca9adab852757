"""Bridges to other trainers and benches: an id of ours as a data set and a reward of TRL, or as a task folder.

Importing a bridge loads nothing of the library that it leads to; the library is imported when a function needs it.
"""
