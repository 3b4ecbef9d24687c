// Opens HTML reports in headless Chromium and says what is wrong with each.
//
// Usage: node check.mjs CHROMIUM PICTURES NAME=FILE...
// Each file is opened without network, in light and dark colours, 1,280 and 390 pixels wide, with and without script. Must
// hold: no error in the console, no request but for the file itself, every chart drawn, nothing wider than the screen, no
// serious fault found by axe-core, every control reached by the keyboard. Pictures are kept in PICTURES.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [executablePath, pictures, ...pages] = process.argv.slice(2);
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const views = [
  { name: "light", viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  { name: "dark", viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  { name: "phone", viewport: { width: 390, height: 844 }, colorScheme: "light" },
  { name: "static", viewport: { width: 1280, height: 900 }, colorScheme: "light", javaScriptEnabled: false },
  { name: "static-phone", viewport: { width: 390, height: 844 }, colorScheme: "dark", javaScriptEnabled: false },
];

// A canvas that shows one colour only was not drawn on.
function blankCharts() {
  return [...document.querySelectorAll("figure.chart")].filter((figure) => {
    const canvas = figure.querySelector(".canvas canvas");
    if (!figure.classList.contains("live") || !canvas) return true;
    const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    return pixels.every((pixel) => pixel === pixels[0]);
  }).map((figure) => figure.id);
}

const seriousFaults = async () => {
  const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id} (${nodes.length}): ${nodes[0].html.slice(0, 160)}`);
};

// What the Tab key cannot reach although it answers to the mouse.
function unreachable() {
  return [...document.querySelectorAll("button, summary, a[href], .scroll")]
    .filter((node) => node.checkVisibility() && node.tabIndex < 0).map((node) => node.outerHTML.slice(0, 80));
}

async function checkPage(browser, name, file, view) {
  const faults = [];
  const context = await browser.newContext({ ...view, offline: true });
  const page = await context.newPage();
  const url = pathToFileURL(file).href;
  page.on("console", (message) => { if (message.type() === "error") faults.push(`console: ${message.text()}`); });
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("request", (request) => { if (request.url() !== url) faults.push(`request: ${request.url().slice(0, 120)}`); });
  page.on("dialog", (dialog) => { faults.push(`a name ran as script: ${dialog.message()}`); dialog.dismiss(); });
  const started = Date.now();
  await page.goto(url);
  const count = await page.locator("figure.chart").count();
  const withScript = view.javaScriptEnabled !== false && (await page.locator("#bundle").count()) > 0;
  if (withScript) {
    await page.waitForFunction(() => document.documentElement.dataset.charts === "drawn", null, { timeout: 30000 });
    for (const id of await page.evaluate(blankCharts)) faults.push(`not drawn: ${id}`);
  } else if ((await page.locator("figure.chart svg").count()) !== count) {
    faults.push("a chart without its SVG");
  }
  const took = Date.now() - started;
  const width = await page.evaluate(() => document.documentElement.scrollWidth).catch(() => 0);
  if (width > view.viewport.width) faults.push(`${width} pixels wide on a screen of ${view.viewport.width}`);
  await page.screenshot({ path: `${pictures}/${name}-${view.name}.png`, fullPage: true });
  if (view.javaScriptEnabled !== false) {
    await page.addScriptTag({ content: axeSource });
    for (const fault of await page.evaluate(seriousFaults)) faults.push(`axe: ${fault}`);
    for (const node of await page.evaluate(unreachable)) faults.push(`no key reaches ${node}`);
  }
  if (withScript && view.name === "light") faults.push(...(await checkControls(page)), ...(await checkPrint(page)));
  await context.close();
  return { faults, count, took };
}

// A series is switched off and on, a chart zoomed, by keyboard alone.
async function checkControls(page) {
  const faults = [];
  const toggle = page.locator(".controls button[aria-pressed]").first();
  if ((await toggle.count()) > 0) {
    await toggle.focus();
    await page.keyboard.press("Enter");
    if ((await toggle.getAttribute("aria-pressed")) !== "false") faults.push("a series does not switch off by keyboard");
    await page.keyboard.press("Enter");
  }
  const zoom = page.locator(".controls .zoom", { hasText: "+" }).first();
  if ((await zoom.count()) > 0) {
    const canvas = page.locator("figure.chart:has(.zoom) .canvas canvas").first();
    const before = await canvas.evaluate((node) => node.toDataURL());
    await zoom.focus();
    await page.keyboard.press("Enter");
    if ((await canvas.evaluate((node) => node.toDataURL())) === before) faults.push("zoom changes nothing");
  }
  return faults;
}

// On paper the SVGs stand in the place of canvases.
async function checkPrint(page) {
  await page.emulateMedia({ media: "print", colorScheme: "light" });
  const hidden = await page.evaluate(() => [...document.querySelectorAll("figure.chart")]
    .filter((figure) => !figure.querySelector("svg").checkVisibility()).length);
  return hidden === 0 ? [] : [`${hidden} charts are not printed`];
}

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic", "--no-first-run"],
});
let failed = false;
for (const argument of pages) {
  const at = argument.indexOf("=");
  const [name, file] = [argument.slice(0, at), argument.slice(at + 1)];
  for (const view of views) {
    const { faults, count, took } = await checkPage(browser, name, file, view);
    if (count === 0) faults.push("no chart in it");
    console.log(`${faults.length ? "FAULT" : "ok"}: ${name}, ${view.name}: ${count} charts in ${took} ms`);
    for (const fault of faults) console.log(`  ${fault}`);
    failed ||= faults.length > 0;
  }
}
await browser.close();
process.exit(failed ? 1 : 0);
