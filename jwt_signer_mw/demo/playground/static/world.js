// The providers and our own keys: what operators do, and what happens to them.

import {ask} from "./ask.js";
import {byId, element} from "./dom.js";

export class World {
  constructor(stage, policy, act) {
    this.policy = policy;
    this.act = act;
    this.show(stage);
  }

  show({providers}) {
    const button = (text, title, task, key) =>
      element("button", {type: "button", title, "data-key": key, onclick: () => this.act(task)}, text);
    const rows = providers.map(({name, origin, down, kid}) =>
      element(
        "div",
        {class: "row", role: "group", "aria-label": `Provider ${name}`},
        element(
          "p",
          {},
          element("b", {}, name),
          element("span", {class: down ? "state down" : "state up"}, down ? "down" : "up"),
          element("span", {class: "note code"}, `${origin.replace("http://", "")} · kid ${kid}`),
        ),
        element(
          "div",
          {class: "buttons"},
          button(
            "Rotate keys",
            "Take a new key and withdraw the old one",
            () => this.provider(name, "rotate"),
            `${name}-rotate`,
          ),
          button(
            down ? "Bring up" : "Take down",
            "Answer 503 for keys and introspection",
            () => this.provider(name, down ? "start" : "stop"),
            `${name}-power`,
          ),
        ),
      ),
    );
    const ours = element(
      "div",
      {class: "row", role: "group", "aria-label": "Gateway"},
      element(
        "p",
        {},
        element("b", {}, "gateway"),
        element("span", {class: "note"}, "its own keys, and what it remembers"),
      ),
      element(
        "div",
        {class: "buttons"},
        button(
          "Rotate our keys",
          "As POST /jwt-signer/jwks/<name>/rotate does",
          () => this.gateway("rotate"),
          "rotate",
        ),
        button("Purge", "Forget what was decided and answered", () => this.gateway("forget"), "forget"),
      ),
    );
    byId("world").replaceChildren(...rows, ours);
  }

  async provider(name, what) {
    const focused = document.activeElement?.dataset?.key;
    const answer = await ask("provider", {provider: name, do: what});
    this.show(answer);
    if (focused) document.querySelector(`[data-key="${focused}"]`)?.focus();
    return answer.said;
  }

  async gateway(what) {
    return (await ask("gateway", {do: what, settings: this.policy.text})).said;
  }
}
