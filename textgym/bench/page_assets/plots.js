// The plots, in SVG as wide as their place. Python made the numbers.

const TICKS = [1, 2, 2.5, 5, 10];

function ticks(low, high, most) {
  const rough = (high - low || 1) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = TICKS.map((tick) => tick * power).find((tick) => tick >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-6; i++) found.push(Number((i * step).toPrecision(10)));
  return found;
}

const tickText = (value) => {
  const size = Math.abs(value);
  const text = size >= 1e6 ? `${value / 1e6}M` : size >= 1e4 ? `${value / 1e3}k` : String(value);
  return text.replace("-", "−");
};

/** A linear scale from [low, high] to pixels. */
const scale = (low, high, from, to) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);

function range(values, low, high) {
  const known = values.filter(Number.isFinite);
  const ends = [Math.min(low, ...known), Math.max(high, ...known)];
  const room = (ends[1] - ends[0]) * 0.03;
  return [ends[0] < low ? ends[0] - room : ends[0], ends[1] > high ? ends[1] + room : ends[1]];
}

/** Draws into a place: as wide as it is, with a label for whoever cannot see it; an absent plot says why. */
function place(id, height, label, paint) {
  const element = $(id);
  const width = Math.max(240, Math.floor(element.clientWidth || 600));
  const drawing = s("svg", { viewBox: `0 0 ${width} ${height(width)}`, width, height: height(width), role: "img", "aria-label": label });
  paint(drawing, width, height(width));
  return drawing;
}

function absent(id, why) {
  $(id).replaceChildren(h("p", { class: "hint" }, why));
}

