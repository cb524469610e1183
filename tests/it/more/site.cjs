// Clicks through the operators' page in a headless Chromium. Reads one JSON document from standard input:
//   {"chromium": path, "axe": path, "origin": "http://127.0.0.1:1234", "pages": [{"name": ..., "path": ...}], "images": dir or null}
// and prints one: {"problems": [...], "visits": n}. A problem is anything on the console, a failed request, something that axe-core
// finds, a page that is wider than its window, a key that does not lead where it should.
const fs = require("fs");
const path = require("path");
const { chromium } = require(path.join(process.env.BROWSER_DIR, "node_modules", "playwright-core"));

const SIZES = [["narrow", 360, 740], ["wide", 1440, 900]];

(async () => {
  let input = "";
  for await (const chunk of process.stdin) input += chunk;
  const job = JSON.parse(input);
  const axe = fs.readFileSync(job.axe, "utf8");
  const browser = await chromium.launch({
    executablePath: job.chromium,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const problems = [];
  let visits = 0;
  for (const dark of [false, true]) {
    for (const [size, width, height] of SIZES) {
      const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light" });
      const page = await context.newPage();
      for (const { name, path: at } of job.pages) {
        const where = `${name} ${size} ${dark ? "dark" : "light"}`;
        const heard = [
          ["console", (message) => { if (["error", "warning"].includes(message.type())) problems.push(`${where}: console: ${message.text()}`); }],
          ["pageerror", (error) => problems.push(`${where}: ${error}`)],
          ["requestfailed", (request) => {
            // The page before was left, and its stream with it.
            const isLeft = request.resourceType() === "eventsource" && request.failure().errorText === "net::ERR_ABORTED";
            if (!isLeft) problems.push(`${where}: ${request.url()}: ${request.failure().errorText}`);
          }],
          ["response", (response) => { if (response.status() >= 400) problems.push(`${where}: ${response.status()} ${response.url()}`); }],
        ];
        for (const [event, hear] of heard) page.on(event, hear);
        await page.goto(job.origin + at, { waitUntil: "load" });
        await page.waitForTimeout(300);
        for (const [event, hear] of heard) page.off(event, hear);
        visits += 1;
        const wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
        if (wide > 0) problems.push(`${where}: ${wide} px wider than its window`);
        await page.evaluate(axe);
        const found = await page.evaluate("axe.run(document, {iframes: false})");
        for (const violation of found.violations) {
          problems.push(`${where}: axe ${violation.id}: ${violation.nodes.map((node) => `${node.html} ${node.failureSummary}`).slice(0, 3).join(" | ")}`);
        }
        if (job.images) await page.screenshot({ path: path.join(job.images, `${name}-${size}-${dark ? "dark" : "light"}.png`) });
      }
      await context.close();
    }
  }
  // By keyboard alone: the first stop leads to the content, and a search is two keys away.
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  await page.goto(job.origin + job.search.path, { waitUntil: "load" });
  await page.keyboard.press("Tab");
  if ((await page.evaluate("document.activeElement.className")) !== "skip") problems.push("the first stop is not the skip link");
  await page.keyboard.press("/");
  await page.keyboard.type(job.search.text);
  await Promise.all([page.waitForURL(/q=/), page.keyboard.press("Enter")]);
  await page.getByRole("link", { name: job.search.text, exact: true }).click();
  if (!new URL(page.url()).pathname.endsWith(`/o/${job.search.text}`)) problems.push(`the search led to ${page.url()}`);
  await page.getByText("Raw envelope").click();
  if (!(await page.locator("details.raw pre").isVisible())) problems.push("the raw envelope does not open");
  // What changes is seen without doing anything.
  await page.goto(job.origin + job.live.path, { waitUntil: "load" });
  await page.getByText("Listening.", { exact: true }).waitFor({ timeout: 20000 });
  process.stderr.write("LISTENING\n");
  await page.locator("[data-feed] li", { hasText: "written as version" }).first().waitFor({ timeout: 60000 });
  await browser.close();
  console.log(JSON.stringify({ problems, visits }));
})().catch((error) => { console.error(error); process.exit(1); });
