// The settings: a text, all that is wrong with it, and a way to add an option that one does not know by heart.

import {ask} from "./ask.js";
import {byId, element, prose, say} from "./dom.js";

const AFTER = 350; // milliseconds without a key before the text is looked at

export class Policy {
  constructor(stage) {
    this.area = byId("settings");
    this.options = Object.fromEntries(stage.options.map((option) => [option.name, option]));
    this.timer = 0;
    this.asked = 0;
    byId("options").replaceChildren(
      ...stage.options.map(({name, help}) => element("option", {value: name}, help)),
    );
    this.area.addEventListener("input", () => this.soon());
    byId("option").addEventListener("input", () => this.help());
    byId("option").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // it would send the request
      this.add(byId("option").value.trim());
    });
    byId("add").addEventListener("click", () => this.add(byId("option").value.trim()));
  }

  get text() {
    return this.area.value;
  }

  set text(value) {
    this.area.value = value;
    this.area.rows = Math.min(
      16,
      Math.ceil(value.split("\n").reduce((rows, line) => rows + 1 + Math.floor(line.length / 44), 1)),
    );
    this.soon(0);
  }

  soon(after = AFTER) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), after);
  }

  async check() {
    const turn = ++this.asked;
    let problems;
    try {
      problems = (await ask("check", {settings: this.text})).problems;
    } catch (refused) {
      problems = refused.problems ?? [];
    }
    if (turn === this.asked) this.show(problems);
  }

  show(problems) {
    const isBad = problems.some(({level}) => level === "error");
    this.area.setAttribute("aria-invalid", String(isBad));
    byId("problems").replaceChildren(
      ...alike(problems).map(({level, id, text, hint, options}) =>
        element(
          "li",
          {class: level},
          element(
            "p",
            {},
            element("b", {}, level),
            options.flatMap((option) => [element("code", {}, option), " "]),
            prose(text),
          ),
          element("p", {class: "note"}, prose(hint), element("code", {class: "id"}, id)),
        ),
      ),
    );
  }

  help() {
    byId("option-help").textContent = this.options[byId("option").value.trim()]?.help ?? "";
  }

  // Adds the option where it is not yet, and selects its value.
  add(name) {
    const option = this.options[name];
    if (!option) {
      say(name ? `${name} can't be set here.` : "Type the name of a setting first.");
      byId("option").focus();
      return;
    }
    const isJson = this.text.trimStart().startsWith("{");
    if (!isJson && !this.find(name)) this.text = `${this.text.trimEnd()}\n${option.line}\n`.trimStart();
    this.area.focus();
    const [from, to] = this.find(name) ?? [0, 0];
    this.area.setSelectionRange(from, to);
    byId("option").value = byId("option-help").textContent = "";
  }

  // Where the value of an option stands in the text.
  find(name) {
    const found = new RegExp(`(^|[\\s{,])("?)${name}\\2\\s*[=:]\\s*(.*?)(?=,?\\s*$)`, "m").exec(this.text);
    return found && [found.index + found[0].length - found[3].length, found.index + found[0].length];
  }
}

// The same of several options, told once.
function alike(problems) {
  const groups = new Map();
  for (const {option, ...rest} of problems) {
    const key = JSON.stringify(rest);
    if (!groups.has(key)) groups.set(key, {...rest, options: []});
    if (option) groups.get(key).options.push(option);
  }
  return [...groups.values()];
}
