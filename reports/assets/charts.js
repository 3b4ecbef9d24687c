// The third layer of a page: draws each figure's JSON (reports/html/chart.cpp) with Apache ECharts.
//
// Names come from anywhere: they reach the page as text nodes and canvas text only, never as HTML.
import { BarChart, CustomChart, LineChart, ScatterChart } from "echarts/charts";
import { DataZoomInsideComponent, GridComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { addControls } from "./controls.js";
import { makeSortable } from "./sorting.js";

echarts.use([BarChart, CanvasRenderer, CustomChart, DataZoomInsideComponent, GridComponent,
  LineChart, MarkLineComponent, ScatterChart, TooltipComponent]);

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const seriesColour = (series, index) => series.colour || `c${index % 8}`;
const isLog = (axis) => axis.scale === "log";
const onAxis = (axis, value) => (value === null ? null : isLog(axis) ? (value > 0 ? Math.log10(value) : null) : value);

function numberText(value) {
  if (value === null || !isFinite(value)) return "-";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e9 || size < 1e-4) return value.toExponential(2);
  return size >= 1000 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(4)));
}

function valueText(axis, value) {
  if (axis.scale === "category") return axis.categories[value] ?? "-";
  return axis.percent ? `${Number((value * 100).toPrecision(4))} %` : numberText(value);
}

function shortText(axis, value) {
  if (axis.percent) return `${Number((value * 100).toFixed(2))} %`;
  for (const [divisor, suffix] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= divisor && Math.abs(value) >= 1e4) return Number((value / divisor).toPrecision(4)) + suffix;
  }
  return String(Number(value.toPrecision(4)));
}

// The values of a chart along one axis, limits included.
function extent(spec, axisName) {
  const index = axisName === "x" ? 0 : 1;
  const values = spec.series.flatMap((series) => series.points.map((point) => point[index]));
  for (const mark of spec.marks) if (mark.axis === axisName) values.push(mark.at);
  const usable = values.filter((value) => value !== null && (!isLog(spec[axisName]) || value > 0));
  return usable.length ? [Math.min(...usable), Math.max(...usable)] : [1, 10];
}

// A logarithmic axis is a linear one over logarithms with 1, 2 and 5 labelled.
function logAxis(axis, [least, most]) {
  if (most < least * 1.5) [least, most] = [least / 1.3, most * 1.3];
  const [from, to] = [Math.log10(Math.max(least, most / 1e12)), Math.log10(most)];
  const decades = to - from;
  const ticks = [];
  for (let power = Math.floor(from); power <= Math.ceil(to); ++power) {
    for (const factor of decades > 3 ? [1] : [1, 2, 5]) {
      const at = power + Math.log10(factor);
      if (at >= from - 1e-9 && at <= to + 1e-9) ticks.push(at);
    }
  }
  const pad = decades * 0.02;
  return {
    type: "value", min: from - pad, max: to + pad,
    axisTick: { customValues: ticks },
    axisLabel: { customValues: ticks, hideOverlap: true, formatter: (value) => shortText(axis, 10 ** value) },
  };
}

function linearAxis(axis, marks) {
  const beyond = Math.max(...marks, -Infinity);
  return {
    type: "value", min: axis.least ?? undefined,
    max: axis.most ?? ((range) => (beyond > range.max ? beyond * 1.05 : null)),
    scale: axis.least === undefined, minInterval: axis.whole ? 1 : undefined,
    axisLabel: { hideOverlap: true, formatter: (value) => shortText(axis, value) },
  };
}

function axisOption(spec, name) {
  const axis = spec[name];
  const marks = spec.marks.filter((mark) => mark.axis === name).map((mark) => mark.at);
  let option;
  if (axis.scale === "category") option = { type: "category", data: axis.categories, inverse: name === "y" };
  else option = isLog(axis) ? logAxis(axis, extent(spec, name)) : linearAxis(axis, marks);
  const soft = { color: colour("soft") };
  return {
    ...option,
    name: axis.name, nameLocation: name === "x" ? "middle" : "end",
    nameGap: name === "x" ? 26 : spec.marks.some((mark) => mark.axis === "x") ? 24 : 10,
    nameTextStyle: { color: colour("ink"), align: name === "x" ? "center" : "left", padding: 0 },
    axisLine: { show: name === "x", onZero: false, lineStyle: soft },
    axisTick: { ...option.axisTick, show: false },
    axisLabel: { ...option.axisLabel, color: colour("soft") },
    splitLine: { show: axis.scale !== "category", lineStyle: { color: colour("line") } },
  };
}

