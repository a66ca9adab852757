"""A writer of customer messages: SmolLM2-135M-Instruct, few-shot, continuing openings of our own.

A *round* draws one few-shot prefix and a few hundred openings, and decodes them together. All rows share the keys and
values of the prefix, so attention reads them once a step (the idea of Hydragen, arXiv:2402.05099); rows that ended are
dropped.

Sampling is seeded per round, but bfloat16 sums differ between processors: on another machine the same seed writes other
text of the same kind.
"""

from __future__ import annotations

import json
import logging
import math
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

HEAD_TOKENS = 20_480  # ids are in merge order: the rarer half of the vocabulary is mostly names and code
MAX_NEW_TOKENS = 52
TEMPERATURE = 0.8
MIN_P = 0.1  # tokens less likely than this share of the likeliest are not drawn (arXiv:2407.01082)

MESSAGES = """
The lid of my new kettle broke after two days, and nobody answers my emails. I would like my money back.
We stayed for three nights and the staff could not have been kinder. Breakfast was wonderful, and we will be back in spring.
The bus was ten minutes late again, but the driver was friendly and helped my mother with her bags.
I loved the screen when I opened the box. A week later the battery died and the shop refused to take it back.
The soup was cold when it came to our table. The waiter apologised, brought a fresh bowl and gave us free coffee.
The sofa is smaller than I thought, but it is soft and the colour suits the room.
Is the pool open on Monday mornings? I could not find the hours on your website.
My parcel was left in the rain and the books inside are ruined. This is the second time in a month.
Thank you for repairing my glasses while I waited. They look as good as new.
I ordered a blue jacket and received a green one. Please tell me how I can exchange it.
The vacuum cleaner is loud and heavy, and it does not pick up hair. I am very disappointed.
Your technician came on time, explained everything and left the kitchen cleaner than he found it.
The bread is still warm when you buy it and the lady behind the counter always smiles.
I waited forty minutes on the phone and then the call was cut off. What a waste of time.
The room was clean and quiet, though the shower was a little weak.
These boots kept my feet dry for the whole winter. I have already bought a second pair for my brother.
The app crashes every time I try to pay. I have given up and will use another bank.
Please change the delivery address of my order to my office. I will be there until six.
At first I was angry about the delay, but the new washing machine is excellent and the men who carried it up were lovely.
The film was far too long and the seats were dirty. We left before the end.
My daughter plays with this puzzle every day. It is sturdy, colourful and worth every penny.
The waiter forgot our drinks twice and then added them to the bill anyway.
The gym has new machines, but in the evening it is so full that you have to wait for everything.
I would like to cancel my membership at the end of this month. Could you confirm that you received this message?
The nurse was gentle and took time to answer all my questions. I felt safe.
The handle came off on the first morning and hot coffee went all over my kitchen floor.
The garden chairs arrived two days early and were easy to put together. They feel solid and comfortable.
I paid for a window seat and got the middle one. Nobody on the plane seemed to care.
The lamp is fine. It does what it should, no more and no less.
The printer worked for a week. Now it eats the paper and makes a terrible noise.
A friend told me about this little restaurant and I am so glad she did. The fish was perfect.
The train was clean and on time, and I had a table to work at. I wish every trip was like this.
The instructions are only in Chinese and two screws are missing, so the shelf is still in its box.
The hairdresser listened to what I wanted and gave me the best haircut I have had in years.
My tablet was returned with the same fault and a new scratch on the back.
The tea tastes fresh and sweet, but the box is half empty when you open it.
Does this backpack fit a laptop of fifteen inches? I need it for a trip next week.
The teacher was patient with my son, and after two months he reads with pleasure.
Our flight was cancelled and we slept on the floor of the airport. Nobody gave us food or water.
I was worried about buying a used car, but the seller was honest and it drives like a dream.
The blanket is thin, it smells of plastic and it lost its colour in the first wash.
The museum opens at nine and closes at five. Children under twelve do not pay.
I complained about the broken zip and had a new coat within three days. That is how it should be.
The cake looked pretty, but it was dry and tasted of nothing.
The battery lasts two full days and it charges in an hour. I could not be happier.
You charged me twice for the same ticket and it took a month to get my money back.
The hotel is close to the station, which is handy, but you hear the trains all night.
The plumber never came, and when I called he said that he had forgotten. I had taken a day off work.
The pillow is soft but firm enough, and my neck no longer hurts in the morning.
I received the invoice, but it does not show my company name. Can you send me a new one?
""".strip().split("\n")

