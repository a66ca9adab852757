// One episode, or two on the same prompt: texts, rewards, and the numbers of each token as a heat-map.

const CHANNELS = {
  log_probs: { title: "Log-probability", unit: "nat", short: "Log-prob", kind: "sure" },
  values: { title: "Value", short: "Value", unit: "reward", kind: "signed" },
  advantages: { title: "Advantage", short: "Advantage", unit: "reward", kind: "signed" },
  kl: { title: "KL to the reference", short: "KL", unit: "nat", kind: "size" },
  rewards: { title: "Reward", short: "Reward", unit: "a token", kind: "signed" },
};

let channel = "log_probs";
let openPlace = -1; // place in `order`
let asked = 0; // episodes drawn so far: a block that comes late must not replace a newer one
const blocks = new Map(); // number of a block -> promise of its episodes

const whole = new Promise((done) => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", done);
  else done();
});

function tokensOf(episode) {
  const number = Math.floor(episode / bench.block);
  if (!blocks.has(number)) blocks.set(number, whole.then(() => unpack(`block-${number}`)));
  return blocks.get(number).then((block) => block[episode % bench.block]);
}

/** Episodes of other cells that were asked the same. */
function rivalsOf(episode) {
  const found = [];
  for (let e = 0; e < columns.cell.length; e++) {
    if (columns.prompt[e] === columns.prompt[episode] && columns.cell[e] !== columns.cell[episode]) found.push(e);
  }
  return found;
}

async function openEpisode(episode) {
  openPlace = order.indexOf(episode);
  $("previous").disabled = openPlace <= 0;
  $("next").disabled = openPlace < 0 || openPlace >= order.length - 1;
  const cell = cellOf(episode);
  $("episode-title").textContent = `${visible(bench.ids[cell.id].id)} · ${runName(cell)} · episode ${columns.index[episode]}`;
  if (!$("episode").open) $("episode").showModal();
  await drawEpisode(episode, null);
  $("episode-body").scrollTop = 0;
}

async function drawEpisode(episode, rival) {
  const mine = ++asked;
  let sides;
  try {
    sides = await Promise.all([episode, ...(rival === null ? [] : [rival])].map(async (e) => ({ e, ...(await tokensOf(e)) })));
  } catch (error) {
    $("episode-body").replaceChildren(h("p", { class: "note" }, `The tokens could not be unpacked: ${error.message}.`));
    return;
  }
  if (mine !== asked) return;
  const [prompt, references] = columns.prompts[columns.prompt[episode]];
  const known = Object.keys(CHANNELS).filter((name) => sides.some((side) => side[name].length));
  if (known.length && !known.includes(channel)) channel = known[0];
  const rivals = rivalsOf(episode);
  const select = h("select", { id: "rival" }, option("", rivals.length ? "nobody" : "nobody was asked the same"), rivals.map((e) => option(e, runName(cellOf(e)))));
  select.disabled = !rivals.length;
  select.value = rival === null ? "" : String(rival);
  select.addEventListener("change", async () => {
    await drawEpisode(episode, select.value === "" ? null : Number(select.value));
    $("rival").focus();
  });
  const readout = h("dl", { class: "readout", "aria-live": "polite" });
  const legend = h("div", { class: "scale" });
  const maps = h("div", { class: "sides", "--sides": String(sides.length) });
  const redraw = () => {
    const ends = endsOf(sides);
    maps.replaceChildren(...sides.map((side) => sideOf(side, ends, readout)));
    legend.replaceChildren(...legendOf(ends, known.length));
    tell(readout, null);
  };
  const choice = h("fieldset", { class: "choice" }, h("legend", { class: "label" }, "Colour the tokens by"),
    Object.entries(CHANNELS).map(([name, { title }]) => {
      const there = known.includes(name);
      const input = h("input", { type: "radio", name: "channel", value: name, disabled: !there });
      input.checked = there && name === channel;
      input.addEventListener("change", () => { channel = name; redraw(); });
      return h("label", {}, input, there ? title : `${title}: not recorded`);
    }));
  redraw();
  $("episode-body").replaceChildren(
    h("div", { class: references.length ? "asked" : "asked alone" },
      h("div", {}, h("p", { class: "label" }, "Prompt"), h("div", { class: "text-block", dir: "auto", id: "prompt" }, visible(prompt))),
      references.length ? h("div", {}, h("p", { class: "label" }, references.length > 1 ? "References" : "Reference"),
        h("div", { class: "text-block", dir: "auto", id: "references" }, references.length > 1 ? h("ol", {}, references.map((text) => h("li", {}, visible(text)))) : visible(references[0]))) : null),
    h("div", { class: "controls" }, h("label", {}, "Compare with", select)),
    choice, legend, readout, maps);
}