// [x, y] as drawn, then as they are, then the point's name.
const datum = (spec, point, y = point[1]) =>
  [onAxis(spec.x, point[0]), onAxis(spec.y, y), point[0], point[1], point[2] ?? ""];

function xySeries(spec, hidden) {
  const tops = [];
  return spec.series.flatMap((series, index) => {
    if (hidden.has(series.name)) return [];
    const ink = colour(seriesColour(series, index));
    const base = { name: series.name, itemStyle: { color: ink }, animation: false, z: 3 };
    if (series.style === "points") {
      return [{ ...base, type: "scatter", symbolSize: 9, data: series.points.map((point) => datum(spec, point)),
        itemStyle: { color: ink, opacity: 0.8 } }];
    }
    if (series.style === "area") {
      const data = series.points.map((point, i) => datum(spec, point, (tops[i] = (tops[i] ?? 0) + point[1])));
      // Later areas reach higher and lie behind.
      return [{ ...base, type: "line", data, symbol: "none", lineStyle: { width: 0 }, z: 2 - index * 0.01, zlevel: 0,
        areaStyle: { color: ink, opacity: 1, origin: "start" } }];
    }
    return [{ ...base, type: "line", data: series.points.map((point) => datum(spec, point)),
      step: series.style === "step" ? "end" : false, symbol: "circle", symbolSize: 5,
      showSymbol: series.points.length < 30, connectNulls: false,
      lineStyle: { color: ink, width: 2 } }];
  });
}

function bandSeries(spec, hidden) {
  return spec.bands.filter((band) => !hidden.has(band.name)).map((band) => ({
    name: band.name, type: "custom", data: [[0, 0]], silent: true, clip: true, z: 1, tooltip: { show: false },
    renderItem: (params, api) => ({
      type: "polygon",
      shape: {
        points: [...band.from, ...band.to.slice().reverse()]
          .map((point) => [onAxis(spec.x, point[0]), onAxis(spec.y, point[1])])
          .filter(([x, y]) => x !== null && y !== null).map((point) => api.coord(point)),
      },
      style: { fill: colour("c0"), opacity: 0.18 },
    }),
  }));
}

function barSeries(spec, hidden) {
  return spec.series.flatMap((series, index) => hidden.has(series.name) ? [] : [{
    name: series.name, type: "bar", stack: "all", barWidth: 20, animation: false,
    itemStyle: { color: colour(seriesColour(series, index)) },
    data: series.points.map((point) => ({ value: [point[0], point[1]] })),
  }]);
}

function markSeries(spec) {
  if (!spec.marks.length) return [];
  return [{
    name: "", type: "line", data: [], silent: true, animation: false, z: 4,
    markLine: {
      symbol: "none", silent: true, animation: false,
      data: spec.marks.map((mark) => {
        const at = onAxis(spec[mark.axis], mark.at);
        const ink = colour(mark.colour);
        // Grey lines may be pale, words not.
        const label = { formatter: () => mark.label, color: mark.colour === "quiet" ? colour("soft") : ink, rotate: 0 };
        const [least, most] = extent(spec, "x");
        const late = mark.axis === "x" && at > (onAxis(spec.x, least) + onAxis(spec.x, most)) / 2;
        return {
          [mark.axis === "x" ? "xAxis" : "yAxis"]: at,
          lineStyle: { color: ink, type: "dashed", width: 1.5 },
          label: mark.axis === "x"
            ? { ...label, position: spec.y.scale === "category" ? "start" : "end", distance: [0, 4], align: late ? "right" : "left" }
            : { ...label, position: spec.y.percent ? "insideStartBottom" : "insideEndTop" },
        };
      }),
    },
  }];
}

function tooltipNode(lines) {
  const node = document.createElement("div");
  for (const { swatch, text, strong } of lines) {
    const line = document.createElement("div");
    if (swatch) {
      const square = document.createElement("span");
      square.style.cssText = `display:inline-block;width:10px;height:10px;margin-right:6px;border-radius:2px;background:${swatch}`;
      line.append(square);
    }
    const words = document.createElement(strong ? "strong" : "span");
    words.textContent = text;
    line.append(words);
    node.append(line);
  }
  return node;
}

