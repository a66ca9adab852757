"""TRL's RLOOTrainer trains the shipped model on an id of ours; our evaluation says what it has learnt.

The same bridge serves `trl.GRPOTrainer`, and with TRL come vLLM, DeepSpeed and more machines.

Needs pip install 'textgym[trl]'. Two minutes on one core.
"""

# test: slow
# test: needs trl

import trl
from transformers import AutoModelForCausalLM

import textgym
from textgym import assets
from textgym.bridges import trl as bridge

ENV = "TextGen-Sentiment-v0"
STEPS = 30

model = AutoModelForCausalLM.from_pretrained(assets.path("tiny"), dtype="float32")
before = textgym.evaluate(model, ENV, episodes=256)

trainer = trl.RLOOTrainer(
    model=model,
    reward_funcs=bridge.reward_functions(ENV),
    train_dataset=bridge.prompts(ENV, split="train"),
    processing_class=bridge.processing_class(ENV),
    args=trl.RLOOConfig(
        output_dir="runs/trl_rloo",
        **bridge.config_kwargs(ENV),
        learning_rate=3e-4,
        beta=0.0,
        per_device_train_batch_size=64,
        max_steps=STEPS,
        logging_steps=5,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        seed=0,
    ),
)
trainer.train()

after = textgym.evaluate(model, ENV, episodes=256)
print(f"{before.mean:.3f} before, {after.mean:.3f} after {STEPS} steps of 64 completions")
assert after.mean > before.mean + 0.1
