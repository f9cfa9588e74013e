"use strict";
const form = document.getElementById("filters");
const value = (id) => document.getElementById(id).value;
const apply = () => {
  const [kind, budget, state, name] = ["kind", "budget", "state", "name"].map(value);
  const memory = parseFloat(value("memory"));
  const whole = document.querySelector("section[data-all]") !== null && !kind && !budget;
  const methods = new Set();
  for (const section of document.querySelectorAll("section[data-kind]")) {
    const isAll = section.hasAttribute("data-all");
    section.hidden = whole ? !isAll : isAll || (kind && section.dataset.kind !== kind) || (budget && section.dataset.budget !== budget);
    for (const row of section.querySelectorAll("tbody tr")) {
      row.hidden = Boolean((state && row.dataset.state !== state) || (memory >= 0 && !(parseFloat(row.dataset.memory) <= memory))
        || (name && !row.dataset.name.includes(name.toLowerCase())));
      if (!section.hidden && !row.hidden) methods.add(row);
    }
  }
  document.getElementById("count").textContent = `${methods.size} rows`;
};
form.hidden = false;
form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
apply();