function tooltip(spec) {
  const byAxis = spec.y.scale !== "category" && spec.series.every((series) => series.style !== "points");
  const formatter = (given) => {
    const items = (Array.isArray(given) ? given : [given]).filter((item) => item.seriesName);
    if (!items.length) return "";
    if (spec.bars) {
      const [item] = items;
      return tooltipNode([{ text: spec.y.categories[item.value[1]], strong: true },
        { swatch: item.color, text: `${item.seriesName}: ${valueText(spec.x, item.value[0])}` }]);
    }
    const first = items[0].value;
    const lines = [{ text: first[4] || `${valueText(spec.x, first[2])} (${spec.x.name})`, strong: true }];
    for (const item of items) {
      lines.push({ swatch: item.color, text: `${item.seriesName}: ${valueText(spec.y, item.value[3])}` });
    }
    if (!byAxis) lines.splice(1, lines.length, { text: `${spec.x.name}: ${valueText(spec.x, first[2])}` },
      { text: `${spec.y.name}: ${valueText(spec.y, first[3])}` }, { swatch: items[0].color, text: items[0].seriesName });
    return tooltipNode(lines);
  };
  return {
    trigger: byAxis ? "axis" : "item", formatter, confine: true,
    backgroundColor: colour("panel"), borderColor: colour("line"), textStyle: { color: colour("ink"), fontSize: 12 },
    axisPointer: { lineStyle: { color: colour("soft") } },
  };
}

function optionOf(spec, hidden, window) {
  const marks = markSeries(spec);
  const marked = spec.marks.some((mark) => mark.axis === "x");
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 6, right: 20, top: spec.y.scale === "category" && !marked ? 6 : marked ? 46 : 32, bottom: spec.x.name ? 40 : 22,
      outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: axisOption(spec, "x"), yAxis: axisOption(spec, "y"),
    series: spec.bars ? [...barSeries(spec, hidden), ...marks]
      : [...bandSeries(spec, hidden), ...xySeries(spec, hidden), ...marks],
    tooltip: tooltip(spec),
    // The wheel alone scrolls the page.
    dataZoom: spec.bars ? [] : [{ type: "inside", xAxisIndex: 0, filterMode: "none", zoomOnMouseWheel: "ctrl",
      moveOnMouseWheel: false, start: window[0], end: window[1] }],
  };
}

function heightOf(spec) {
  if (spec.height) return spec.height;
  if (spec.y.scale === "category") return 56 + 30 * spec.y.categories.length;
  return spec.width === "third" ? 220 : 270;
}

function draw(figure) {
  const spec = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const canvas = document.createElement("div");
  canvas.className = "canvas";
  canvas.style.height = `${heightOf(spec)}px`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", figure.querySelector("svg").getAttribute("aria-label"));
  const plot = figure.querySelector(".plot");
  plot.after(canvas);
  figure.classList.add("live");
  const chart = echarts.init(canvas, null, { renderer: "canvas" });
  const hidden = new Set();
  const window_ = () => {
    const zoom = chart.getOption()?.dataZoom?.[0];
    return zoom ? [zoom.start, zoom.end] : [0, 100];
  };
  const redraw = () => chart.setOption(optionOf(spec, hidden, window_()), { notMerge: true });
  redraw();
  if (spec.group) chart.group = spec.group;
  addControls(figure, spec, {
    colourOf: seriesColour,
    toggle: (name) => { if (!hidden.delete(name)) hidden.add(name); redraw(); return !hidden.has(name); },
    zoom: (start, end) => chart.dispatchAction({ type: "dataZoom", start, end }),
    window: window_,
  });
  new ResizeObserver(() => chart.resize()).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  return spec.group;
}

async function drawAll() {
  const groups = new Set();
  for (const figure of document.querySelectorAll("figure.chart")) {
    groups.add(draw(figure));
    await new Promise((resume) => setTimeout(resume, 0));
  }
  for (const group of groups) if (group) echarts.connect(group);
  document.querySelectorAll("table").forEach(makeSortable);
  document.documentElement.dataset.charts = "drawn";
}
drawAll();
