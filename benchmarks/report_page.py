"""Size of the page of a bench of 10,000 episodes, and seconds until a browser lists them and shows the tokens of one.

The episodes are random words of the length that our ids ask for, with all five numbers of every token recorded; they
are harder to pack than real ones. Needs playwright (of ``textgym[dev]``) and a Chromium on the PATH.

Run: python benchmarks/report_page.py
"""

from __future__ import annotations

import json
import runpy
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from measure import RESULTS
from playwright.sync_api import sync_playwright

from textgym.bench.page import write_page
from textgym.evaluation.versions import machine, versions

SYNTHETIC = Path(__file__).parents[1] / "tests" / "bench" / "conftest.py"
SKILLS = {"random": 0.08, "zero_shot": 0.35, "sft": 0.5, "best_of_n": 0.6, "ppo": 0.72}
IDS = (
    "TextGen-Arithmetic-v0",
    "TextGen-Classification-v0",
    "TextGen-Dialogue-v0",
    "TextGen-News-v0",
    "TextGen-ProbeMemory-v0",
    "TextGen-QA-v0",
    "TextGen-Sentiment-v0",
    "TextGen-Story-v0",
)
EPISODES = 250
TOKENS = 64
ROUNDS = 7

WHEN_LISTED = """
const watch = new MutationObserver(() => {
  if (!document.getElementById("found")?.textContent.includes(" of ")) return;
  window.listed = performance.now();
  watch.disconnect();
});
watch.observe(document, { childList: true, subtree: true });
"""


def main() -> None:
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        raise SystemExit("There is no chromium and no google-chrome on the PATH. Install one.")
    write_bench = runpy.run_path(str(SYNTHETIC))["write_bench"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        bench = write_bench(Path(folder) / "bench", skills=SKILLS, env_ids=IDS, episodes=EPISODES, tokens=TOKENS)
        start = time.perf_counter()
        page = write_page(bench)
        written = time.perf_counter() - start
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        listed, opened = [], []
        for turn in range(ROUNDS + 1):
            tab = browser.new_page(viewport={"width": 1440, "height": 900})
            tab.add_init_script(WHEN_LISTED)
            tab.goto(page.path.as_uri())
            tab.locator("#found", has_text=" of ").wait_for()
            start = time.perf_counter()
            tab.locator("#rows .row").nth(3).click()
            tab.wait_for_selector(".tokens .token")
            if turn:  # the first one starts the browser's processes
                opened.append(time.perf_counter() - start)
                listed.append(tab.evaluate("window.listed") / 1000)
            tab.close()
        version = browser.version
        browser.close()
    result = {
        "benchmark": "report_page",
        "episodes": page.carried,
        "tokens_a_completion": f"{TOKENS // 2} to {TOKENS}",
        "megabytes": page.size / 1e6,
        "seconds_to_write": written,
        "seconds_to_list": statistics.median(listed),
        "seconds_to_open_an_episode": statistics.median(opened),
        "rounds": {"seconds_to_list": listed, "seconds_to_open_an_episode": opened},
        "browser": version,
        "versions": versions(),
        "machine": machine(),
    }
    for name in ("episodes", "megabytes", "seconds_to_write", "seconds_to_list", "seconds_to_open_an_episode"):
        print(f"{name:28s} {result[name]:10.2f}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "report_page.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
