// A chart of points and lines whose points are accessible by hover, touch and arrow keys.

const SHAPES = [
  "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0", "M-4.5,-4.5h9v9h-9z", "M0,-5.5L5.3,4.4H-5.3z",
  "M0,-6L5.4,0L0,6L-5.4,0z", "M-1.7,-5.5h3.4v3.8h3.8v3.4h-3.8v3.8h-3.4v-3.8h-3.8v-3.4h3.8z", "M0,5.5L5.3,-4.4H-5.3z",
];
const MANY = 12; // series with more points are drawn with smaller marks
const swatch = (name) =>
  svg("svg", { class: `swatch c${look(name).colour}`, viewBox: "-7 -7 14 14", "aria-hidden": "true" },
    svg("path", { d: SHAPES[look(name).shape] }));

// Positions of ticks between two ends.
function ticks(low, high, log) {
  if (log) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const step of Math.log10(high / low) < 2 ? [1, 2, 5] : [1]) found.push(step * 10 ** power);
    }
    return found.filter((t) => t >= low * 0.999 && t <= high * 1.001);
  }
  const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((s) => s >= rough);
  const found = [];
  for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-9; t += step) found.push(Number(t.toPrecision(12)));
  return found;
}

function scale(values, from, to, log) {
  let low = Math.min(...values), high = Math.max(...values);
  if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
  const by = log ? Math.log10 : (v) => v;
  const pad = (by(high) - by(low)) * 0.06;
  const [a, b] = [by(low) - pad, by(high) + pad];
  const place = (v) => from + ((by(v) - a) / (b - a)) * (to - from);
  const back = log ? (v) => 10 ** v : (v) => v;
  return Object.assign(place, { ticks: ticks(back(a), back(b), log), low: back(a), high: back(b) });
}

// options: x and y {label, log}; series [{name, title, points [{x, y, half, lines}], line, plain, tag, open}]; empty: text shown if there are no points.
// Returns {mark}, which draws rings around points, given as [series name, index], and a ray from the origin.
function chart(host, options) {
  const series = options.series.map((one) => ({
    ...one, points: one.points.map((p, index) => ({ ...p, index })).filter((p) => drawable(p, options)),
  })).filter((one) => one.points.length);
  if (!series.length) {
    host.replaceChildren(el("p", { class: "quiet" }, options.empty || "Nothing was measured that could be drawn here."));
    return { mark() {} };
  }
  const width = Math.max(280, host.clientWidth), height = Math.round(Math.min(440, Math.max(280, width * 0.62)));
  const area = { left: 62, right: width - 12, top: 12, bottom: height - 46 };
  const every = series.flatMap((one) => one.points);
  const x = scale(every.map((p) => p.x), area.left, area.right, options.x.log);
  const y = scale(every.map((p) => p.y), area.bottom, area.top, options.y.log);
  const rings = svg("g"), tip = el("div", { class: "tip", role: "status" });
  const clip = `${host.id}-area`;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
    svg("clipPath", { id: clip }, svg("rect", {
      x: area.left, y: area.top, width: area.right - area.left, height: area.bottom - area.top })),
    axes(area, x, y, options), svg("g", { "clip-path": `url(#${clip})` }, series.map((one) => intervals(one, x, y)), rings), series.map((one) => drawn(one, x, y)),
    series.filter((one) => one.tag).map((one) => named(one, x, y, (area.left + area.right) / 2)));
  host.replaceChildren(picture, tip);
  host.setAttribute("tabindex", "0");
  host.setAttribute("role", "group");
  host.setAttribute("aria-label", `${options.y.label} against ${options.x.label}; arrow keys go from point to point, Enter opens its record`);
  pointing(host, tip, series, x, y, width);
  const find = ([name, index]) => series.find((one) => one.name === name)?.points.find((p) => p.index === index);
  return {
    mark(points, ray) {
      const found = points.map(find).filter(Boolean);
      rings.replaceChildren(...(ray ? [direction(ray, x, y)] : []),
        ...found.map((p) => svg("circle", { class: "ring", cx: x(p.x), cy: y(p.y), r: 10 })));
    },
  };
}

const drawable = (p, { x, y }) =>
  Number.isFinite(p.x) && Number.isFinite(p.y) && !(x.log && p.x <= 0) && !(y.log && p.y <= 0);

function direction(ray, x, y) {
  const far = Math.min(x.high / ray[0], y.high / ray[1]); // the ray leaves the chart here
  return svg("line", { class: "ray", x1: x(0), y1: y(0), x2: x(ray[0] * far), y2: y(ray[1] * far) });
}

