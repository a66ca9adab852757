"""The shipped tokenizer and the small GPT-2 that is trained on the corpus."""

from __future__ import annotations

import json
import logging
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

logger = logging.getLogger(__name__)

VOCAB_SIZE = 4096
PAD, BOS, EOS = "<pad>", "<bos>", "<eos>"
PAD_ID, BOS_ID, EOS_ID = 0, 1, 2
CONTEXT = 256


@dataclass(frozen=True)
class Recipe:
    """How the language model is trained. ``tokens`` are trained tokens, padding not counted."""

    tokens: int = 7_500_000
    batch_tokens: int = 4_096
    learning_rate: float = 3e-3
    matrix_lr: float = 4e-3
    weight_decay: float = 0.1
    warmup: float = 0.02
    n_layer: int = 4
    n_embd: int = 192
    n_head: int = 6
    shares: tuple[tuple[str, float], ...] = (("grammar", 0.72), ("writer", 0.22), ("feedback", 0.06))


def train_tokenizer(texts: Sequence[str], out: Path) -> None:
    """Train the byte-level BPE and save it as a Hugging Face tokenizer that adds no special tokens by itself."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        model_max_length=CONTEXT,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )
    fast.save_pretrained(out)
    if len(fast) != VOCAB_SIZE:
        raise ValueError(f"The corpus is too small for {VOCAB_SIZE} tokens, actual value: {len(fast)}")


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer saved in ``folder``."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Each text as ``<bos> … <eos>``, those that fit into the context."""
    rows = [[BOS_ID, *ids, EOS_ID] for ids in tokenizer(list(texts)).input_ids]
    return [row for row in rows if len(row) <= CONTEXT]


