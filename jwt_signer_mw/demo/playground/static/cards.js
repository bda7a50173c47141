// The cards of the tokens: what is sent, in which header, how it was made, and what is in it.

import {ask} from "./ask.js";
import {byId, element} from "./dom.js";

const TITLES = {access_token: "Access token", channel_token: "Channel token"};
const pretty = (value) => JSON.stringify(value, null, 2);

// What a JWT says, unverified; null for anything else.
function peek(token) {
  try {
    const parts = token
      .split(".")
      .slice(0, 2)
      .map((part) => {
        const bytes = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
        return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (one) => one.charCodeAt(0))));
      });
    return parts.length === 2 ? {header: parts[0], claims: parts[1]} : null;
  } catch {
    return null;
  }
}

export class Card {
  // `act` runs what a button does, and shows what is wrong if something is.
  constructor(given, stage, act) {
    this.slot = given.slot;
    this.id = (name) => `${given.slot}-${name}`;
    this.act = act;
    this.stale = false; // the claims were edited: the token has to be made anew
    this.headerEdited = false;
    this.node = this.build(given, stage);
    this.show(given);
  }

  build(given, stage) {
    const id = this.id;
    const kinds = [...stage.kinds, {name: "raw", title: "as it stands in the field"}];
    this.sent = element("input", {type: "checkbox", id: id("sent"), checked: true});
    this.carrier = element("input", {
      id: id("carrier"),
      class: "code",
      value: given.carrier,
      spellcheck: "false",
      autocomplete: "off",
    });
    this.kind = element(
      "select",
      {id: id("kind"), onchange: () => this.remake()},
      kinds.map(({name, title}) => element("option", {value: name}, title)),
    );
    this.provider = element(
      "select",
      {id: id("provider"), onchange: () => this.remake()},
      stage.providers.map(({name}) => element("option", {value: name}, name)),
    );
    this.provider.value = given.provider;
    this.token = element("textarea", {
      id: id("token"),
      class: "code token",
      rows: 3,
      spellcheck: "false",
      oninput: () => this.pasted(),
    });
    this.claims = element("textarea", {
      id: id("claims"),
      class: "code",
      rows: 9,
      spellcheck: "false",
      oninput: () => this.edited(),
      "aria-describedby": id("fault"),
    });
    this.header = element("textarea", {
      id: id("header"),
      class: "code",
      rows: 5,
      spellcheck: "false",
      oninput: () => this.edited(true),
      "aria-describedby": id("fault"),
    });
    this.fault = element("p", {id: id("fault"), class: "problem", role: "alert"});
    const field = (name, text, input) =>
      element("div", {class: "field"}, element("label", {for: id(name)}, text), input);
    const button = (text, title, task) =>
      element("button", {type: "button", title, onclick: () => this.act(task)}, text);
    return element(
      "fieldset",
      {class: "card token-card"},
      element("legend", {}, TITLES[given.slot]),
      element("label", {class: "check"}, this.sent, "is sent"),
      element(
        "div",
        {class: "pair"},
        field("carrier", "Header", this.carrier),
        field("provider", "Provider", this.provider),
      ),
      field("kind", "How it is made", this.kind),
      element(
        "div",
        {class: "buttons", role: "group", "aria-label": `${TITLES[given.slot]}: change it`},
        button("New", "Make a new one with the claims below", () => this.fresh()),
        button("Expire", "Let it end a second ago", () => this.change("expire")),
        button("Forge", "Change it, and keep the signature it had", () => this.change("tamper")),
        button("Revoke", "Tell the provider that it is no longer good", () => this.revoke()),
      ),
      field("claims", "Claims", this.claims),
      element(
        "details",
        {},
        element("summary", {}, "Token and header"),
        field("token", "Token, to paste another", this.token),
        field("header", "Header of the JWT", this.header),
      ),
      this.fault,
    );
  }

  show({token, kind, header, claims}) {
    this.token.value = token;
    this.kind.value = kind;
    this.claims.value = pretty(claims);
    this.claims.rows = Math.min(18, this.claims.value.split("\n").length);
    this.header.value = Object.keys(header).length ? pretty(header) : "";
    this.stale = this.headerEdited = false;
    this.complain("");
  }

  complain(text) {
    this.fault.textContent = text;
    for (const area of [this.claims, this.header]) area.setAttribute("aria-invalid", String(Boolean(text)));
  }

  edited(header = false) {
    this.stale = true;
    this.headerEdited ||= header;
    if (this.kind.value === "raw") this.kind.value = "jwt";
  }

  pasted() {
    this.kind.value = "raw";
    this.stale = false;
    const {header, claims} = peek(this.token.value.trim()) ?? {header: {}, claims: {}};
    this.claims.value = pretty(claims);
    this.header.value = pretty(header);
  }

  read(area, what) {
    try {
      return JSON.parse(area.value || "{}");
    } catch {
      area.focus();
      throw new Error(`The ${what} are not valid JSON.`);
    }
  }

  about() {
    const header = this.headerEdited ? this.read(this.header, "members of the header") : null;
    return {
      provider: this.provider.value,
      kind: this.kind.value,
      claims: this.read(this.claims, "claims"),
      header,
      token: this.token.value.trim(),
    };
  }

  async make() {
    this.complain("");
    try {
      this.show(await ask("token", {do: "make", ...this.about()}));
    } catch (problem) {
      this.complain(problem.message);
      throw problem;
    }
  }

  // The kind or the provider changed; `iss` follows the provider.
  remake() {
    if (this.kind.value === "raw") return;
    this.headerEdited = false;
    this.act(
      async () => {
        const claims = this.read(this.claims, "claims");
        const origin = this.origins[this.provider.value];
        if (Object.values(this.origins).includes(claims.iss))
          this.claims.value = pretty({...claims, iss: origin});
        await this.make();
      },
      {quiet: true},
    );
  }

  // The same claims, from now on.
  async fresh() {
    const claims = this.read(this.claims, "claims");
    const now = Math.floor(Date.now() / 1000);
    const jti = Array.from(crypto.getRandomValues(new Uint8Array(4)), (one) =>
      one.toString(16).padStart(2, "0"),
    ).join("");
    this.claims.value = pretty({...claims, iat: now, exp: now + 300, jti});
    if (this.kind.value === "raw") this.kind.value = "jwt";
    this.headerEdited = false;
    await this.make();
  }

  async change(what) {
    if (this.stale) await this.make();
    this.show(await ask("token", {do: what, ...this.about(), header: null}));
  }

  async revoke() {
    if (this.stale) await this.make();
    const {said} = await ask("token", {do: "revoke", ...this.about(), header: null});
    return said;
  }

  async ready() {
    if (this.stale) await this.make();
    if (!this.sent.checked) return [];
    const [name, ...rest] = this.carrier.value.split(":");
    const scheme = rest.join(":").trim();
    return [[name.trim(), `${scheme} ${this.token.value.trim()}`.trim()]];
  }

  state() {
    let claims = {};
    try {
      claims = JSON.parse(this.claims.value || "{}");
    } catch {
      // a link says what can be read
    }
    return {slot: this.slot, kind: this.kind.value, claims, token: this.token.value.trim()};
  }
}

export function showCards(given, stage, act) {
  const cards = given.map((one) => new Card(one, stage, act));
  for (const card of cards)
    card.origins = Object.fromEntries(stage.providers.map(({name, origin}) => [name, origin]));
  byId("cards").replaceChildren(...cards.map((card) => card.node));
  return cards;
}