DIALOGUES = """
The kettle I bought last week leaks. Can I bring it back?|I am sorry to hear that. Please bring the kettle and the receipt to the shop, and we will give you a new one.
What time do you close on Friday?|We close at eight on Friday. On Saturday we are open until six.
Your driver was so kind to my grandmother today. Thank you!|What a lovely message, thank you. I will tell him, and he will be very happy.
I have been waiting for my refund for three weeks.|I apologise for the delay. I have checked your account, and the money will reach you on Tuesday.
The shirt is too small. Do you have it in a larger size?|Yes, we have it in large and extra large. Send the small one back free of charge and we will post the other today.
Nobody helped me in your store yesterday. I walked out.|I am sorry that we let you down. Please tell me what you were looking for, and I will help you myself.
The new menu is delicious. My family loved the soup.|Thank you so much! The soup is my favourite too. We hope to see you all again soon.
My internet has been down since this morning.|Thank you for letting us know. There is a fault in your street, and our team should have it repaired by noon.
Can I change the date of my appointment?|Of course. I have free times on Wednesday morning and Thursday afternoon. Which would you like?
The toy broke after one day and my son is in tears.|Oh no, please tell him we are sorry. A new toy is on its way and should arrive tomorrow.
You sent me the wrong book.|I am sorry for the mistake. Keep the book as a gift, and the right one will be posted this afternoon.
How do I reset my password?|Click on the link below the password box and we will send you an email. If it does not arrive, please write to me again.
""".strip().split("\n")

THINGS = """kettle|toaster|coffee machine|blender|fridge|oven|dishwasher|washing machine|vacuum cleaner|fan|heater|lamp|desk|
chair|sofa|mattress|pillow|blanket|rug|curtain|mirror|clock|phone|tablet|laptop|keyboard|printer|camera|headphones set|speaker|charger|watch|
television|game|puzzle|doll|toy train|bicycle|helmet|scooter|tent|backpack|suitcase|umbrella|jacket|coat|sweater|dress|shirt|hat|scarf|
raincoat|wallet|ring|necklace|perfume|soap|shampoo|face cream|toothbrush|razor|hair dryer|knife|frying pan|tea pot|mug|lunch box|water bottle|
cake|bread|cheese|chocolate|coffee|tea|honey|soup|pizza|salad|burger|curry|wine|juice|book|notebook|pen|calendar|guitar|piano|drum|
garden hose|lawn mower|ladder|drill|paint|plant|bird feeder|dog bed|cat food|fish tank|stroller|car seat|crib|ticket|gift card|poster"""
PLACES = """hotel|restaurant|café|bakery|bank|post office|library|museum|theatre|cinema|zoo|gym|swimming pool|hospital|dentist|clinic|
pharmacy|school|language course|dance class|hair salon|barber|spa|garage|car wash|petrol station|taxi|bus|train|ferry|flight|airport|
supermarket|bookshop|shoe shop|toy store|flower shop|pet shop|garden centre|furniture store|repair shop|laundry|cleaning service|
moving company|delivery service|internet provider|phone company|insurance company|travel agency|camp site|ski resort|beach bar|ice cream shop|
pizza place|food truck|wedding venue|photo studio|music school|painting class|riding school|vet|nursing home|day care|town hall|parking garage"""
PEOPLE = """driver|waiter|waitress|nurse|doctor|teacher|manager|cashier|chef|pilot|guide|technician|plumber|electrician|gardener|
receptionist|hairdresser|salesman|saleswoman|librarian|mechanic|painter|baker|cleaner|trainer|vet|postman|young man|lady|woman|man|team|staff"""
RELATIVES = "son|daughter|wife|husband|mother|father|sister|brother|grandmother|friend|neighbour|dog|cat|family"
OPENINGS = """
The {thing}|My {thing}|This {thing}|I bought this {thing}|I bought a {thing} for my {relative}|I ordered a {thing}|The {thing} arrived|
The {thing} I ordered|When I opened the box of the {thing}|After two weeks the {thing}|I have used this {thing} for|At first the {thing}|
The price of the {thing}|The colour of the {thing}|The new {thing} is|This is the second {thing}|I was given a {thing}|For a cheap {thing}|
My {relative} loves|My {relative} wanted a {thing}|My {relative} and I|I returned the {thing}|Could you tell me|I asked for a {thing}|
We went to the {place}|The {place} was|At the {place}|The people at the {place}|I called the {place}|Last week at the {place}|
The {person} at the {place}|The {person} was|The {person} told me|When the {person} came|I want to thank the {person}|I asked the {person}|
We waited|It took|I have never|I am writing because|Yesterday I|On Sunday we|This morning the {person}|Since I bought this {thing}|
Nobody at the {place}|Everyone at the {place}|I was nervous about the {place}, but|I expected|The {thing} looks|The {thing} smells|
I had high hopes for this {thing}|The {thing} came with|The {thing} was late|The {thing} is easy to|It is only a {thing}, but|
I found the {thing}|I have been a customer of this {place}|The best thing about the {place}|The worst thing about the {place}|
I will never|I would recommend|We booked|The {place} is close to|The food at the {place}|The bill from the {place}|The room|The delivery|
The instructions|The customer service|The website of the {place}|Please|Can I|Do you|Is the {thing}|Where can I|How long|I would like|
The {thing} does not|The {thing} works|The {thing} stopped|The {thing} is too|I like the {thing}|I wish the {thing}|If you want a {thing}|
The {person} helped|The {person} forgot|My {relative} was sick|When we arrived at the {place}|Although the {thing}|Even though the {place}|
The queue at the {place}|I sent an email|I lost my {thing}|The {thing} saved|It rained, but|The children|For my birthday|In the end
"""