function axes(drawing, box, x, y, [xLow, xHigh], [yLow, yHigh], xTitle, yTitle) {
  for (const tick of ticks(xLow, xHigh, Math.max(3, (box.right - box.left) / 90))) {
    drawing.append(
      s("line", { class: "rule", x1: x(tick), x2: x(tick), y1: box.top, y2: box.bottom }),
      s("text", { x: x(tick), y: box.bottom + 16, "text-anchor": "middle" }, tickText(tick)));
  }
  for (const tick of ticks(yLow, yHigh, Math.max(3, (box.bottom - box.top) / 50))) {
    drawing.append(
      s("line", { class: "rule", x1: box.left, x2: box.right, y1: y(tick), y2: y(tick) }),
      s("text", { x: box.left - 6, y: y(tick) + 4, "text-anchor": "end" }, tickText(tick)));
  }
  drawing.append(
    s("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }),
    s("text", { class: "name", x: box.left, y: box.top - 10 }, yTitle),
    s("text", { class: "name", x: box.right, y: box.bottom + 34, "text-anchor": "end" }, xTitle));
}

const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** A line with its band; both break where a number is unknown. */
function banded(drawing, agent, xs, means, lows, highs, x, y) {
  let run = [];
  const end = () => {
    if (run.length) {
      const band = [...run.map((i) => [x(xs[i]), y(highs[i])]), ...run.reverse().map((i) => [x(xs[i]), y(lows[i])])];
      run.reverse();
      drawing.append(
        s("path", { class: `band ${colourOf(agent)}`, d: `${path(band)}Z` }),
        s("path", { class: `line ${colourOf(agent)}`, "stroke-dasharray": dashOf(agent) || null, d: path(run.map((i) => [x(xs[i]), y(means[i])])) }));
    }
    run = [];
  };
  xs.forEach((_, i) => (means[i] === null ? end() : run.push(i)));
  end();
}

function drawDots() {
  const table = bench.tables.find((item) => item.name === bench.main);
  const agents = shown();
  if (!table || !agents.length) return absent("dots", agents.length ? "No cell has been played." : "Every agent is hidden.");
  const [low, high] = range(table.cells.flatMap((row) => row.flatMap((cell) => (cell ? cell.slice(0, 3) : []))), 0, 1);
  const element = $("dots");
  const narrow = element.clientWidth < 560;
  const step = 13;
  const row = agents.length * step + (narrow ? 30 : 12);
  const label = `${table.title} of each id, one mark an agent, with 95% intervals; the table above has the numbers`;
  const drawing = place("dots", () => bench.ids.length * row + 60, label, (svg, width, height) => {
    const box = { left: narrow ? 12 : 210, right: width - 14, top: 10, bottom: height - 42 };
    const x = scale(low, high, box.left, box.right);
    for (const tick of ticks(low, high, Math.max(3, (box.right - box.left) / 90))) {
      svg.append(s("line", { class: "rule", x1: x(tick), x2: x(tick), y1: box.top, y2: box.bottom }),
        s("text", { x: x(tick), y: box.bottom + 16, "text-anchor": "middle" }, tickText(tick)));
    }
    svg.append(s("text", { class: "name", x: box.right, y: box.bottom + 34, "text-anchor": "end" }, table.title));
    bench.ids.forEach((item, id) => {
      const top = box.top + id * row;
      svg.append(s("line", { class: "rule", x1: 0, x2: box.right, y1: top, y2: top }));
      svg.append(narrow
        ? s("text", { class: "name", x: 0, y: top + 16 }, visible(item.id))
        : s("text", { class: "name", x: 0, y: top + row / 2 + 4 }, cut(visible(item.id), 32)));
      agents.forEach((agent, place) => {
        const cell = table.cells[agent][id];
        const y = top + (narrow ? 24 : 6) + step * (place + 0.5);
        if (!cell) {
          svg.append(s("text", { x: box.left + 4, y: y + 4, class: colourOf(agent) }, "· missing"));
          return;
        }
        svg.append(tipped(s("g", {},
          s("line", { class: `error ${colourOf(agent)}`, x1: x(cell[1]), x2: x(cell[2]), y1: y, y2: y }),
          mark(agent, x(cell[0]), y, 4.5)),
        `${labelOf(agent)}, ${visible(item.id)}\n${number(cell[0])} (${interval(cell)})`));
      });
    });
  });
  element.replaceChildren(drawing);
}

function drawRadar() {
  const tags = bench.tags;
  const agents = shown();
  if (tags.length < 3) return absent("radar", tags.length ? "A radar needs three tags; the table has the numbers." : "No id here has a score and a tag of a capability.");
  const label = `Radar of ${tags.length} capabilities; the table beside it has the numbers`;
  const drawing = place("radar", (width) => 2 * Math.min(width / 2 - 84, 190) + 64, label, (svg, width, height) => {
    const [cx, cy] = [width / 2, height / 2];
    const radius = height / 2 - 32;
    const at = (i, value) => {
      const angle = (2 * Math.PI * i) / tags.length - Math.PI / 2;
      return [cx + Math.cos(angle) * radius * value, cy + Math.sin(angle) * radius * value];
    };
    for (const ring of [0.25, 0.5, 0.75, 1]) {
      svg.append(s("path", { class: ring === 1 ? "axis" : "rule", fill: "none", d: `${path(tags.map((_, i) => at(i, ring)))}Z` }));
    }
    tags.forEach((tag, i) => {
      const [x, y] = at(i, 1);
      const [lx, ly] = at(i, 1 + 12 / radius);
      svg.append(s("line", { class: "rule", x1: cx, y1: cy, x2: x, y2: y }),
        s("text", { class: "name", x: lx, y: ly + 4, "text-anchor": Math.abs(lx - cx) < 4 ? "middle" : lx > cx ? "start" : "end" }, cut(visible(tag.tag), 15)));
    });
    for (const agent of agents) {
      const known = tags.map((tag, i) => [tag.values[agent], i]).filter(([value]) => value);
      const points = known.map(([value, i]) => at(i, Math.min(1, Math.max(0, value[0]))));
      const whole = known.length === tags.length;
      if (whole) svg.append(s("path", { class: `band ${colourOf(agent)}`, d: `${path(points)}Z` }),
        s("path", { class: `line ${colourOf(agent)}`, "stroke-dasharray": dashOf(agent) || null, d: `${path(points)}Z` }));
      known.forEach(([value, i], place) => svg.append(tipped(mark(agent, ...points[place], 4),
        `${labelOf(agent)}, ${visible(tags[i].tag)}\n${number(value[0])} (${interval(value)})`)));
    }
    svg.append(s("text", { x: cx + 4, y: cy - radius * 0.5 - 2 }, "0.5"));
  });
  $("radar").replaceChildren(drawing);
}

function drawProfiles() {
  const { taus, agents: profiles, note } = bench.profiles;
  $("profiles-note").textContent = note;
  const agents = shown().filter((agent) => profiles[agent]);
  if (!agents.length) return absent("profile", "There is nothing to draw.");
  const label = "Share of runs and ids whose score is above τ, for each agent";
  const drawing = place("profile", (width) => Math.min(360, Math.max(260, width * 0.45)), label, (svg, width, height) => {
    const box = { left: 42, right: width - 14, top: 26, bottom: height - 42 };
    const ends = [taus[0], taus[taus.length - 1]];
    const [x, y] = [scale(...ends, box.left, box.right), scale(0, 1, box.bottom, box.top)];
    axes(svg, box, x, y, ends, [0, 1], "score τ", "share of runs × ids with a score above τ");
    for (const agent of agents) {
      const { mean, low, high } = profiles[agent];
      banded(svg, agent, taus, mean, low, high, x, y);
      const i = Math.max(0, mean.findIndex((value) => value <= 0.5)); // where half of the cells are below
      svg.append(tipped(mark(agent, x(taus[i]), y(mean[i])), `${labelOf(agent)}\n${number(mean[i])} above ${number(taus[i])}`));
    }
  });
  const some = taus.filter((_, i) => i % Math.max(1, Math.round((taus.length - 1) / 10)) === 0);
  $("profile").replaceChildren(drawing, numbersOf(["score τ", ...agents.map((agent) => labelOf(agent))],
    some.map((tau) => [number(tau), ...agents.map((agent) => number(profiles[agent].mean[taus.indexOf(tau)]))])));
}

function drawGaps() {
  const points = bench.gaps.filter(({ agent }) => !hidden.has(agent));
  if (!points.length) return absent("gaps", bench.gaps.length ? "Every agent is hidden." : "No cell here has both a score and a gold metric.");
  const label = "Normalised reward over normalised gold, one mark a cell";
  const drawing = place("gaps", (width) => Math.min(420, Math.max(300, width * 0.5)), label, (svg, width, height) => {
    const box = { left: 42, right: width - 14, top: 26, bottom: height - 42 };
    const xEnds = range(points.map((point) => point.gold), 0, 1);
    const yEnds = range(points.map((point) => point.score), 0, 1);
    const [x, y] = [scale(...xEnds, box.left, box.right), scale(...yEnds, box.bottom, box.top)];
    axes(svg, box, x, y, xEnds, yEnds, "gold", "reward");
    const both = [Math.max(xEnds[0], yEnds[0]), Math.min(xEnds[1], yEnds[1])];
    svg.append(s("line", { class: "dash", x1: x(both[0]), y1: y(both[0]), x2: x(both[1]), y2: y(both[1]) }),
      s("text", { x: x(both[1]) - 6, y: y(both[1]) + 18, "text-anchor": "end" }, "no gap"));
    for (const { agent, id, run, score, gold, gap, metric } of points) {
      svg.append(tipped(mark(agent, x(gold), y(score)), `${labelOf(agent)}, run ${run}, ${visible(bench.ids[id].id)}\n` +
        `reward ${number(score)}, gold ${number(gold)} (${visible(metric)})\ngap ${number(gap[0])} (${interval(gap)})`));
    }
  });
  $("gaps").replaceChildren(drawing, numbersOf(["agent", "run", "id", "reward", "gold", "gap", "95% interval", "gold metric"],
    points.map((point) => [labelOf(point.agent), String(point.run), visible(bench.ids[point.id].id), number(point.score),
      number(point.gold), number(point.gap[0]), interval(point.gap), visible(point.metric)])));
}

function drawCurves() {
  if (!bench.curves) return;
  $("curves").hidden = $("curves-link").hidden = false;
  const [select, over] = [$("curve-id"), $("curve-axis")];
  if (!select.options.length) {
    const choices = (values) => [...new Set(values)].map((value) => h("option", { value }, visible(value)));
    const byId = Object.values(bench.curves);
    select.append(...choices(byId.flatMap(Object.keys)));
    over.append(...choices(byId.flatMap(Object.values).flatMap(Object.keys)));
    for (const control of [select, over]) control.addEventListener("change", drawCurves);
  }
  const labels = [...new Set([...bench.agents.map((agent) => agent.label), ...Object.keys(bench.curves)])];
  const curves = labels.map((label, agent) => ({ label, agent, curve: Object.hasOwn(bench.curves, label) ? bench.curves[label][select.value]?.[over.value] : null }))
    .filter(({ curve, agent }) => curve && !hidden.has(agent));
  if (!curves.length) return absent("curve", "No agent that is shown has a curve on this id.");
  const drawing = place("curve", (width) => Math.min(380, Math.max(260, width * 0.45)), `Learning curves on ${select.value}`, (svg, width, height) => {
    const box = { left: 48, right: width - 14, top: 26, bottom: height - 42 };
    const all = curves.flatMap(({ curve }) => [...curve.low, ...curve.high, ...curve.mean]).filter(Number.isFinite);
    const ends = [Math.min(...all), Math.max(...all)];
    const xEnds = [0, Math.max(...curves.flatMap(({ curve }) => curve.steps))];
    const [x, y] = [scale(...xEnds, box.left, box.right), scale(...ends, box.bottom, box.top)];
    axes(svg, box, x, y, xEnds, ends, visible(over.value), "reward");
    for (const { agent, curve } of curves) {
      banded(svg, agent, curve.steps, curve.mean, curve.low, curve.high, x, y);
      const last = curve.mean.findLastIndex((value) => value !== null);
      if (last >= 0) svg.append(mark(agent, x(curve.steps[last]), y(curve.mean[last])));
    }
  });
  $("curve").replaceChildren(drawing, numbersOf(["agent", visible(over.value), "mean", "95% interval"], curves.flatMap(({ label, curve }) =>
    curve.steps.map((step, i) => [visible(label), tickText(step), number(curve.mean[i]), interval([null, curve.low[i], curve.high[i]])]))));
}
