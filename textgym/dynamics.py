"""How an episode moves and ends: the one rule that the single and the vector environment share.

Shapes: N episodes side by side, L cells an episode, V ids in the vocabulary.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces

from textgym.data import Row
from textgym.errors import OptionError, TaskError
from textgym.rewards import Stepwise
from textgym.simulators import Simulator
from textgym.tasks import Task

FINISH_REASONS = ("", "eos", "stop", "length")
"""Why an episode ended, by code; the empty string while it goes on."""
LIVE, EOS, STOP, LENGTH = range(4)


class Step(NamedTuple):
    """What one step did to the rows that took it.

    Attributes:
        rewards: Reward of the step, float64 ``(N,)``; 0 for rows that took no step.
        ended: True where the step ended an episode, bool ``(N,)``.
        infos: For each ended row, in order of row, the final info. It holds ``reward_notes``, a text for each term
            that explains itself, where the reward has such terms.
    """

    rewards: np.ndarray
    ended: np.ndarray
    infos: list[dict[str, Any]]


def observation_space(task: Task) -> spaces.Dict:
    """Returns the space of one observation: right-padded ids, their mask, and the length of the prompt."""
    length = task.max_tokens
    return spaces.Dict(
        input_ids=spaces.Box(0, task.tokenizer.vocab_size - 1, (length,), np.int64),
        attention_mask=spaces.Box(0, 1, (length,), np.int8),
        prompt_length=spaces.Box(0, length, (1,), np.int64),
    )


def finish_codes(actions: np.ndarray, lengths: np.ndarray, stopped: np.ndarray, task: Task) -> np.ndarray:
    """Says which episodes a step ends, and why.

    Args:
        actions: Token just written, int64 ``(B,)``.
        lengths: Tokens of the completion, that one included, int64 ``(B,)``.
        stopped: True where the completion now holds a stop string, bool ``(B,)``.
        task: The task, for its EOS and its budget.

    Returns:
        Index into `FINISH_REASONS`, int8 ``(B,)``; EOS comes before a stop string, and that before the budget.
    """
    codes = np.where(lengths >= task.max_new_tokens, LENGTH, LIVE).astype(np.int8)
    codes[stopped] = STOP
    codes[actions == task.tokenizer.eos_id] = EOS
    return codes


class Episodes:
    """The state of N episodes of one task, as arrays.

    Attributes:
        ids: Tokens, right-padded, int64 ``(N, L)``.
        lengths: Tokens so far, prompt and replies included, int64 ``(N,)``.
        prompt_lengths: Tokens of the prompt, int64 ``(N,)``.
        written: Tokens that the agent chose, int64 ``(N,)``.
        live: True where an episode has begun and not ended, bool ``(N,)``.
        turns: The turns that the agent has finished, each cut before its stop string.
    """

    def __init__(self, task: Task, size: int) -> None:
        self.task = task
        length = task.max_tokens
        self.ids = np.full((size, length), task.tokenizer.pad_id, np.int64)
        self.lengths = np.zeros(size, np.int64)
        self.prompt_lengths = np.zeros(size, np.int64)
        self.written = np.zeros(size, np.int64)
        self.live = np.zeros(size, bool)
        self.rows: list[Row] = [Row("")] * size
        self.turns: list[list[str]] = [[] for _ in range(size)]
        self._said = [""] * size  # the turns that are over and their replies, as one text
        self._turn_starts = np.zeros(size, np.int64)  # first cell of the turn under way
        self._replied: list[list[slice]] = [[] for _ in range(size)]  # cells that the simulator wrote
        self._returns = np.zeros(size)
        self._stepwise = task.reward if isinstance(task.reward, Stepwise) else None
        self._so_far = np.full(size, np.nan)  # a stepwise reward's score of each live completion; NaN until needed
        self._cells = np.arange(length)
        self._may_stop = _tokens_that_may_stop(task) if task.stop else None

    def begin(self, i: int, rng: np.random.Generator, options: dict[str, Any] | None = None) -> dict[str, Any]:
        """Starts a new episode in row ``i`` and returns its reset info.

        The prompt is the one of ``options`` (``prompt`` or ``prompt_index``), else ``rng`` draws it.
        """
        task = self.task
        options = options or {}
        if unknown := set(options) - {"prompt", "prompt_index"}:
            raise OptionError(
                f"Unknown reset options {sorted(unknown)}. Known: prompt (a text) or prompt_index (a number)."
            )
        if len(options) == 2:
            raise OptionError("Give either prompt or prompt_index to reset, not both.")
        if "prompt" in options:
            index, row, ids = -1, Row(options["prompt"]), task.encode_prompt(options["prompt"])
        else:
            given = options.get("prompt_index")
            if isinstance(given, bool) or not isinstance(given, int | np.integer | None):
                raise OptionError(f"prompt_index is a whole number. Actual value: {given!r}.")
            index = int(rng.integers(len(task)) if given is None else given)
            row, ids = task[index], task.prompt_ids(index)
        self.ids[i, : len(ids)] = ids
        self.ids[i, len(ids) :] = task.tokenizer.pad_id
        self.lengths[i] = self.prompt_lengths[i] = self._turn_starts[i] = len(ids)
        self.written[i] = 0
        self.turns[i], self._said[i], self._replied[i] = [], "", []
        self.rows[i] = row
        self.live[i] = True
        self._returns[i] = 0.0
        self._so_far[i] = np.nan
        return {"prompt": row.prompt, "references": list(row.references), "prompt_index": index}

    def observe(self) -> dict[str, np.ndarray]:
        """Returns the observations, fresh arrays ``(N, L)``, ``(N, L)`` and ``(N, 1)``."""
        return {
            "attention_mask": (self._cells < self.lengths[:, None]).view(np.int8),
            "input_ids": self.ids.copy(),
            "prompt_length": self.prompt_lengths[:, None].copy(),
        }

    def advance(self, rows: np.ndarray, actions: np.ndarray) -> Step:
        """Writes one token into each of ``rows``, ends what has ended, and scores it in one call.

        Args:
            rows: Rows that take the step, int64 ``(B,)``.
            actions: Their tokens, int64 ``(B,)``.
        """
        size = len(self.lengths)
        rewards, ended = np.zeros(size), np.zeros(size, bool)
        if not len(rows):
            return Step(rewards, ended, [])
        if not self.live[rows].all():
            raise TaskError("step() was called on an episode that has not begun or is over. Call reset() first.")
        if actions.min() < 0 or actions.max() >= self.task.tokenizer.vocab_size:
            raise TaskError(
                f"Actions are token ids in [0, {self.task.tokenizer.vocab_size}). Actual value: {actions.tolist()}."
            )
        if self._stepwise:
            self._score_openings(rows)
        self.ids[rows, self.lengths[rows]] = actions
        self.lengths[rows] += 1
        self.written[rows] += 1
        written = self.written[rows]
        codes = finish_codes(actions, written, self._stopped(rows, actions), self.task)
        if self.task.simulator is not None:
            for k in np.flatnonzero(codes).tolist():
                codes[k] = self._end_turn(int(rows[k]), int(codes[k]), self.task.simulator)
        over = codes != LIVE
        final = rows[over]
        infos: list[dict[str, Any]] = []
        if len(final):
            ended[final] = True
            self.live[final] = False
            reasons = [FINISH_REASONS[code] for code in codes[over]]
            completions = [self.completion(i) for i in final]
            scores = self._score(final, completions, reasons)
            terms = {name: values.tolist() for name, values in scores.terms.items()}
            infos = [
                {"completion": text, "finish_reason": why, "reward_terms": {name: terms[name][k] for name in terms}}
                for k, (text, why) in enumerate(zip(completions, reasons, strict=True))
            ]
            if self.task.simulator is not None:
                for i, info in zip(final, infos, strict=True):
                    info["turns"], info["completion_mask"] = list(self.turns[i]), self._completion_mask(i)
            if scores.notes:
                for k, info in enumerate(infos):
                    info["reward_notes"] = {name: notes[k] for name, notes in scores.notes.items()}
            if self.task.success_threshold is not None:
                for info, total in zip(infos, scores.total.tolist(), strict=True):
                    info["is_success"] = total >= self.task.success_threshold
            rewards[final] = scores.total
        if self._stepwise:
            self._pay_steps(self._stepwise, rows, rows[~over], rewards)
        paid, steps = (rows, written) if self._stepwise else (final, written[over])
        self._returns[paid] += self.task.gamma ** (steps - 1) * rewards[paid]
        for info, total in zip(infos, self._returns[final].tolist(), strict=True):
            info["discounted_return"] = total
        return Step(rewards, ended, infos)

    def completion(self, i: int) -> str:
        """Returns the text after the prompt: the agent's turns, each cut before a stop string, and the replies."""
        return self._said[i] + self._turn(i)

    def render(self, i: int) -> str:
        """Returns prompt, completion and what is left of the budget, for a person to read."""
        left = self.task.max_new_tokens - int(self.written[i])
        state = f"{left} tokens left" if self.live[i] else "over"
        return f"{self.rows[i].prompt}|{self.completion(i)}\n[{self.task.name}, {state}]"

    def _turn(self, i: int) -> str:
        """Returns the text of the turn under way; it is empty after the last turn of an episode."""
        text = self._raw_turn(i)
        for stop in self.task.stop:
            text = text.partition(stop)[0]
        return text

    def _raw_turn(self, i: int) -> str:
        return self.task.tokenizer.decode(self.ids[i, self._turn_starts[i] : self.lengths[i]].tolist())

    def _end_turn(self, i: int, code: int, simulator: Simulator) -> int:
        """Closes the turn under way and writes the reply; returns why the episode is over, or `LIVE`."""
        task = self.task
        turn = self._turn(i)
        stop = self._raw_turn(i)[len(turn) :]
        self.turns[i].append(turn)
        self._said[i] += turn
        self._turn_starts[i] = self.lengths[i]
        if code == LENGTH:
            return LENGTH
        reply = simulator.reply(self.rows[i], tuple(self.turns[i]))
        if reply is None:
            return code
        if self.written[i] >= task.max_new_tokens:
            return LENGTH  # the customer goes on, and the agent has no token left to answer with
        ids = task.tokenizer.encode(reply.removeprefix(stop))  # a line break that ended the turn also opens the reply
        end = int(self.lengths[i]) + len(ids)
        if not ids or end + task.max_new_tokens - self.written[i] > self.ids.shape[1]:
            raise TaskError(
                f"The replies of {task.name!r} take 1 to {task.max_reply_tokens} tokens an episode in the vocabulary "
                f"{task.tokenizer.name!r}, and this one of {len(ids)} does not fit: {reply[:60]!r}. Make the "
                "environment with a larger max_reply_tokens."
            )
        self.ids[i, self.lengths[i] : end] = ids
        self._replied[i].append(slice(int(self.lengths[i] - self.prompt_lengths[i]), end - int(self.prompt_lengths[i])))
        self._said[i] += reply
        self.lengths[i] = self._turn_starts[i] = end
        return LIVE

    def _completion_mask(self, i: int) -> list[int]:
        """Returns 1 for each token after the prompt that the agent chose, and 0 for each that the simulator wrote."""
        mask = np.ones(self.lengths[i] - self.prompt_lengths[i], np.int64)
        for cells in self._replied[i]:
            mask[cells] = 0
        return mask.tolist()

    def _after_prompt(self, i: int) -> list[int]:
        return self.ids[i, self.prompt_lengths[i] : self.lengths[i]].tolist()

    def _stopped(self, rows: np.ndarray, actions: np.ndarray) -> np.ndarray:
        stopped = np.zeros(len(rows), bool)
        if self._may_stop is not None:
            for k in np.flatnonzero(self._may_stop[actions]):
                text = self._raw_turn(rows[k])
                stopped[k] = any(stop in text for stop in self.task.stop)
        return stopped

    def _score(self, rows: np.ndarray, completions: list[str], reasons: list[str]) -> Any:
        records = [self.rows[i] for i in rows]
        names = dict.fromkeys(name for record in records for name in record.columns)
        conversation: dict[str, list[Any]] = {}
        if self.task.simulator is not None:
            conversation = {
                "turns": [[*self.turns[i], turn] if (turn := self._turn(i)) else list(self.turns[i]) for i in rows],
                "completion_mask": [self._completion_mask(i) for i in rows],
            }
        return self.task.reward.score(
            [record.prompt for record in records],
            completions,
            update=self.task.split == "train" and "" not in reasons,  # statistics are of finished completions
            **{name: [record.columns.get(name) for record in records] for name in names},
            references=[list(record.references) for record in records],
            prompt_ids=[self.ids[i, : self.prompt_lengths[i]].tolist() for i in rows],
            completion_ids=[self._after_prompt(i) for i in rows],
            finish_reason=reasons,
            tokenizer=self.task.tokenizer,
            **conversation,
        )

    def _score_openings(self, rows: np.ndarray) -> None:
        new = rows[np.isnan(self._so_far[rows])]
        if len(new):
            self._so_far[new] = self._score(new, [""] * len(new), [""] * len(new)).total

    def _pay_steps(self, reward: Stepwise, rows: np.ndarray, live: np.ndarray, rewards: np.ndarray) -> None:
        """Turns terminal scores into what each step pays, in place; the score of a final text is the terminal one."""
        if len(live):
            rewards[live] = self._score(live, [self.completion(i) for i in live], [""] * len(live)).total
        after = rewards[rows]
        rewards[rows] = reward.pay(self._so_far[rows], after, self.task.gamma)
        self._so_far[rows] = after


def _tokens_that_may_stop(task: Task) -> np.ndarray:
    """True for tokens that may complete a stop string, bool ``(V,)``: all others skip the decoding."""
    last = {stop[-1] for stop in task.stop} | {"\ufffd"}  # a lone byte of a longer character decodes to U+FFFD
    texts = (task.tokenizer.decode([i]) for i in range(task.tokenizer.vocab_size))
    return np.array([not last.isdisjoint(text) for text in texts])
