// Buttons above a chart: its series on and off, and what the mouse does to the range, for the
// keyboard and for touch.

function button(className, label, text, act) {
  const node = document.createElement("button");
  node.type = "button";
  node.className = className;
  if (label) node.setAttribute("aria-label", label);
  node.append(text);
  node.addEventListener("click", act);
  return node;
}

function seriesButton(name, css, chart, pale) {
  const swatch = document.createElement("i");
  swatch.style.setProperty("--c", pale ? `color-mix(in srgb, var(--${css}) 25%, transparent)` : `var(--${css})`);
  const node = button("", "", swatch, () => {
    node.setAttribute("aria-pressed", String(chart.toggle(name)));
  });
  node.append(document.createTextNode(name));
  node.setAttribute("aria-pressed", "true");
  return node;
}

const kLeastRange = 0.5; // percent of the axis

function move(chart, by) {
  const [start, end] = chart.window();
  const step = Math.max(Math.min((end - start) * by, 100 - end), -start);
  chart.zoom(start + step, end + step);
}

function scale(chart, by) {
  const [start, end] = chart.window();
  const half = Math.max(((end - start) * by) / 2, kLeastRange / 2);
  const middle = (start + end) / 2;
  chart.zoom(Math.max(0, middle - half), Math.min(100, middle + half));
}

// `chart`: toggle(name) returns whether the series is shown now; zoom(start, end) and window() in
// percent of the axis; colourOf(series, index) the name of its colour.
export function addControls(figure, spec, chart) {
  if (spec.series.length + spec.bands.length > 1) {
    const bar = document.createElement("div");
    bar.className = "controls";
    spec.series.forEach((series, index) => bar.append(seriesButton(series.name, chart.colourOf(series, index), chart)));
    spec.bands.forEach((band) => bar.append(seriesButton(band.name, "c0", chart, true)));
    figure.querySelector(".plot").before(bar);
  }
  if (spec.bars) return;
  const bar = document.createElement("div");
  bar.className = "controls zooming";
  const of = ` of ${spec.title}`;
  bar.append(
    button("zoom", `Move left${of}`, "\u25C0", () => move(chart, -0.25)),
    button("zoom", `Move right${of}`, "\u25B6", () => move(chart, 0.25)),
    button("zoom", `Zoom into middle${of}`, "+", () => scale(chart, 0.5)),
    button("zoom", `Zoom out${of}`, "\u2212", () => scale(chart, 2)),
    button("zoom", `Show all${of}`, "all", () => chart.zoom(0, 100)));
  figure.querySelector("details").before(bar);
}