def options(block: str) -> list[str]:
    """The alternatives of a block written as ``a|b|c`` over several lines."""
    return [item for item in block.replace("\n", "").split("|") if item]


_SLOTS = {"thing": options(THINGS), "place": options(PLACES), "person": options(PEOPLE), "relative": options(RELATIVES)}
_OPENINGS = options(OPENINGS)


def draw_opening(rng: random.Random) -> str:
    """The first words of a message, from which any mood may follow."""
    return rng.choice(_OPENINGS).format(**{name: rng.choice(values) for name, values in _SLOTS.items()})


def draw_prefix(rng: random.Random, dialogue: bool) -> str:
    """A few-shot prefix that ends where the next opening starts."""
    if dialogue:
        shots = [line.split("|") for line in rng.sample(DIALOGUES, 5)]
        body = "".join(f"Customer: {question}\nAgent: {answer}\n\n" for question, answer in shots)
        return f"Short conversations between customers and a polite, helpful agent.\n\n{body}Customer:"
    body = "".join(f"- {line}\n" for line in rng.sample(MESSAGES, 8))
    return f"Short messages that customers sent to shops and services, in simple words.\n\n{body}-"


class Writer:
    """SmolLM2 on its own weights: one fused projection a block, a shared prefix, a ragged suffix."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
        config = model.config
        self.n_kv, self.n_heads, self.head_dim = config.num_key_value_heads, config.num_attention_heads, 64
        self.group = self.n_heads // self.n_kv
        self.eps = config.rms_norm_eps
        frequencies = 1.0 / config.rope_parameters["rope_theta"] ** (torch.arange(0, 64, 2) / 64)
        angles = torch.outer(torch.arange(1024).float(), frequencies)
        self.cos = torch.cat([angles.cos()] * 2, dim=-1).bfloat16()
        self.sin = torch.cat([angles.sin()] * 2, dim=-1).bfloat16()
        self.embedding = model.model.embed_tokens.weight.detach()
        self.head = self.embedding[:HEAD_TOKENS].contiguous()
        self.norm = model.model.norm.weight.detach()
        self.blocks = [self._fuse(layer) for layer in model.model.layers]
        pieces = self.tokenizer.batch_decode([[i] for i in range(HEAD_TOKENS)])
        self.ends_line = torch.tensor([index <= 2 or "\n" in piece for index, piece in enumerate(pieces)])

    @staticmethod
    def _fuse(layer: Any) -> dict[str, torch.Tensor]:
        import torch

        attention, mlp = layer.self_attn, layer.mlp
        return {
            "norm1": layer.input_layernorm.weight.detach(),
            "norm2": layer.post_attention_layernorm.weight.detach(),
            "qkv": torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight]).detach(),
            "out": attention.o_proj.weight.detach(),
            "gate_up": torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]).detach(),
            "down": mlp.down_proj.weight.detach(),
        }

    def _rotate(self, x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Rotary embedding of ``(B, T, heads, D)`` at ``positions`` ``(B, T)``."""
        import torch

        half = self.head_dim // 2
        turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
        return x * self.cos[positions].unsqueeze(2) + turned * self.sin[positions].unsqueeze(2)

    def forward(
        self,
        ids: torch.Tensor,
        positions: torch.Tensor,
        prefix: list[tuple[torch.Tensor, torch.Tensor]],
        suffix: list[tuple[torch.Tensor, torch.Tensor]],
        offset: int,
    ) -> torch.Tensor:
        """Hidden states ``(B, T, 576)`` of ``ids`` ``(B, T)``; writes keys and values into ``suffix``.

        ``prefix`` holds ``(n_kv, P, D)`` a block and is seen by all rows; ``suffix`` holds ``(B, n_kv, S, D)`` and is
        indexed by ``positions - offset``; a token sees the suffix up to and including its own position.
        """
        import torch
        import torch.nn.functional as F

        n_rows, length = ids.shape
        local = positions - offset
        width = int(local.max()) + 1
        rows = torch.arange(n_rows).unsqueeze(1).expand_as(local)
        hidden_keys = torch.arange(width).view(1, 1, 1, 1, -1) > local.view(n_rows, 1, 1, length, 1)
        x = self.embedding[ids]
        for index, block in enumerate(self.blocks):
            h = F.rms_norm(x, (x.shape[-1],), block["norm1"], self.eps)
            q, k, v = F.linear(h, block["qkv"]).split(
                [self.n_heads * self.head_dim, self.n_kv * self.head_dim, self.n_kv * self.head_dim], dim=-1
            )
            q = self._rotate(q.view(n_rows, length, self.n_heads, self.head_dim), positions) / math.sqrt(self.head_dim)
            k = self._rotate(k.view(n_rows, length, self.n_kv, self.head_dim), positions)
            v = v.view(n_rows, length, self.n_kv, self.head_dim)
            keys, values = suffix[index]
            keys[rows, :, local] = k
            values[rows, :, local] = v
            q = q.view(n_rows, length, self.n_kv, self.group, self.head_dim).permute(0, 2, 3, 1, 4)  # (B, kv, g, T, D)
            flat = q.reshape(n_rows, self.n_kv, self.group * length, self.head_dim)
            own = (flat @ keys[:, :, :width].transpose(2, 3)).float()
            own = own.view(n_rows, self.n_kv, self.group, length, width).masked_fill_(hidden_keys, -torch.inf)
            own = own.view(n_rows, self.n_kv, self.group * length, width)
            if prefix:
                shared_keys, shared_values = prefix[index]  # (kv, P, D)
                n_prefix = shared_keys.shape[1]
                pooled = flat.transpose(0, 1).reshape(self.n_kv, -1, self.head_dim)
                shared = (pooled @ shared_keys.transpose(1, 2)).float()
                shared = shared.view(self.n_kv, n_rows, -1, n_prefix).transpose(0, 1)
                weights = torch.cat([shared, own], dim=-1).softmax(dim=-1).bfloat16()
                mixed = weights[..., n_prefix:] @ values[:, :, :width]
                pooled = weights[..., :n_prefix].transpose(0, 1).reshape(self.n_kv, -1, n_prefix) @ shared_values
                mixed = mixed + pooled.view(self.n_kv, n_rows, -1, self.head_dim).transpose(0, 1)
            else:
                mixed = own.softmax(dim=-1).bfloat16() @ values[:, :, :width]
            mixed = mixed.view(n_rows, self.n_kv, self.group, length, self.head_dim).permute(0, 3, 1, 2, 4)
            x = x + F.linear(mixed.reshape(n_rows, length, -1), block["out"])
            h = F.rms_norm(x, (x.shape[-1],), block["norm2"], self.eps)
            gate, up = F.linear(h, block["gate_up"]).chunk(2, dim=-1)
            x = x + F.linear(F.silu(gate) * up, block["down"])
        return x

    def _new_cache(self, n_rows: int, length: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        import torch

        shape = (n_rows, self.n_kv, length, self.head_dim)
        return [
            (torch.zeros(shape, dtype=torch.bfloat16), torch.zeros(shape, dtype=torch.bfloat16)) for _ in self.blocks
        ]

    def write(self, prefix: str, openings: list[str], generator: torch.Generator) -> list[str]:
        """Continue every opening to the end of its line; a row that does not end in time comes back empty."""
        import torch
        import torch.nn.functional as F

        prefix_ids = torch.tensor([self.tokenizer(prefix).input_ids])
        n_prefix = prefix_ids.shape[1]
        cache = self._new_cache(1, n_prefix)
        self.forward(prefix_ids, torch.arange(n_prefix).unsqueeze(0), [], cache, 0)
        shared = [(keys[0], values[0]) for keys, values in cache]

        texts = [self.tokenizer(" " + opening).input_ids for opening in openings]
        lengths = torch.tensor([len(ids) for ids in texts])
        longest = int(lengths.max())
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in texts])
        suffix = self._new_cache(len(texts), longest + MAX_NEW_TOKENS)
        positions = n_prefix + torch.arange(longest).expand(len(texts), -1)
        hidden = self.forward(ids, positions, shared, suffix, n_prefix)
        hidden = hidden[torch.arange(len(texts)), lengths - 1]

        live = torch.arange(len(texts))
        finished = torch.zeros(len(texts), dtype=torch.bool)
        done: dict[int, list[int]] = {}
        for step in range(MAX_NEW_TOKENS):
            logits = F.linear(F.rms_norm(hidden, (hidden.shape[-1],), self.norm, self.eps), self.head).float()
            probs = (logits / TEMPERATURE).softmax(dim=-1)
            probs.masked_fill_(probs < MIN_P * probs.amax(dim=-1, keepdim=True), 0.0)
            mass = probs.cumsum(dim=-1)
            uniform = torch.rand(len(live), 1, generator=generator) * mass[:, -1:]
            tokens = torch.searchsorted(mass, uniform, right=True).squeeze(1).clamp_(max=HEAD_TOKENS - 1)
            for row, token in zip(live.tolist(), tokens.tolist(), strict=True):
                texts[row].append(token)
            ended = self.ends_line[tokens]
            for row in live[ended & ~finished].tolist():
                done[row] = list(texts[row])
            ended |= finished
            n_live = int((~ended).sum())
            if n_live == 0 or step == MAX_NEW_TOKENS - 1:
                break
            finished = ended
            if n_live < 0.85 * len(
                live
            ):  # copying the cache costs as much as a step: ended rows decode along for a while
                keep = (~ended).nonzero().squeeze(1)
                live, tokens, lengths, finished = live[keep], tokens[keep], lengths[keep], finished[keep]
                suffix = [(keys[keep], values[keep]) for keys, values in suffix]
            hidden = self.forward(tokens.unsqueeze(1), n_prefix + lengths.unsqueeze(1), shared, suffix, n_prefix)[:, 0]
            lengths = lengths + 1
        return [
            self.tokenizer.decode(done[row], skip_special_tokens=True).strip() if row in done else ""
            for row in range(len(openings))
        ]


