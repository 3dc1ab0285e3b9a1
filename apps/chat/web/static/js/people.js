// Who is online: a column beside the messages, on a narrow page a sheet behind the button in the header.

import { avatar } from "./text.js";

export class People {
  #panel;
  #toggle;
  #count;
  #list;
  #nobody;
  #names = [];

  constructor({ panel, toggle, count, list, nobody }) {
    this.#panel = panel;
    this.#toggle = toggle;
    this.#count = count;
    this.#list = list;
    this.#nobody = nobody;
    toggle.addEventListener("click", () => this.#open(toggle.getAttribute("aria-expanded") !== "true"));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || toggle.getAttribute("aria-expanded") !== "true") return;
      this.#open(false);
      toggle.focus();
    });
    document.addEventListener("click", (event) => {
      if (!panel.contains(event.target) && !toggle.contains(event.target)) this.#open(false);
    });
  }

  get names() {
    return this.#names;
  }

  show(names, own) {
    this.#names = names;
    this.#count.textContent = `${names.length} online`;
    this.#nobody.hidden = names.length > 0;
    this.#list.replaceChildren(...names.map((name) => {
      const item = document.createElement("li");
      const label = document.createElement("span");
      label.className = "name";
      label.textContent = name;
      item.append(avatar(name), label);
      if (name === own) {
        const you = document.createElement("span");
        you.className = "muted";
        you.textContent = "you";
        item.append(you);
      }
      return item;
    }));
  }

  #open(open) {
    this.#toggle.setAttribute("aria-expanded", String(open));
    this.#panel.classList.toggle("open", open);
  }
}
