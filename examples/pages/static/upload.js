// Sends the form in the background, and shows how far it is. Only XMLHttpRequest tells how much has left.

const byId = (id) => document.getElementById(id);
const [form, file, send, cancel, bar, state] = ["form", "file", "send", "cancel", "bar", "state"].map(byId);
let request = null;

const units = ["octets", "kB", "MB", "GB"];
function amount(octets) {
  const unit = Math.min(Math.floor(Math.log10(Math.max(octets, 1)) / 3), units.length - 1);
  return `${(octets / 1000 ** unit).toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

function say(text, className = "") {
  state.className = className;
  state.textContent = text;
}

function show(files) {
  byId("files").replaceChildren(...files.map(({ id, name, size }) => {
    const item = document.createElement("li");
    item.className = "card";
    const link = document.createElement("a");
    link.href = `/files/${id}`;
    link.textContent = name;
    const about = document.createElement("span");
    about.className = "muted";
    about.textContent = `${size} octets`;
    item.append(link, " ", about);
    return item;
  }));
  byId("none").hidden = files.length > 0;
}

function busy(is) {
  send.disabled = is;
  cancel.hidden = !is;
  bar.hidden = !is;
  file.disabled = is;
}

function why(status) {
  if (status === 413) return "That is more than 1 GB.";
  if (status === 422) return "Choose a file first.";
  return `The server would not take it (${status}).`;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (request) return;
  const data = new FormData(form);  // before the field is disabled: it has nothing then
  const begun = performance.now();
  request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.responseType = "json";
  request.upload.onprogress = ({ loaded, total }) => {
    bar.value = (loaded / total) * 100;
    const rate = loaded / Math.max((performance.now() - begun) / 1000, 0.001);
    say(`${Math.floor(bar.value)} %: ${amount(loaded)} of ${amount(total)}, ${amount(rate)} a second`);
  };
  request.onload = () => {
    if (request.status === 201) {
      show(request.response);
      say("Done.", "good");
      form.reset();
    } else {
      say(why(request.status), "error");
    }
  };
  request.onerror = () => say("The connection was lost. Nothing was kept.", "error");
  request.onabort = () => say("Cancelled. Nothing was kept.", "error");
  request.onloadend = () => {
    request = null;
    const hadFocus = document.activeElement === cancel;
    busy(false);
    if (hadFocus) send.focus();
  };
  bar.value = 0;
  busy(true);
  say("Sending…");
  request.send(data);
});

cancel.addEventListener("click", () => request?.abort());
