// Values as people read them.

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

function tripText(ms) {
  if (ms === null) return "–";
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
}

const two = (value) => String(value).padStart(2, "0");

function clockText(seconds) {
  const moment = new Date(seconds * 1000);
  return `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;
}

const momentText = (seconds) => new Date(seconds * 1000).toLocaleString();

const plural = (count, noun) => `${numberText(count)} ${noun}${count === 1 ? "" : "s"}`;

// A topic without a name is known by its uid, of which the beginning is enough to see.
const topicText = (name) => (name.startsWith("🍃-") ? `${name.slice(0, 11)}…` : name);

const isSurelyJson = (text) => /^\s*[[{]/.test(text);

function asJson(text) {
  if (!isSurelyJson(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
const hexOf = (byte) => byte.toString(16).padStart(2, "0");
const seenAs = (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·");

// Offset, sixteen bytes, and the characters that they would be.
function hexView(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const part = [...bytes.subarray(at, at + 16)];
    const hex = part.map(hexOf).join(" ").padEnd(47);
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex}  ${part.map(seenAs).join("")}`);
  }
  return lines.join("\n");
}
