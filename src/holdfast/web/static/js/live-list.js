import { showFailing } from "./failure-badge.js";

// <live-list src="..."> polls its content while the page is visible. Unchanged items stay in place and keep the focus.
// With every="...", it polls after as many seconds. With events="...", it asks when a server-sent event says that something has changed, and polls rarely.
const ASK_AGAIN = 3000; // milliseconds
const ASK_RARELY = 30000;

customElements.define("live-list", class extends HTMLElement {
  connectedCallback() {
    this.listen();
    this.shown = () => this.ask();
    document.addEventListener("visibilitychange", this.shown);
    document.getElementById("dialog")?.addEventListener("close", this.shown);
  }

  listen() {
    const source = this.getAttribute("events");
    this.poll(source ? ASK_RARELY : 1000 * this.getAttribute("every") || ASK_AGAIN);
    if (!source) return;
    this.events = new EventSource(source);
    this.events.onmessage = ({ data }) => {
      showFailing(JSON.parse(data).failing);
      this.ask();
    };
    // After an interruption, the browser reconnects; not after an answer without events.
    this.events.onerror = () => this.events.readyState === EventSource.CLOSED && this.poll(ASK_AGAIN);
  }

  poll(every) {
    clearInterval(this.timer);
    this.timer = setInterval(() => this.ask(), every);
  }

  disconnectedCallback() {
    this.events?.close();
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.shown);
    document.getElementById("dialog")?.removeEventListener("close", this.shown);
  }

  async ask() {
    if (document.hidden) return;
    if (this.asking) {
      this.again = true; // something has changed since
      return;
    }
    this.asking = true;
    try {
      const answer = await fetch(this.getAttribute("src"), { headers: { "HX-Request": "true" } });
      if (answer.status === 200) this.take(await answer.text());
    } catch {
      // The publisher can't be reached. The items on the page show their own times.
    } finally {
      this.asking = false;
    }
    if (this.again) {
      this.again = false;
      this.ask();
    }
  }

  take(html) {
    const latest = new DOMParser().parseFromString(html, "text/html").body;
    showFailing(latest.querySelector("[data-failing]")?.value);
    const [before, after] = [this, latest].map((root) => root.querySelector("[data-list]"));
    if (before && after) {
      this.merge(before, after);
      this.exchange("nav", latest);
    } else if (before || after || this.count(latest) !== this.count(this)) {
      this.keepFocus(this);
      this.replaceChildren(...latest.childNodes);
      window.htmx.process(this);
      return;
    }
    if (this.count(latest) !== this.count(this)) this.exchange("[data-count]", latest);
  }

  count(root) {
    return root.querySelector("[data-count]")?.dataset.count;
  }

  // The relative order of items never changes.
  merge(before, after) {
    const wanted = new Set([...after.children].map((item) => item.id));
    for (const item of [...before.children]) {
      if (wanted.has(item.id)) continue;
      this.keepFocus(item);
      item.remove();
    }
    let next = before.firstElementChild;
    for (const item of [...after.children]) {
      if (next?.id === item.id) {
        this.update(next, item);
        next = next.nextElementSibling;
      } else {
        before.insertBefore(item, next);
        window.htmx.process(item); // its links open dialogs
      }
    }
  }

  update(item, latest) {
    for (const part of item.querySelectorAll("[data-part]")) {
      const fresh = latest.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!fresh || fresh.dataset.value === part.dataset.value) continue;
      this.keepFocus(part);
      part.replaceWith(fresh);
    }
  }

  exchange(selector, latest) {
    const [before, after] = [this, latest].map((root) => root.querySelector(selector));
    if (before && after && before.textContent !== after.textContent) before.replaceWith(after);
    else if (before && !after) before.remove();
    else if (after && !before) this.querySelector("[data-list]").after(after);
  }

  keepFocus(leaving) {
    if (leaving.contains(document.activeElement)) document.getElementById("main").focus();
  }
});