function axes(area, x, y, options) {
  const middle = (area.top + area.bottom) / 2;
  return svg("g", { class: "axes" },
    x.ticks.map((t) => [svg("line", { x1: x(t), x2: x(t), y1: area.top, y2: area.bottom }),
      svg("text", { x: x(t), y: area.bottom + 17, "text-anchor": "middle" }, tickText(t))]),
    y.ticks.map((t) => [svg("line", { x1: area.left, x2: area.right, y1: y(t), y2: y(t) }),
      svg("text", { x: area.left - 7, y: y(t) + 4, "text-anchor": "end" }, tickText(t))]),
    svg("text", { class: "label", x: area.right, y: area.bottom + 38, "text-anchor": "end" }, options.x.label),
    svg("text", { class: "label", transform: `translate(14 ${middle}) rotate(-90)`, "text-anchor": "middle" },
      options.y.label));
}

const tickText = (t) => (Math.abs(t) >= 1e5 || (t !== 0 && Math.abs(t) < 1e-3) ? t.toExponential(0) : t.toLocaleString("en-GB"));

function drawn(one, x, y) {
  const group = svg("g", { class: one.plain ? "truth" : `c${look(one.name).colour}` });
  const size = one.points.length > MANY ? 0.75 : 1;
  if (one.line) group.append(svg("polyline", { points: one.points.map((p) => `${x(p.x)},${y(p.y)}`).join(" ") }));
  for (const p of one.points) {
    const [px, py] = [x(p.x), y(p.y)];
    if (one.plain) group.append(svg("circle", { cx: px, cy: py, r: 1.5 }));
    else group.append(svg("path", { d: SHAPES[look(one.name).shape], transform: `translate(${px} ${py}) scale(${size})` }));
  }
  return group;
}

// Show the name of a series at its last point, for charts far from the legend.
function named(one, x, y, middle) {
  const p = one.points.at(-1), left = x(p.x) > middle;
  return svg("text", { class: "name", x: x(p.x) + (left ? -9 : 9), y: y(p.y) + 4, "text-anchor": left ? "end" : "start" }, one.name);
}

// Intervals can exceed the chart and are cut off at its edge.
const intervals = (one, x, y) => svg("g", { class: `c${look(one.name).colour}` }, one.points.filter((p) => p.half).map((p) =>
  svg("line", { class: "interval", x1: x(p.x), x2: x(p.x), y1: y(p.y - p.half), y2: y(p.y + p.half) })));

// Hover and touch select the nearest point; arrow keys move along a series (left, right) and between series (up, down).
// A click or Enter opens the record of the point; touch only shows the description of the point.
function pointing(host, tip, series, x, y, width) {
  const solid = series.filter((one) => !one.plain);
  let at = null;
  const show = (s, i) => {
    at = [s, i];
    const p = solid[s].points[i];
    tip.replaceChildren(el("strong", {}, solid[s].title || solid[s].name), ...p.lines.map((line) => el("span", {}, line)));
    tip.classList.add("shown");
    const left = Math.min(Math.max(0, x(p.x) - tip.offsetWidth / 2), width - tip.offsetWidth);
    const above = y(p.y) - tip.offsetHeight - 14;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 0 ? above : y(p.y) + 16}px`;
  };
  const hide = () => tip.classList.remove("shown");
  const look_for = (event) => {
    const box = host.firstChild.getBoundingClientRect();
    let best = 26 ** 2, found = null;
    solid.forEach((one, s) => one.points.forEach((p, i) => {
      const away = (x(p.x) - (event.clientX - box.left)) ** 2 + (y(p.y) - (event.clientY - box.top)) ** 2;
      if (away < best) [best, found] = [away, [s, i]];
    }));
    host.firstChild.classList.toggle("near", found !== null);
    if (found) show(...found);
    else hide();
    return found;
  };
  host.firstChild.addEventListener("pointermove", look_for);
  host.firstChild.addEventListener("pointerdown", look_for);
  // a touch pointer leaves when the finger is lifted; keep the description visible
  host.firstChild.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
  host.firstChild.addEventListener("click", (event) => {
    const found = event.pointerType === "mouse" && look_for(event);
    if (found) solid[found[0]].open();
  });
  host.onblur = hide;
  host.onkeydown = (event) => {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (event.key === "Escape") hide();
    if (event.key === "Enter" && at) solid[at[0]].open();
    if (!step || !solid.length) return;
    event.preventDefault();
    const [s, i] = at ? [at[0] + step[0], at[1] + step[1]] : [0, 0];
    const row = (s + solid.length) % solid.length, n = solid[row].points.length;
    show(row, step[0] ? Math.min(i, n - 1) : (i + n) % n);
  };
}
