import { showFailing } from "./failure-badge.js";
import { writeText } from "./local-time.js";

// <live-status src="..."> updates its [data-origin] and [data-failure] elements by server-sent events, or else by polling.
const ASK_AGAIN = 2000; // milliseconds

customElements.define("live-status", class extends HTMLElement {
  connectedCallback() {
    this.state = {};
    // The last event may be older than a new row. A new stream starts with the current state.
    this.rows = new MutationObserver((changes) => {
      const added = changes.flatMap((change) => [...change.addedNodes]);
      if (added.some((node) => node.querySelector?.("[data-origin]"))) this.listen();
    });
    this.rows.observe(this, { childList: true, subtree: true });
    this.listen();
  }

  disconnectedCallback() {
    this.rows.disconnect();
    this.silence();
  }

  silence() {
    this.events?.close();
    clearInterval(this.timer);
  }

  listen() {
    this.silence();
    if (!("EventSource" in window)) return this.poll();
    this.events = new EventSource(`${this.getAttribute("src")}/live`);
    this.events.onmessage = ({ data }) => {
      const { state, failing } = JSON.parse(data);
      showFailing(failing);
      this.take(state);
    };
    this.events.onerror = () => {
      // After an interruption, the browser reconnects.
      if (this.events.readyState === EventSource.CLOSED) this.poll();
      else this.unknown();
    };
  }

  poll() {
    this.ask();
    this.timer = setInterval(() => this.ask(), ASK_AGAIN);
  }

  async ask() {
    try {
      const answer = await fetch(this.getAttribute("src"));
      if (answer.ok && !answer.redirected) this.take(await answer.json());
      else this.unknown();
    } catch {
      this.unknown();
    }
  }

  take(state) {
    this.state = state;
    this.show();
  }

  unknown() {
    for (const origin of Object.keys(this.state.enforcement ?? {})) {
      this.state.enforcement[origin] = { progress: "unknown", text: "Unknown: can't reach the publisher" };
    }
    this.show();
  }

  show() {
    for (const element of this.querySelectorAll("[data-origin]")) {
      const status = this.state.enforcement?.[element.dataset.origin];
      if (!status || element.textContent === status.text) continue;
      element.textContent = status.text;
      element.dataset.progress = status.progress;
    }
    for (const element of this.state.failures ? this.querySelectorAll("[data-failure]") : []) {
      const failure = this.state.failures[element.dataset.failure];
      if (failure && element.hidden) element.closest("details")?.setAttribute("open", "");
      element.hidden = !failure;
      for (const part of failure ? element.querySelectorAll("[data-part]") : []) {
        writeText(part, failure[part.dataset.part]);
      }
      const help = element.querySelector("[data-help]");
      if (help && failure) help.href = failure.help;
      const button = element.querySelector("[data-action]");
      if (!button) continue;
      button.hidden = !failure?.action;
      if (!button.hidden) direct(button, failure);
    }
  }
});

function direct(button, failure) {
  if (button.textContent === failure.action && button.getAttribute("href") === failure.target) return;
  const link = button.cloneNode(); // htmx doesn't notice that attributes change
  link.textContent = failure.action;
  link.href = failure.target;
  const dialog = { "hx-get": failure.target, "hx-target": "#dialog", "hx-swap": "innerHTML", role: "button" };
  for (const [name, value] of Object.entries(dialog)) {
    if (failure.opens_dialog) link.setAttribute(name, value);
    else link.removeAttribute(name);
  }
  const hasFocus = document.activeElement === button;
  button.replaceWith(link);
  window.htmx.process(link);
  if (hasFocus) link.focus();
}
