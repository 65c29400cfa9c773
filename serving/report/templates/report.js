"use strict";
for (const figure of document.querySelectorAll("figure.chart")) {
  const svg = figure.querySelector("svg");
  const readout = figure.querySelector(".readout");
  const cursor = figure.querySelector(".cursor");
  const points = JSON.parse(figure.dataset.points);
  const right = Number(figure.dataset.right);
  const resting = readout.textContent;
  const show = (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const index = Math.max(0, Math.min(points.length - 1, Math.floor((x / right) * points.length)));
    const [label, close, average, volume] = points[index];
    const at = (right * (index + 0.5)) / points.length;
    cursor.setAttribute("x1", at);
    cursor.setAttribute("x2", at);
    cursor.removeAttribute("visibility");
    readout.textContent = label + "  close " + close + (average ? "  7d avg " + average : "") +
      (volume ? "  volume " + volume : "");
  };
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    readout.textContent = resting;
  });
}
for (const input of document.querySelectorAll("input[data-filters]")) {
  const rows = document.querySelectorAll("#" + input.dataset.filters + " tbody tr");
  input.closest("label").hidden = false;
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toUpperCase();
    for (const row of rows) row.hidden = !row.textContent.toUpperCase().includes(wanted);
  });
}
