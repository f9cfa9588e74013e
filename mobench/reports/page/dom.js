"use strict";
// Create elements from plain values. Text is always set as text, so names cannot become markup.

const $ = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// Format a number for display; the exact value is in the record.
function shown(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en-GB");
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en-GB");
  return size < 0.001 ? value.toExponential(2) : value.toPrecision(digits);
}

// Allow line breaks after the slashes of a name.
const breakable = (name) => name.replaceAll("/", "/\u200b");

// Format a number with the digits of its column, as in all tables.
function asColumn(value, { decimals }) {
  if (typeof value !== "number" || Number.isInteger(value)) return shown(value);
  const small = Math.abs(value) < 10 ** (1 - decimals);
  return small ? value.toExponential(Math.max(0, decimals - 2)) : value.toLocaleString("en-GB", {
    minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

// Text between backticks is shown as code.
const withCode = (text) => text.split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));

const heading = ({ label, unit }) => (unit ? `${label} [${unit}]` : label);

const preferenceText = (preference) => preference.map((r) => r.toFixed(2)).join(" / ");

// A labelled select box; `choices` are [value, text].
function choice(id, label, choices, value, onchange) {
  const select = el("select", { id, onchange: () => onchange(select.value) });
  for (const [key, text] of choices) select.append(el("option", { value: key, selected: key === value }, text));
  return el("label", { class: "field", for: id }, label, " ", select);
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
