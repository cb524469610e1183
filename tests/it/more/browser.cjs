// Loads pages in a headless Chromium and tells what happened on them. Reads one JSON document from standard input:
//   {"chromium": path, "jobs": [{"id": ..., "html": ..., "js": ..., "url": ..., "width": n, "dark": bool, "ask": [...]}]}
// and prints one: {id: {"hits": [...], "requests": [...], "errors": [...], "answers": {...}}}.
// A hit is anything that ran: a dialog, a hooked function, a javascript: address. A request is anything but the page itself.
const path = require("path");
const { chromium } = require(path.join(process.env.BROWSER_DIR, "node_modules", "playwright-core"));

const HOOKS = () => {
  const hit = (name) => () => {
    window.top.__hits = window.top.__hits || [];
    window.top.__hits.push(name);
    console.log("HIT " + name);
  };
  for (const name of ["alert", "confirm", "prompt", "print", "open", "fetch"]) window[name] = hit(name);
  navigator.sendBeacon = hit("sendBeacon");
};

// What people and pages do: every element is pointed at, focused, toggled, clicked; links that lead to the web are left.
const PLAY = () => {
  const names = new Set(["load", "error", "mouseover", "focus", "blur", "click", "toggle", "input", "change", "submit", "begin",
    "end", "repeat", "animationstart", "animationend", "transitionend", "pointerover", "wheel", "drag", "cut", "reset", "start"]);
  for (const element of document.querySelectorAll("*")) {
    for (const attribute of element.attributes) if (/^on/i.test(attribute.name)) names.add(attribute.name.slice(2).toLowerCase());
    if (element.parentElement === document.head || element === document.documentElement) continue;
    for (const name of names) {
      const away = /^(https?|mailto):$/.test(element.protocol || "");
      if (name === "click" && away) continue;
      try {
        if (name === "click" && element.click) element.click();
        else element.dispatchEvent(new Event(name, { bubbles: false, cancelable: true }));
      } catch (e) { /* it cannot be played with */ }
    }
    if (element.protocol && !/^(https?|mailto):$/.test(element.protocol) && element.getAttribute("href") !== null)
      console.log("ADDRESS " + element.protocol);
  }
};

async function one(browser, job) {
  const told = { hits: [], requests: [], errors: [], answers: {} };
  const context = await browser.newContext({
    viewport: { width: job.width || 1000, height: 800 },
    colorScheme: job.dark ? "dark" : "light",
  });
  const page = await context.newPage();
  page.on("dialog", (dialog) => { told.hits.push("dialog " + dialog.type()); dialog.dismiss().catch(() => {}); });
  page.on("console", (message) => {
    const text = message.text();
    if (/^(HIT|ADDRESS) /.test(text)) told.hits.push(text);
    else if (message.type() === "error" && /Content Security Policy/.test(text)) told.errors.push(text);
  });
  context.on("page", (other) => { if (other !== page) { told.hits.push("a window"); other.close().catch(() => {}); } });
  try {
    if (job.url) {
      await page.goto(job.url);
      for (const text of job.texts || []) {
        await page.frameLocator("iframe").getByText(text).waitFor({ timeout: 30000 });
        process.stderr.write("SAW " + text + "\n");
      }
    } else {
      // The page itself comes from a name that nothing else is asked for.
      await context.route("**/*", (route) => {
        const url = route.request().url();
        if (url === "http://page.test/") return route.fulfill({ contentType: "text/html; charset=utf-8", body: job.html });
        told.requests.push(url.slice(0, 200));
        return route.abort();
      });
      if (!job.plain) await page.addInitScript(HOOKS);
      await page.goto("http://page.test/", { waitUntil: "domcontentloaded", timeout: 15000 });
      if (job.inner !== undefined) {
        await page.evaluate((html) => { document.getElementById("inner").innerHTML = html; }, job.inner);
      }
      if (!job.plain) await page.evaluate(PLAY);
      await page.waitForTimeout(job.wait || 60);
    }
    for (const [name, expression] of job.ask || []) told.answers[name] = await page.evaluate(expression);
    for (const [name, expression] of job.ask_frame || []) told.answers[name] = await page.frames()[1].evaluate(expression);
  } catch (error) {
    // A page that navigates away under our hands has run something.
    told.errors.push(String(error).split("\n")[0]);
  }
  await context.close();
  return told;
}

(async () => {
  let input = "";
  for await (const chunk of process.stdin) input += chunk;
  const { chromium: executablePath, jobs } = JSON.parse(input);
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const told = {};
  const waiting = jobs.slice();
  await Promise.all(Array.from({ length: 4 }, async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) told[job.id] = await one(browser, job);
  }));
  await browser.close();
  console.log(JSON.stringify(told));
})().catch((error) => { console.error(error); process.exit(1); });
