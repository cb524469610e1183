// Keeps a page of the operators' up to date. Everything works without it, but by hand.
"use strict";

const span = (ms) => {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
};

// Ages grow, rings run down.
const tick = () => {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-at]")) {
    time.textContent = `${span(now - Number(time.dataset.at))} ago`;
  }
  for (const ring of document.querySelectorAll("[data-until]")) {
    const left = Math.max(0, Number(ring.dataset.until) - now);
    const ttl = Number(ring.dataset.ttl) || left || 1;
    ring.querySelector("[data-left]").textContent = span(left);
    ring.querySelector(".ring-left").setAttribute("stroke-dasharray", `${Math.min(100, (100 * left) / ttl).toFixed(1)} 100`);
  }
};

// What the server draws anew of a part takes the old one's place.
const again = async () => {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    if (other && !part.contains(document.activeElement)) part.replaceChildren(...other.childNodes);
  }
  tick();
};

const line = (event, service) => {
  const item = document.createElement("li");
  const time = document.createElement("time");
  const at = Date.parse(event.at);
  time.dateTime = event.at;
  time.title = event.at;
  time.dataset.at = String(at);
  item.append(time, " ");
  if (service) {
    const link = document.createElement("a");
    link.href = `/s/${encodeURIComponent(service)}/o/${encodeURIComponent(event.object_id)}`;
    link.textContent = event.object_id;
    item.append(link, " ");
  }
  item.append(event.version === null ? "removed" : `written as version ${event.version}`);
  return item;
};

const listen = (place) => {
  const said = document.querySelector("[data-listening]");
  const tell = (words) => { if (said) said.textContent = words; };
  const events = new EventSource(place.dataset.events);
  let missed = 0;
  events.addEventListener("open", () => tell(missed ? `Listening; ${missed} changes came too fast to be shown.` : "Listening."));
  events.addEventListener("error", () => tell("The connection is lost; trying again."));
  events.addEventListener("missed", (message) => { missed += JSON.parse(message.data).missed; });
  events.addEventListener("change", (message) => {
    const event = JSON.parse(message.data);
    if (place.dataset.feed) {
      place.prepend(line(event, place.dataset.feed));
      while (place.children.length > 200) place.lastElementChild.remove();
      tick();
    } else if (event.object_id === place.dataset.object) {
      const seen = document.querySelector("[data-seen]") || document.createElement("ol");
      if (!seen.dataset.seen) {
        const title = document.createElement("h2");
        title.textContent = "Seen live";
        seen.dataset.seen = "true";
        seen.className = "history";
        place.after(title, seen);
      }
      seen.prepend(line(event));
      again();
    }
  });
  addEventListener("pagehide", () => events.close());
};

setInterval(tick, 1000);
const seconds = Number(document.body.dataset.again);
if (seconds) setInterval(() => { if (!document.hidden) again().catch(() => {}); }, seconds * 1000);
for (const place of document.querySelectorAll("[data-events]")) listen(place);
addEventListener("keydown", (event) => {
  const field = document.getElementById("q");
  if (event.key === "/" && field && document.activeElement !== field && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    field.focus();
  }
});
