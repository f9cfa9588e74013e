// The current choices in the page, and the listeners that are notified of changes.

const DATA = JSON.parse($("data").textContent);
const RECORDS = DATA.records;
const AT_FIRST = 6; // number of fronts drawn initially

const state = { dataset: null, split: "test", seed: null, x: null, y: null, names: new Set(), preference: [] };
const listeners = [];

function on(keys, listener) {
  listeners.push([new Set(keys), listener]);
}

function set(changes) {
  Object.assign(state, changes);
  for (const [keys, listener] of listeners) {
    if (Object.keys(changes).some((key) => keys.has(key))) listener();
  }
}

const rowsOf = (dataset) => DATA.rows.filter((row) => row.dataset === dataset);
const about = () => DATA.datasets[state.dataset] || { objectives: [], metrics: {}, truth: null };
const recordsOf = (row) => Object.keys(row.sources).map((id) => RECORDS[id]);
const completed = (row) => recordsOf(row).filter((record) => record.status === "completed");
const seedOf = (record) => record.job.seeds.solver;

// A solver has the same colour and shape everywhere in the page.
const NAMES = [...new Set(DATA.rows.map((row) => row.name))].sort();
const look = (name) => ({ colour: NAMES.indexOf(name) % 7, shape: NAMES.indexOf(name) % 6 });

// The front of a row at the chosen seed and split, and its record.
function frontOf(row) {
  const record = completed(row).find((one) => seedOf(one) === state.seed);
  const front = record && record.fronts[state.split];
  return front ? { record, front, moves: front.preferences.length > 1 } : null;
}

// Index of the measured ray nearest to a preference.
function nearestRay(front, preference) {
  const away = (ray) => ray.reduce((sum, r, i) => sum + (r - preference[i]) ** 2, 0);
  return front.preferences.reduce((best, ray, i) => (away(ray) < away(front.preferences[best]) ? i : best), 0);
}

function chooseDataset(dataset) {
  const rows = rowsOf(dataset);
  const seeds = [...new Set(rows.flatMap(completed).map(seedOf))].sort((a, b) => a - b);
  const { objectives } = DATA.datasets[dataset] || { objectives: [] };
  const m = objectives.length;
  set({
    dataset,
    split: "test",
    seed: seeds[0] ?? 0,
    x: objectives[0],
    y: objectives[1] ?? null,
    names: new Set(rows.filter((row) => completed(row).length).slice(0, AT_FIRST).map((row) => row.name)),
    preference: objectives.map(() => 1 / m),
  });
}
