// Formats: the texts of values.

const numbers = new Intl.NumberFormat("en-US");
const numberText = (value) => numbers.format(value);

function rateText(rate) {
  if (!rate) return "0";
  return rate < 10 ? rate.toFixed(1) : numberText(Math.round(rate));
}

function sizeText(size) {
  if (size < 1024) return `${size} B`;
  if (size < 1 << 20) return `${(size / 1024).toFixed(1)} KiB`;
  return `${(size / (1 << 20)).toFixed(1)} MiB`;
}

function durationText(seconds) {
  if (seconds >= 1) return `${seconds.toFixed(2)} s`;
  const ms = seconds * 1000;
  return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
}

const two = (value) => String(value).padStart(2, "0");

function clockText(seconds) {
  const moment = new Date(seconds * 1000);
  return `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;
}

// The same format as in a terminal; it does not depend on the browser's language.
function momentText(seconds) {
  const moment = new Date(seconds * 1000);
  return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())} ${clockText(seconds)}`;
}

const SEPARATOR = "  ·  ";
const DAY = 86400;
const timeText = (seconds) => (Math.abs(Date.now() / 1000 - seconds) < DAY ? clockText(seconds) : momentText(seconds).slice(5, 16));

const plural = (count, noun) => `${numberText(count)} ${noun}${count === 1 ? "" : "s"}`;

// The beginning of a uid without its leaf, which not every font has. A name stays as it is.
const uidText = (uid) => (uid.startsWith("🍃-") ? `${uid.slice(3, 11)}…` : uid);

// The formats by name, as the columns name them (`columns.py` has the same for terminals). They never get null.
const plain = (value) => String(value);
const text = (value) => value || "–";
const READINGS = {
  text, code: text, value: text, list: text, user: text, uid: uidText, id: plain,
  flag: (value) => (value ? "yes" : "no"),
  interval: (value) => (typeof value === "string" ? value : durationText(value)),
  port: (port) => `:${port}`,
  number: numberText, size: sizeText, duration: durationText, time: timeText,
};
const readAs = (reads, value) => (value === null ? "–" : READINGS[reads](value));
const titled = (title) => title.charAt(0).toUpperCase() + title.slice(1);

const looksLikeJson = (text) => /^\s*[[{]/.test(text);

function asJson(text) {
  if (!looksLikeJson(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
const hexOf = (byte) => byte.toString(16).padStart(2, "0");
const characterOf = (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·");

// Lines of an offset, sixteen bytes, and these bytes as ASCII characters.
function hexView(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const part = [...bytes.subarray(at, at + 16)];
    const hex = part.map(hexOf).join(" ").padEnd(47);
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex}  ${part.map(characterOf).join("")}`);
  }
  return lines.join("\n");
}
