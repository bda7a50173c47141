// Light or dark: as the system has it, unless somebody chooses. The choice stays in this browser.

import {byId} from "./dom.js";

const KEY = "jwt-signer-theme";

function remembered() {
  try {
    return localStorage.getItem(KEY) ?? "auto";
  } catch {
    return "auto"; // storage is switched off
  }
}

function apply(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function startTheme() {
  const select = byId("theme");
  select.value = remembered();
  apply(select.value);
  select.addEventListener("change", () => {
    apply(select.value);
    try {
      localStorage.setItem(KEY, select.value);
    } catch {
      // it holds until the page is left
    }
  });
}
