// The leaderboard: sortable by any column, filterable by text, with rows that open their records.

const board = { sort: null, down: false, words: "", everywhere: false, groups: new Set(["quality"]) };
const GROUPS = { quality: "quality", metric: "at single rays", cost: "cost" };
const MAIN = ["rank", "solver", "model", "seeds", "status"];

function boardColumns() {
  const shownRows = boardRows();
  const used = (name) => shownRows.some((row) => row.cells[name]?.[0] !== null && row.cells[name]?.[0] !== undefined);
  const several = (name) => new Set(DATA.rows.map((row) => row[name])).size > 1;
  const names = ["rank", "solver", ...(board.everywhere ? ["dataset"] : []), ...(several("model") ? ["model"] : []), "seeds"];
  return [
    ...names.map((name) => DATA.columns.find((c) => c.name === name)),
    ...DATA.columns.filter((c) => board.groups.has(c.group) && used(c.name)),
    shownRows.some((row) => row.cells.status?.[0] !== "complete") && DATA.columns.find((c) => c.name === "status"),
  ].filter(Boolean);
}

function boardRows() {
  const words = board.words.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (row) => [row.dataset, row.name, row.model, row.cells.status?.[0]].join(" ").toLowerCase();
  const rows = board.everywhere ? DATA.rows : rowsOf(state.dataset);
  return rows.filter((row) => words.every((word) => text(row).includes(word)));
}

// Ranks such as "2–4" are sorted by their first number; missing values come last in both directions.
function sorted(rows, name, down) {
  const key = (row) => {
    const value = row.cells[name]?.[0] ?? null;
    return name === "rank" ? parseInt(String(value).match(/\d+/), 10) : value;
  };
  const missing = (v) => v === null || Number.isNaN(v);
  return [...rows].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
    return down ? -order : order;
  });
}

function drawBoardFields() {
  const filter = el("input", {
    type: "search", id: "board-filter", placeholder: "words of a solver, model or status", value: board.words,
    oninput: () => { board.words = filter.value; drawBoard(); },
  });
  const tick = (id, text, checked, onchange) => {
    const box = el("input", { type: "checkbox", id, checked, onchange: () => onchange(box.checked) });
    return el("label", { class: "tick", for: id }, box, " ", text);
  };
  $("board-fields").replaceChildren(
    el("label", { class: "field", for: "board-filter" }, "filter ", filter),
    ...Object.entries(GROUPS).map(([group, text]) => tick(`group-${group}`, text, board.groups.has(group), (chosen) => {
      if (chosen) board.groups.add(group); else board.groups.delete(group);
      drawBoard();
    })),
    Object.keys(DATA.datasets).length > 1
      ? tick("every-dataset", "all datasets", board.everywhere, (chosen) => { board.everywhere = chosen; drawBoard(); }) : "",
  );
}

function drawBoard() {
  const columns = boardColumns(), every = boardRows();
  const rows = board.sort ? sorted(every, board.sort, board.down) : every;
  $("board-count").textContent = `${rows.length} of ${(board.everywhere ? DATA.rows : rowsOf(state.dataset)).length} rows` +
    "; ± is half of the 95 % interval over seeds, (low–high) the range of single seeds. A row's name opens its records.";
  $("board-definitions").replaceChildren(...columns.flatMap((column) => [
    el("dt", {}, column.name), el("dd", {}, `${column.meaning}; ${column.definition}`)]));
  $("board-table").replaceChildren(
    el("thead", {}, el("tr", {}, columns.map(headCell))),
    el("tbody", {}, rows.map((row) => el("tr", {}, columns.map((column) => bodyCell(row, column))))),
  );
}

function headCell(column) {
  const active = board.sort === column.name;
  const way = { higher: "higher is better", lower: "lower is better" }[column.better];
  const arrow = active ? (board.down ? " ↓" : " ↑") : "";
  const sort = () => {
    // best first; a second click reverses the order
    board.down = active ? !board.down : column.better === "higher";
    board.sort = column.name;
    drawBoard();
    [...$("board-table").querySelectorAll("thead button")].find((b) => b.dataset.column === column.name)?.focus();
  };
  return el("th", { scope: "col", "aria-sort": active ? (board.down ? "descending" : "ascending") : "none", class: MAIN.includes(column.name) ? "" : "number" },
    el("button", { class: "sort", title: [column.meaning, way].filter(Boolean).join("; "), "data-column": column.name, onclick: sort },
      breakable(heading(column)), el("span", { class: "arrow", "aria-hidden": "true" }, arrow)));
}

function bodyCell(row, column) {
  if (column.name === "solver") {
    return el("th", { scope: "row" }, el("button", { class: "link", onclick: () => showDetails(row) }, swatch(row.name), row.name));
  }
  const [value] = row.cells[column.name] || [null], spread = spreadOf(row.cells[column.name], column);
  const named = column.group === "name" && column.name !== "seeds";
  return el("td", { class: column.name === "rank" ? "rank" : named ? "" : "number" }, asColumn(value, column), spread ? el("span", { class: "quiet" }, spread) : null);
}

// The half width of an interval, or the range of single seeds; "" if there is neither.
function spreadOf(cell, column) {
  const [value, half, low, high] = cell || [];
  const missing = (v) => v === null || v === undefined;
  if (!missing(half)) return ` ± ${asColumn(half, column)}`;
  if (missing(value) || missing(low) || missing(high)) return "";
  const [shownValue, from, to] = [value, low, high].map((v) => asColumn(v, column));
  if (from === shownValue && to === shownValue) return "";
  return low < 0 || high < 0 || /e/.test(from + to) ? ` (${from} to ${to})` : ` (${from}–${to})`;
}
