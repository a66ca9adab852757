"""What the generated tasks with a right answer have in common: their splits, their two rewards, their options.

Each is an id with its own page; this is the recipe that they share.
"""

from __future__ import annotations

from collections.abc import Callable

from textgym import generated
from textgym.data import Row
from textgym.errors import OptionError
from textgym.generated import Make, prompt_of
from textgym.rewards import Reward, make
from textgym.tasks import Task
from textgym.tokenizers import CharTokenizer

END = "="
"""Last character of a prompt: what follows is the answer. No answer holds it."""


def exact_task(
    name: str,
    draw: Make,
    *,
    characters: str,
    max_prompt: int,
    max_answer: int,
    partial: bool,
    data_seed: int,
    key: Callable[[Row], str] = prompt_of,
    rewards: tuple[Reward, Reward] | None = None,
    masked: bool = False,
) -> Task:
    """Returns a task on generated prompts whose answers are right or wrong.

    Args:
        name: See `Task`.
        draw: Makes the rows; see `textgym.generated.Generated`.
        characters: The vocabulary.
        max_prompt: Characters of the longest prompt.
        max_answer: Characters of the longest answer; a token for EOS is added.
        partial: Whether partial credit is the reward and the exact score a metric, in place of the reverse.
        data_seed: Of the rows.
        key: What the split of a row hangs on.
        rewards: The exact one and the partial one, each 1 for a right answer and only there; None takes ``exact_match``
            and `position_accuracy`.
        masked: Whether only ``characters`` and EOS may be written.

    Raises:
        OptionError: If an option of these has a value that it cannot take.
    """
    if not isinstance(partial, bool):
        raise OptionError(f"partial is True or False. Actual value: {partial!r}.")
    check_whole("data_seed", data_seed, 0, 2**32 - 1)
    exact, credit = rewards or (make("exact_match"), make(position_accuracy, range=(0.0, 1.0)))
    reward, other = (credit, exact) if partial else (exact, credit)
    tokenizer = CharTokenizer(characters)
    return Task(
        name=name,
        rows=generated.splits(draw, seed=data_seed, key=key),
        tokenizer=tokenizer,
        reward=reward,
        max_prompt_tokens=1 + max_prompt,  # BOS
        max_new_tokens=max_answer + 1,  # EOS
        allowed_tokens=(tokenizer.eos_id, *tokenizer.encode(characters)) if masked else None,
        metrics={other.name: other},
        gold="success",  # one of the two is 1 just where the other is: where the answer is right
        success_threshold=1.0,
    )


def position_accuracy(
    prompts: list[str], completions: list[str], references: list[list[str]], **columns: object
) -> list[float]:
    """Scores the share of positions at which a completion has the character of its first reference. Range [0, 1].

    Characters in the same place, over the length of the longer of the two, so that writing on lowers the score; space
    at both ends does not count, as in ``exact_match``. It can be gamed by what answers have in common, and a character
    left out or written twice costs all that follow it.
    """
    pairs = zip(completions, references, strict=True)
    return [_share_in_place(completion.strip(), answers[0].strip()) for completion, answers in pairs]


def _share_in_place(text: str, answer: str) -> float:
    if not text and not answer:
        return 1.0
    return sum(a == b for a, b in zip(text, answer, strict=False)) / max(len(text), len(answer))


def check_whole(name: str, value: object, low: int, high: int) -> None:
    """Raises `OptionError` unless ``value`` is a whole number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise OptionError(f"{name} is a whole number from {low} to {high}. Actual value: {value!r}.")


def check_sizes(unit: str, smallest: object, largest: object, limit: int) -> None:
    """Raises `OptionError` unless ``min_unit`` and ``max_unit`` are whole numbers in order, from 1 to ``limit``."""
    for name, value in ((f"min_{unit}", smallest), (f"max_{unit}", largest)):
        check_whole(name, value, 1, limit)
    if smallest > largest:  # type: ignore[operator]  # both are int by now
        raise OptionError(f"min_{unit} must not exceed max_{unit}. Actual values: {smallest} and {largest}.")
