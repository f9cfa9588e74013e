// The selected preference, and its nearest point on each front.

const LOWEST = 0.01;

// The range of measured preferences, so that no preference outside all fronts can be selected.
function measuredEnds() {
  const rays = rowsOf(state.dataset).flatMap(completed).flatMap((record) => record.fronts.test.preferences);
  const first = rays.filter((ray) => ray.length > 1).map((ray) => ray[0]);
  if (!first.length) return [LOWEST, 1 - LOWEST];
  return [Math.max(LOWEST, Math.floor(100 * Math.min(...first)) / 100), Math.min(1 - LOWEST, Math.ceil(100 * Math.max(...first)) / 100)];
}

function drawPreference() {
  const { objectives } = about(), m = objectives.length;
  $("preference").hidden = m < 2;
  if (m < 2) return;
  const said = el("output", { id: "preference-said", for: "preference-0" });
  const inputs = m === 2 ? [oneSlider(objectives)] : objectives.map(shareSlider);
  $("preference").replaceChildren(el("div", { class: "said" }, "preference ", said), ...inputs);
  sayPreference();
}

function oneSlider([first, second]) {
  const [low, high] = measuredEnds();
  const input = slider(`preference for ${first} against ${second}`, 0, low, high, state.preference[0], (value) =>
    set({ preference: [value, 1 - value] }));
  return el("div", { class: "slide" }, el("span", { class: "end" }, `← ${second}`), input, el("span", { class: "end" }, `${first} →`));
}

// With three or more objectives: one slider per objective, normalised by their sum.
function shareSlider(name, i) {
  const input = slider(`weight of ${name}`, i, LOWEST, 1, state.preference[i], () => {
    const weights = [...$("preference").querySelectorAll("input")].map((one) => Number(one.value));
    const sum = weights.reduce((a, b) => a + b, 0);
    set({ preference: weights.map((w) => w / sum) });
  });
  return el("div", { class: "slide" }, el("label", { class: "end", for: input.id }, name), input);
}

function slider(label, index, min, max, value, oninput) {
  const input = el("input", {
    type: "range", id: `preference-${index}`, min: min.toFixed(2), max: max.toFixed(2), step: "0.001", "aria-label": label,
    oninput: () => oninput(Number(input.value)),
  });
  input.value = value;
  input.addEventListener("keydown", (event) => {
    // one key press changes the value by one hundredth
    const step = { ArrowRight: 0.01, ArrowUp: 0.01, ArrowLeft: -0.01, ArrowDown: -0.01, PageUp: 0.1, PageDown: -0.1 }[event.key];
    if (!step) return;
    event.preventDefault();
    input.value = Number(input.value) + step;
    oninput(Number(input.value));
  });
  return input;
}

function sayPreference() {
  const { objectives } = about();
  if (objectives.length < 2) return;
  const text = objectives.map((name, i) => `${name} ${state.preference[i].toFixed(2)}`).join(", ");
  $("preference-said").textContent = text;
  for (const input of $("preference").querySelectorAll("input")) input.setAttribute("aria-valuetext", text);
}

function drawReadout() {
  const rows = rowsOf(state.dataset).filter((row) => state.names.has(row.name)).map((row) => [row, frontOf(row)]);
  const head = ["solver", "measured at", ...axisChoices().map(([, text]) => text)];
  const body = rows.filter(([, found]) => found).map(([row, { front, moves, record }]) => {
    const i = moves ? nearestRay(front, state.preference) : 0;
    const where = moves ? preferenceText(front.preferences[i]) : front.preferences.length ? "one point, no preference" : "imported, preferences unknown";
    const name = el("button", { class: "link", onclick: () => showDetails(row, record.id) }, swatch(row.name), row.name);
    return el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, where),
      axisChoices().map(([key]) => el("td", { class: "number" }, shown(valueOf(front, key, i)))));
  });
  const said = `The measured ray nearest to the preference, seed ${state.seed}`;
  $("readout").replaceChildren(
    el("p", { class: "quiet" }, said),
    el("table", { "aria-label": said },
      el("thead", {}, el("tr", {}, head.map((text, i) => el("th", { scope: "col", class: i > 1 ? "number" : "" }, breakable(text))))), el("tbody", {}, body)),
  );
}
