// The fronts of a dataset; only measured points are drawn.

let frontChart = { mark() {} };

// Choices for an axis: the losses of the objectives, then the metrics.
const axisChoices = () => [
  ...about().objectives.map((name) => [name, `${name} loss`]),
  ...Object.keys(about().metrics).map((name) => [name, name]),
];
const axisText = (key) => axisChoices().find(([name]) => name === key)?.[1] ?? key;

function valueOf(front, key, index) {
  const objective = about().objectives.indexOf(key);
  return objective >= 0 ? front.losses[index][objective] : front.metrics[key]?.[index];
}

function pointsOf(front) {
  return front.losses.map((_, i) => ({
    x: valueOf(front, state.x, i),
    y: valueOf(front, state.y, i),
    lines: [
      front.preferences.length ? `preference ${preferenceText(front.preferences[i])}` : "imported, preference unknown",
      ...axisChoices().map(([key, text]) => `${text} ${shown(valueOf(front, key, i))}`),
    ],
  }));
}

function seriesOfFronts() {
  const { truth, objectives } = about();
  const series = rowsOf(state.dataset).filter((row) => state.names.has(row.name)).flatMap((row) => {
    const found = frontOf(row);
    return found ? [{ name: row.name, points: pointsOf(found.front), open: () => showDetails(row, found.record.id) }] : [];
  });
  const [i, j] = [objectives.indexOf(state.x), objectives.indexOf(state.y)];
  if (truth && i >= 0 && j >= 0) {
    series.unshift({ name: "known front", plain: true, points: truth.map((p) => ({ x: p[i], y: p[j], lines: [] })) });
  }
  return series;
}

function drawFronts() {
  const single = about().objectives.length < 2;
  $("fronts-about").textContent = single
    ? "This dataset has one objective, so there is no front to move along; the leaderboard below compares."
    : "Every marker is a measured ray, and a click on it opens its record; nothing is drawn between them. The preference below rings, for each solver, " +
      "the measured ray nearest to it, and the dashed line is where that preference asks the losses to lie." +
      (about().truth ? " Small dots are the known front." : "");
  for (const id of ["front-fields", "front-legend", "front-chart", "readout"]) $(id).hidden = single;
  if (single) return;
  frontChart = chart($("front-chart"), {
    x: { label: axisText(state.x) }, y: { label: axisText(state.y) }, series: seriesOfFronts(),
    empty: "No solver is chosen, or none has a front of this split and seed.",
  });
  markFronts();
}

function markFronts() {
  const { objectives } = about();
  const marks = rowsOf(state.dataset).filter((row) => state.names.has(row.name)).flatMap((row) => {
    const found = frontOf(row);
    return found && found.moves ? [[row.name, nearestRay(found.front, state.preference)]] : [];
  });
  const asked = [state.x, state.y].map((key) => state.preference[objectives.indexOf(key)]);
  // on the ray of a preference, r_i L_i is equal for all objectives
  frontChart.mark(marks, asked.every((r) => r > 0) && objectives.length > 1 ? asked.map((r) => 1 / r) : null);
}

function drawFrontFields() {
  if (about().objectives.length < 2) return;
  const seeds = [...new Set(rowsOf(state.dataset).flatMap(completed).map(seedOf))].sort((a, b) => a - b);
  const splits = [["test", "test"], ["val", "validation"], ["train", "training"]];
  $("front-fields").replaceChildren(
    choice("front-x", "across", axisChoices(), state.x, (x) => set({ x })),
    choice("front-y", "up", axisChoices(), state.y, (y) => set({ y })),
    choice("front-seed", "seed", seeds.map((s) => [String(s), String(s)]), String(state.seed), (s) => set({ seed: Number(s) })),
    choice("front-split", "split", splits, state.split, (split) => set({ split })),
  );
}

function drawLegend() {
  const rows = rowsOf(state.dataset).filter((row) => completed(row).length);
  const toggle = (name) => {
    const names = new Set(state.names);
    if (!names.delete(name)) names.add(name);
    set({ names });
  };
  const many = (text, names) => el("button", { class: "plain", onclick: () => set({ names: new Set(names) }) }, text);
  const focused = document.activeElement?.dataset?.solver;
  $("front-legend").replaceChildren(
    ...rows.map(({ name }) =>
      el("button", { "aria-pressed": String(state.names.has(name)), "data-solver": name, onclick: () => toggle(name) }, swatch(name), name)),
    many("all", rows.map((row) => row.name)), many("none", []),
  );
  for (const button of $("front-legend").children) if (focused && button.dataset.solver === focused) button.focus();
}
