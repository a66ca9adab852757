"""Beam search: the likeliest turn that can be found by keeping n of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from textgym.env import allowed_mask
from textgym.errors import AgentError
from textgym.tasks import Task

from .baselines import writer
from .distributions import OUTSIDE
from .majority import ends_turn
from .planning import Opening, Planner, check_count
from .policy import TransformerPolicy
from .token_model import ContextReader


class Beam(NamedTuple):
    """A turn that beam search found.

    Attributes:
        ids: Its tokens, EOS included where there is one, int64 ``(n,)``.
        score: log π of them all, divided by ``n ** length_penalty``.
    """

    ids: np.ndarray
    score: float


class BeamSearch(Planner):
    """Keeps the n likeliest beginnings of a turn, and gives the best turn among those that it brought to an end.

    The law is the agent's own token law, temperature, top-k, top-p and the environment's action masks included. The
    search is the one of transformers' ``generate(num_beams=n)``: of 2n continuations the n best that go on are kept;
    a turn that ended among the n best is scored by log π / length ** length_penalty; the search is over when the best
    beginning, scored at its present length, is below the worst of n ended turns, which for a positive penalty is a
    heuristic. Draws nothing: the same context gives the same turn.

    Args:
        agent: A language model (see `ZeroShot`), or an agent of this package that has one.
        env: A registered id or a `Task`.
        n: Beams.
        length_penalty: Exponent of the length; above 0 favours long turns, 0 scores by log π alone.
        **make_kwargs: Options of the environment.

    Raises:
        AgentError: If the agent has no language model whose law could be read.
    """

    def __init__(
        self, agent: Any, env: str | Task, n: int = 4, length_penalty: float = 1.0, **make_kwargs: Any
    ) -> None:
        self.n = check_count("n", n, "BeamSearch")
        if isinstance(length_penalty, bool) or not isinstance(length_penalty, int | float):
            raise AgentError(f"length_penalty is a number. Actual value: {length_penalty!r}.")
        self.length_penalty = length_penalty
        super().__init__(*writer(agent, env, make_kwargs))
        policy = getattr(self.agent, "policy", None)
        if not isinstance(policy, TransformerPolicy):
            raise AgentError(
                "BeamSearch reads the token law of a language model: give a model, or an agent that has one, such as a "
                f"saved PPO. Actual value: a {type(self.agent).__name__}."
            )
        self.model = policy.token_model

    def plan(self, openings: Sequence[Opening], deterministic: bool) -> list[np.ndarray]:
        """Returns the best turn of each opening."""
        return [beam.ids for beam in self.search(openings)]

    @torch.inference_mode()
    def search(self, openings: Sequence[Opening]) -> list[Beam]:
        """Returns the best turn of each opening, with its score."""
        size, device = len(openings), self.model.device
        budgets = np.array([opening.budget for opening in openings])
        begins = np.array([len(opening.ids) for opening in openings])
        prompts = np.array([opening.prompt_length for opening in openings])
        length = int((begins + budgets).max())
        ids = np.full((size, self.n, length), self.tokenizer.pad_id, np.int64)
        for cells, opening in zip(ids, openings, strict=True):
            cells[:, : len(opening.ids)] = opening.ids
        scores = torch.full((size, self.n), -torch.inf, device=device)  # log π of each beginning
        scores[:, 0] = 0.0  # all beams are one at first
        ended: list[list[Beam]] = [[] for _ in openings]  # the best n turns that came to an end, best first
        searching = np.ones(size, bool)
        # Slots are beam by beam, so that the prompts alone are the first rows; the second half is room to reorder.
        decoder = self.model.decoder(2 * self.n * size, length)
        for step in range(int(budgets.max())):
            beams = 1 if step == 0 else self.n
            contexts = ids[:, :beams].swapaxes(0, 1).reshape(beams * size, length)
            lengths = begins + np.minimum(step, budgets - 1)  # one whose budget is spent waits for the others
            log_probs = self._log_probs(decoder, contexts, np.tile(lengths, beams), np.tile(prompts, beams))
            log_probs = log_probs.masked_fill(log_probs <= OUTSIDE, -torch.inf)
            log_probs = log_probs.unflatten(0, (beams, size)).swapaxes(0, 1)  # (B, beams, V)
            totals = (log_probs + scores[:, :beams, None]).flatten(1)
            best = totals.topk(min(2 * self.n, totals.shape[1]))
            vocab_size = log_probs.shape[2]
            origins = torch.div(best.indices, vocab_size, rounding_mode="floor").cpu().numpy()  # (B, 2n)
            tokens, values = (best.indices % vocab_size).cpu().numpy(), best.values.cpu().numpy()
            kept = np.tile(np.arange(self.n), (size, 1))  # the beam that each beam goes on from
            following = np.full((size, self.n), -np.inf, np.float32)
            written = ids.copy()
            for b in np.flatnonzero(searching).tolist():
                beam = 0
                for rank in range(tokens.shape[1]):
                    cells = ids[b, origins[b, rank]].copy()
                    cells[begins[b] + step] = tokens[b, rank]
                    turn = cells[begins[b] : begins[b] + step + 1]
                    if len(turn) >= budgets[b] or ends_turn(turn, self.task):
                        if rank < self.n and np.isfinite(values[b, rank]):
                            ended[b].append(Beam(turn, float(values[b, rank] / len(turn) ** self.length_penalty)))
                    elif beam < self.n:
                        written[b, beam], kept[b, beam], following[b, beam] = cells, origins[b, rank], values[b, rank]
                        beam += 1
                ended[b] = sorted(ended[b], key=lambda found: -found.score)[: self.n]
                best_possible = following[b, 0] / (step + 1) ** self.length_penalty
                searching[b] = np.isfinite(best_possible) and not (
                    len(ended[b]) == self.n and best_possible <= ended[b][-1].score
                )
            if not searching.any():
                break
            ids, scores = written, torch.from_numpy(following).to(device)
            self._reorder(decoder, kept, step == 0)
        return [found[0] for found in ended]

    def _log_probs(
        self, decoder: ContextReader, contexts: np.ndarray, lengths: np.ndarray, prompt_lengths: np.ndarray
    ) -> torch.Tensor:
        """Returns log π of every next token, float32 ``(rows, V)``."""
        hidden = self.model.advance(decoder, contexts, lengths, prompt_lengths)
        masks = None
        if self.task.allowed_tokens is not None:
            masks = torch.from_numpy(np.tile(allowed_mask(self.task), (len(lengths), 1))).to(hidden.device)
        positions = torch.from_numpy(lengths - prompt_lengths).to(hidden.device)
        mask = self.model.allowed(positions, masks)
        mask = self.model.restrict_step(decoder, contexts, lengths, mask, prompt_lengths)
        return self.model.distribution(hidden, mask, decoder).log_probs

    def _reorder(self, decoder: ContextReader, kept: np.ndarray, first: bool) -> None:
        """Lets each slot hold the beginning that its beam goes on from, ``(B, n)``."""
        size = len(kept)
        room = self.n * size
        moved = [
            (b + size * int(origin), b + size * beam)
            for (b, beam), origin in np.ndenumerate(kept)
            if int(origin) != beam
        ]
        if first:  # all go on from the prompt's slot, which stays
            for source, target in moved:
                decoder.move(source, target)
            return
        for source, target in moved:
            decoder.move(source, room + target)
        for _, target in moved:
            decoder.move(room + target, target)