/** The ends of the colours: what is known of all the tokens in sight, so that both sides share them. */
function endsOf(sides) {
  const values = sides.flatMap((side) => side[channel].filter((value, i) => value !== null && side.mask[i]));
  if (!values.length) return null;
  const [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  const { kind } = CHANNELS[channel];
  const most = kind === "signed" ? Math.max(Math.abs(low), Math.abs(high)) : kind === "sure" ? -Math.min(low, 0) : Math.max(high, 0);
  return { low, high, most };
}

function legendOf(ends, anyKnown) {
  const env = h("span", {}, h("span", { class: "token env" }, "italics"), ": written by the environment");
  if (!ends) return [h("span", {}, anyKnown ? "No number is known of these tokens." : "The agent told nothing of its tokens."), env];
  const { kind, unit, title } = CHANNELS[channel];
  const text = {
    sure: [`${exact(0)} (certain)`, `${exact(-ends.most)}`],
    size: ["0", exact(ends.most)],
    signed: [exact(-ends.most), exact(ends.most)],
  }[kind];
  return [h("span", {}, `${title} (${unit}): ${text[0]}`), h("span", { class: `ramp ${kind === "signed" ? "div" : "seq"}`, "aria-hidden": "true" }), h("span", {}, text[1]),
    h("span", {}, h("span", { class: "token unknown" }, " unknown ")), env];
}

function paint(element, value, own, ends) {
  if (!own) element.classList.add("env");
  else if (value === null || value === undefined || !ends) element.classList.add("unknown");
  else {
    const { kind } = CHANNELS[channel];
    element.classList.add(kind === "signed" ? (value < 0 ? "neg" : "pos") : "heat");
    const share = ends.most ? Math.abs(kind === "sure" ? Math.min(value, 0) : kind === "size" ? Math.max(value, 0) : value) / ends.most : 0;
    element.style.setProperty("--t", share.toFixed(3));
  }
}

/** A token's text: line breaks are seen and break, and a token without a text (EOS, part of a character) shows its id. */
function tokenText(text, id) {
  if (text === "" || text === undefined) return [h("span", { class: "code" }, `id ${id}`)];
  return [visible(text.trim() ? text : text.replace(/ /g, "␣")).replace(/\n/g, "⏎\n").replace(/\t/g, "⇥\t")];
}

function sideOf(side, ends, readout) {
  const e = side.e;
  const cell = cellOf(e);
  const success = columns.success[e];
  const scores = columns.scores[e].map(([name, value]) => [columns.names[name], value]);
  const list = [["reward", number(columns.reward[e])], ["discounted", number(columns.returned[e])], ["success", success === null ? "not said" : success ? "yes" : "no"],
    ["ending", visible(columns.finishes[columns.finish[e]])], ["tokens", String(columns.length[e])], ...scores.map(([name, value]) => [visible(name), number(value)])];
  const map = h("div", { class: "tokens", tabindex: "0", role: "group", dir: "auto", "aria-label": `Tokens of ${runName(cell)}; the arrow keys tell of each` });
  const told = side.tokens.length === side.ids.length;
  if (told) side.tokens.forEach((text, i) => {
    const space = text.trim() ? text.match(/^ */)[0] : ""; // stays outside, so that lines break at words
    const span = h("span", { class: "token", "data-i": i }, tokenText(text.slice(space.length), side.ids[i]));
    paint(span, side[channel][i], side.mask[i], ends);
    map.append(space, span);
  });
  else map.append(visible(columns.completion[e]));
  let current = -1;
  const point = (i) => {
    for (const old of $("episode-body").querySelectorAll(".token.current")) old.classList.remove("current");
    current = i;
    const span = map.children[i];
    span.classList.add("current");
    tell(readout, side, i);
    return span;
  };
  const pointed = (event) => {
    const span = event.target.closest("[data-i]");
    if (span) point(Number(span.dataset.i));
  };
  map.addEventListener("pointerover", pointed);
  map.addEventListener("click", pointed);
  map.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || !told || !side.ids.length) return;
    event.preventDefault();
    point(Math.min(side.ids.length - 1, Math.max(0, current + step))).scrollIntoView({ block: "nearest" });
  });
  return h("div", {}, h("h3", { class: "who" }, swatch(cell.agent), ` ${runName(cell)}`),
    h("ul", { class: "chips" }, list.map(([name, value]) => h("li", {}, `${name} `, h("b", {}, value)))), map);
}

/** Says all numbers of one token, or how to get them. */
function tell(readout, side, i) {
  const entry = (title, value, chosen) => h("div", { class: chosen ? "chosen" : null }, h("dt", {}, title), h("dd", { title: value }, value));
  if (!side) {
    const titles = ["Id", "Place", "Probability", ...Object.values(CHANNELS).map((item) => item.short)];
    readout.replaceChildren(entry("Token", "point at one"), ...titles.map((title) => entry(title, "–")));
    return;
  }
  const own = side.mask[i];
  const numbers = Object.entries(CHANNELS).map(([name, item]) =>
    entry(item.short, side[name].length ? (own ? exact(side[name][i]) : "not its own") : "not recorded", name === channel));
  const sure = side.log_probs.length && own && side.log_probs[i] !== null ? `${(100 * Math.exp(side.log_probs[i])).toPrecision(3)} %` : UNKNOWN;
  const text = side.tokens[i] ? cut(visible(side.tokens[i]).replace(/\n/g, "⏎").replace(/ /g, "␣"), 60) : "–";
  readout.replaceChildren(entry("Token", text), entry("Id", String(side.ids[i])), entry("Place", `${i + 1} of ${side.ids.length}`), entry("Probability", sure), ...numbers);
}

function prepareEpisode() {
  const dialog = $("episode");
  const step = (by) => {
    const place = openPlace + by;
    if (openPlace < 0 || place < 0 || place >= order.length) return;
    moveTo(place);
    openEpisode(order[place]);
  };
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
