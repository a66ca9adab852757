"""The other side of a conversation: what the environment writes between the turns of an agent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from textgym.data import Row


class Simulator(ABC):
    """Answers an agent's turns. Subclass it with `reply` and `max_reply_tokens`.

    An agent's turn ends with EOS or a stop string of the task. The environment then asks for the `reply`, writes it
    after the turn, and goes on; where there is no reply the episode is over and is scored. A simulator keeps no state:
    whatever makes one customer differ from another is in the row.
    """

    @property
    @abstractmethod
    def max_reply_tokens(self) -> int:
        """Cells of the observation for all replies of an episode together, in tokens of the task's own vocabulary."""

    @abstractmethod
    def reply(self, row: Row, turns: Sequence[str]) -> str | None:
        """Returns what follows the last turn, as it stands in the text, or None where the conversation is over.

        A pure function of its arguments.

        Args:
            row: What the episode is about.
            turns: The agent's turns so far, at least one, each cut before its stop string.
        """
