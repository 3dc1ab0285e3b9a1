// What the browser remembers. Storage can be full or forbidden: then the page works and forgets.

function read(storage, key) {
  try {
    return JSON.parse(window[storage].getItem(key));
  } catch {
    return null;
  }
}

function write(storage, key, value) {
  try {
    if (value === null) window[storage].removeItem(key);
    else window[storage].setItem(key, JSON.stringify(value));
  } catch {
    // nothing to do: see above
  }
}

/// Of this browser, for all tabs.
export const lasting = {
  get: (key) => read("localStorage", `chat:${key}`),
  set: (key, value) => write("localStorage", `chat:${key}`, value),
};

/// Of this tab; survives a reload.
export const ofTab = {
  get: (key) => read("sessionStorage", `chat:${key}`),
  set: (key, value) => write("sessionStorage", `chat:${key}`, value),
};

/// 128 random bits in hexadecimal. (crypto.randomUUID is missing on plain-HTTP addresses of a local network.)
export function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (octet) => octet.toString(16).padStart(2, "0")).join("");
}

/// Says to the server that two connections are one person: a nickname stays theirs over a reload or an outage, while
/// the server may still believe that the old connection is alive. Never shown to anybody else.
export function ownToken() {
  let token = lasting.get("token");
  if (typeof token !== "string" || !/^[0-9a-f]{32}$/.test(token)) {
    token = randomId();
    lasting.set("token", token);
  }
  return token;
}
