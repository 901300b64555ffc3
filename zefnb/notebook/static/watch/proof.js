// HMAC-SHA-256 (RFC 2104, FIPS 180-4) of short texts. A page that was loaded by plain http from another host, such as
// a hub, has no `crypto.subtle`, so all pages use this implementation.

const SHA_BLOCK = 64;

// The first 32 bits of the fractional parts of roots of the first primes: cube roots for the rounds, square roots to begin.
function fractions(count, root) {
  const found = [];
  for (let n = 2; found.length < count; n++) {
    let prime = true;
    for (let by = 2; by * by <= n; by++) if (n % by === 0) prime = false;
    if (prime) found.push((n ** root % 1) * 2 ** 32 | 0);
  }
  return found;
}

const SHA_ROUNDS = fractions(64, 1 / 3);
const SHA_START = fractions(8, 1 / 2);

function sha256(bytes) {
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / SHA_BLOCK) * SHA_BLOCK);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(padded.length - 4, bytes.length << 3);
  const hash = new Int32Array(SHA_START);
  for (let at = 0; at < padded.length; at += SHA_BLOCK) shaBlock(hash, view, at);
  const digest = new DataView(new ArrayBuffer(32));
  hash.forEach((word, n) => digest.setInt32(4 * n, word));
  return new Uint8Array(digest.buffer);
}

function shaBlock(hash, view, at) {
  const rotate = (x, by) => (x >>> by) | (x << (32 - by));
  const words = new Int32Array(64);
  for (let n = 0; n < 16; n++) words[n] = view.getInt32(at + 4 * n);
  for (let n = 16; n < 64; n++) {
    const [x, y] = [words[n - 15], words[n - 2]];
    const low = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const high = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    words[n] = words[n - 16] + low + words[n - 7] + high;
  }
  let [a, b, c, d, e, f, g, h] = hash;
  for (let n = 0; n < 64; n++) {
    const first = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + SHA_ROUNDS[n] + words[n]) | 0;
    const second = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, n) => (hash[n] += word));
}

function hmacSha256(secret, text) {
  const utf8 = new TextEncoder();
  let key = utf8.encode(secret);
  if (key.length > SHA_BLOCK) key = sha256(key);
  const padded = (fill) => Uint8Array.from({ length: SHA_BLOCK }, (_, n) => (key[n] ?? 0) ^ fill);
  const inner = sha256(Uint8Array.of(...padded(0x36), ...utf8.encode(text)));
  return toHex(sha256(Uint8Array.of(...padded(0x5c), ...inner)));
}

const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const freshNonce = () => toHex(crypto.getRandomValues(new Uint8Array(16)));

// The proof that a side ("view" or "server") has the secret of a token, which is never sent on a socket.
const proofOf = (side, { name, secret }, nonce, own) => hmacSha256(secret, [side, name, nonce, own].join("\n"));