def write_shards(model_folder: Path, out: Path, *, n_rounds: int, rows: int, seed: int) -> None:
    """Write ``n_rounds`` shards ``round-0000.json`` … into ``out`` where missing; every sixth is dialogues."""
    import torch

    out.mkdir(parents=True, exist_ok=True)
    writer = Writer(model_folder)
    for index in range(n_rounds):
        path = out / f"round-{index:04d}.json"
        if path.exists():
            continue
        start = time.perf_counter()
        rng = random.Random(f"{seed}/writer/{index}")
        generator = torch.Generator().manual_seed(rng.getrandbits(62))
        dialogue = index % 6 == 5
        if dialogue:
            asked = json.loads((out / f"round-{index - 1:04d}.json").read_text(encoding="utf-8"))
            openings = [f"{message}\nAgent:" for message in asked]
        else:
            openings = [draw_opening(rng) for _ in range(rows)]
        with torch.inference_mode():
            texts = writer.write(draw_prefix(rng, dialogue), openings, generator)
        documents = [("Customer: " if dialogue else "") + text for text in texts if text]
        path.write_text(json.dumps(documents, ensure_ascii=False, indent=0), encoding="utf-8")
        n_tokens = sum(len(ids) for ids in writer.tokenizer(documents).input_ids) if documents else 0
        logger.info(
            "round %d: %d documents, %.0f tokens/s", index, len(documents), n_tokens / (time.perf_counter() - start)
        )
