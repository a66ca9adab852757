// The agents: each has a colour, a shape and a dash, so that colour alone never tells; and may be hidden in the plots.

const SHAPES = ["circle", "square", "triangle", "diamond", "down", "cross"];
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];
const hidden = new Set();

const colourOf = (agent) => `s${agent % 8}`;
const dashOf = (agent) => DASHES[agent % DASHES.length];
const shown = () => bench.agents.map((_, agent) => agent).filter((agent) => !hidden.has(agent));

/** The mark of an agent, centred on (x, y). */
function mark(agent, x, y, r = 5) {
  const shape = SHAPES[(agent + Math.floor(agent / 8)) % SHAPES.length];
  const attributes = { class: `mark ${colourOf(agent)}` };
  if (shape === "circle") return s("circle", { ...attributes, cx: x, cy: y, r });
  const w = r * 0.45;
  const outlines = {
    square: [[-r, -r], [r, -r], [r, r], [-r, r]],
    triangle: [[0, -r * 1.15], [r * 1.1, r * 0.85], [-r * 1.1, r * 0.85]],
    down: [[0, r * 1.15], [r * 1.1, -r * 0.85], [-r * 1.1, -r * 0.85]],
    diamond: [[0, -r * 1.3], [r * 1.3, 0], [0, r * 1.3], [-r * 1.3, 0]],
    cross: [[-w, -r], [w, -r], [w, -w], [r, -w], [r, w], [w, w], [w, r], [-w, r], [-w, w], [-r, w], [-r, -w], [-w, -w]],
  };
  const points = outlines[shape].map(([dx, dy]) => `${(x + dx).toFixed(1)},${(y + dy).toFixed(1)}`).join(" ");
  return s("polygon", { ...attributes, points });
}

function swatch(agent) {
  return s("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, mark(agent, 7, 7, 5));
}

const labelOf = (agent) => cut(visible(bench.agents[agent].label), 60);
const agentName = (agent) => [swatch(agent), ` ${labelOf(agent)}`];

function drawLegend(redraw) {
  $("legend").replaceChildren(...bench.agents.map((_, agent) => {
    const chip = h("button", { type: "button", class: "chip", "aria-pressed": "true" }, swatch(agent), h("span", {}, labelOf(agent)));
    chip.addEventListener("click", () => {
      if (hidden.has(agent)) hidden.delete(agent);
      else hidden.add(agent);
      chip.setAttribute("aria-pressed", String(!hidden.has(agent)));
      redraw();
    });
    return chip;
  }));
}