def pad(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """Rows as int64 ``(B, T)``, padded on the right."""
    import torch

    width = max(map(len, rows))
    return torch.tensor([[*row, *[PAD_ID] * (width - len(row))] for row in rows])


def token_losses(model: GPT2LMHeadModel, ids: torch.Tensor) -> torch.Tensor:
    """−log p of every token after the first that is not padding, float32 ``(n,)``; logits only where they count."""
    import torch.nn.functional as F

    valid = ids[:, 1:] != PAD_ID  # (B, T-1)
    # Causal attention and right padding: no mask is needed, padded positions are never looked at. They are filled with
    # the end token because transformers warns about padding without a mask.
    inputs = ids[:, :-1].masked_fill(ids[:, :-1] == PAD_ID, EOS_ID)
    hidden = model.transformer(input_ids=inputs).last_hidden_state[valid]
    return F.cross_entropy(model.lm_head(hidden).float(), ids[:, 1:][valid], reduction="none")


def batches(documents: dict[str, list[list[int]]], recipe: Recipe, rng: random.Random) -> Iterator[list[list[int]]]:
    """Endless batches of about ``batch_tokens`` tokens in rows of similar length; sources are mixed by tokens."""
    queues: dict[str, list[list[int]]] = {name: [] for name in documents}
    while True:
        pool: list[list[int]] = []
        for name, share in recipe.shares:
            wanted = share * recipe.batch_tokens * 24
            while wanted > 0:
                if not queues[name]:
                    queues[name] = rng.sample(documents[name], len(documents[name]))
                pool.append(queues[name].pop())
                wanted -= len(pool[-1])
        pool.sort(key=lambda row: len(row) + rng.random())
        groups: list[list[list[int]]] = [[]]
        for row in pool:
            if groups[-1] and (len(groups[-1]) + 1) * len(row) > recipe.batch_tokens:
                groups.append([])
            groups[-1].append(row)
        rng.shuffle(groups)
        yield from groups


def new_model(recipe: Recipe, seed: int) -> GPT2LMHeadModel:
    """A fresh GPT-2 of the recipe's size; the global generator is left as it was."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=VOCAB_SIZE,
        n_positions=CONTEXT,
        n_embd=recipe.n_embd,
        n_layer=recipe.n_layer,
        n_head=recipe.n_head,
        activation_function="gelu_pytorch_tanh",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
        pad_token_id=PAD_ID,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GPT2LMHeadModel(config)


def train(documents: dict[str, list[list[int]]], recipe: Recipe, seed: int) -> GPT2LMHeadModel:
    """Train from scratch: Muon and AdamW, warm-up and cosine decay, bfloat16 autocast."""
    import torch

    model = new_model(recipe, seed).train()
    model.set_attn_implementation("eager")  # twice as fast as SDPA's backward pass at these lengths on a CPU
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and ".h." in name]
    others = [p for name, p in model.named_parameters() if not (p.dim() == 2 and ".h." in name)]
    # Muon (https://kellerjordan.github.io/posts/muon) on the blocks' matrices: the loss that AdamW alone reached after
    # 1.9 M tokens came after 0.75 M.
    optimizers = (
        torch.optim.Muon(
            matrices,
            lr=recipe.matrix_lr,
            weight_decay=recipe.weight_decay,
            momentum=0.95,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(others, lr=recipe.learning_rate, weight_decay=0.0, betas=(0.9, 0.98)),
    )
    peaks = (recipe.matrix_lr, recipe.learning_rate)
    seen, start, average = 0, time.perf_counter(), 0.0
    for step, rows in enumerate(batches(documents, recipe, random.Random(f"{seed}/lm"))):
        progress = seen / recipe.tokens
        if progress >= 1.0:
            break
        scale = min(progress / recipe.warmup, 1.0) * (0.03 + 0.97 * 0.5 * (1.0 + math.cos(math.pi * progress)))
        for optimizer, peak in zip(optimizers, peaks, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * max(scale, 0.01)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses = token_losses(model, pad(rows))
        losses.mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad(set_to_none=True)
        seen += len(losses)
        loss = float(losses.detach().mean())
        average = loss if step == 0 else 0.98 * average + 0.02 * loss
        if step % 100 == 0:
            rate = seen / (time.perf_counter() - start)
            logger.info("lm step %d, %.2f M tokens, loss %.3f, %.0f tokens/s", step, seen / 1e6, average, rate)
    return model.eval()


def bits_per_byte(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> float:
    """Total −log2 p of the documents, end token included, over their bytes in UTF-8."""
    import torch

    rows = sorted(encode(tokenizer, texts), key=len)
    with torch.inference_mode():
        nats = sum(float(token_losses(model, pad(rows[i : i + 64])).sum()) for i in range(0, len(rows), 64))
    return nats / math.log(2) / sum(len(text.encode()) for text in texts)


def sample(
    model: GPT2LMHeadModel,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Sequence[str],
    *,
    max_new_tokens: int = 48,
    temperature: float = 1.0,
    seed: int = 0,
) -> list[str]:
    """Continue each prompt by plain sampling until the end token; returns the completions alone."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    completions: list[str] = [""] * len(prompts)
    encoded = [[BOS_ID, *ids] for ids in tokenizer(list(prompts)).input_ids]
    by_length: dict[int, list[int]] = {}
    for index, ids in enumerate(encoded):
        by_length.setdefault(len(ids), []).append(index)
    with torch.inference_mode():
        for indices in by_length.values():
            tokens = torch.tensor([encoded[index] for index in indices])
            drawn: list[torch.Tensor] = []
            cache = None
            done = torch.zeros(len(indices), dtype=torch.bool)
            for _ in range(max_new_tokens):
                output = model(input_ids=tokens, past_key_values=cache, use_cache=True)
                cache = output.past_key_values
                mass = (output.logits[:, -1].float() / temperature).softmax(dim=-1).cumsum(dim=-1)
                uniform = torch.rand(len(indices), 1, generator=generator) * mass[:, -1:]
                tokens = torch.searchsorted(mass, uniform, right=True).clamp_(max=VOCAB_SIZE - 1)
                drawn.append(tokens)
                done |= tokens[:, 0] == EOS_ID
                if bool(done.all()):
                    break
            for index, row in zip(indices, torch.cat(drawn, dim=1).tolist(), strict=True):
                ids = row[: row.index(EOS_ID)] if EOS_ID in row else row
                completions[index] = tokenizer.decode(ids, skip_special_tokens=True)
    return completions


def load(folder: Path) -> tuple[GPT2LMHeadModel, PreTrainedTokenizerFast]:
    """The saved model in float32, in evaluation mode, and its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), load_tokenizer(folder)


def save(model: GPT2LMHeadModel, folder: Path) -> None:
    """Save in float16, with a generation config that holds token ids and no sampling parameters."""
    import torch
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(bos_token_id=BOS_ID, eos_token_id=EOS_ID, pad_token_id=PAD_ID)
    model.to(torch.float16).save_pretrained(folder)
    config_path = folder / "config.json"
    config = json.loads(config_path.read_text(encoding="utf-8"))
    config_path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
