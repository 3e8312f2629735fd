// Check an exported log with nothing of the program that wrote it: docs/verify.md explains it.
import { createHash, verify } from "node:crypto";
import { openSync, readFileSync, readSync } from "node:fs";
import { inspect, isDeepStrictEqual, TextDecoder } from "node:util";

let here = "usage: node verify.mjs FOLDER [KEY_FILE]"; // what is looked at: named if it is wrong
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const read = (path) => utf8.decode(readFileSync(path));
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const show = (value) => inspect(value, { breakLength: Infinity }).slice(0, 150);
const node = (left, right) => sha256(Buffer.of(1), left, right); // RFC 6962, section 2.1

function same(what, found, due) {
  if (!isDeepStrictEqual(found, due)) throw Error(`${what} is ${show(found)}, not ${show(due)}`);
}

function readRoots(folder, key) { // C2SP signed-note, tlog-checkpoint
  here = "log.vkey";
  const [name, bytes] = [key.split("+")[0], Buffer.from(key.replace(/.*?\+.*?\+/, ""), "base64")];
  const keyId = sha256(Buffer.from(`${name}\n`), bytes).subarray(0, 4);
  same("the key", key, `${name}+${keyId.toString("hex")}+${bytes.toString("base64")}\n`);
  same("the folder's key", read(`${folder}/log.vkey`), key);
  const publicKey = { kty: "OKP", crv: "Ed25519", x: bytes.toString("base64url", 1) };
  here = "anchors";
  const anchors = read(`${folder}/anchors/anchors.jsonl`).split("\n").filter(Boolean);
  const [newest, roots] = [read(`${folder}/checkpoint`), new Map([[0, sha256()]])];
  for (const note of [newest, ...anchors.map((line) => JSON.parse(line).note)]) {
    const [origin, size, root, ...signature] = note.split("\n");
    here = `checkpoint of ${size}`;
    const signed = Buffer.from(signature[1].split(" ").at(-1), "base64").subarray(4);
    const ours = `— ${name} ${Buffer.concat([keyId, signed]).toString("base64")}`;
    same("its signer", [origin, ...signature], [newest.split("\n")[0], "", ours, ""]);
    const text = Buffer.from(`${origin}\n${size}\n${root}\n`);
    same("its signature", verify(null, text, { key: publicKey, format: "jwk" }, signed), true);
    same("its root", root, (roots.get(+size) ?? Buffer.from(root, "base64")).toString("base64"));
    roots.set(+size, Buffer.from(root, "base64"));
  }
  same("the longest log that was signed", `${Math.max(...roots.keys())}`, newest.split("\n")[1]);
  return roots;
}

function* stored(folder, level, size) { // C2SP tlog-tiles
  const count = Math.floor(size / 256 ** (level === "entries" ? 0 : level));
  for (let first = 0; first < count; first += 256) {
    const [number, width] = [`${first / 256}`, Math.min(256, count - first)];
    const padded = number.padStart(Math.ceil(number.length / 3) * 3, "0");
    const path = padded.replace(/\d{3}(?=\d)/g, "x$&/") + (width < 256 ? `.p/${width}` : "");
    let rest = readFileSync(`${folder}/tile/${level}/${path}`);
    for (let place = 0; place < width; place += 1) {
      const [start, end] = level === "entries" ? [2, 2 + rest.readUInt16BE()] : [0, 32];
      same("whether all of it is there", rest.length >= end, true);
      yield rest.subarray(start, end);
      rest = rest.subarray(end);
    }
    same(`the end of tile/${level}/${path}`, rest.length, 0);
  }
}

function check(folder, keyFile = `${folder}/log.vkey`) {
  const key = `${readFileSync(keyFile, "utf8").trim()}\n`;
  const [roots, peaks, heads, line] = [readRoots(folder, key), [], new Map(), Buffer.alloc(65536)];
  const [size, lines] = [Math.max(...roots.keys()), openSync(`${folder}/events.jsonl`)];
  const tiles = [0, 1, 2, 3, 4, 5, 6, "entries"].map((level) => stored(folder, level, size));
  for (let index = 0, good = 0; index < size; index += 1) {
    here = `index ${index}`;
    const body = tiles.at(-1).next().value;
    const found = line.subarray(0, readSync(lines, line, 0, body.length + 1));
    same("its line in events.jsonl", found, Buffer.concat([body, Buffer.from("\n")]));
    const leaf = sha256(Buffer.of(0), body);
    peaks.push(leaf);
    for (let height = 0, rest = index; ; height += 1, rest = (rest - 1) / 2) {
      if (height % 8 === 0) same("its tile", tiles[height / 8].next().value, peaks.at(-1));
      if (rest % 2 === 0) break;
      peaks.push(node(...peaks.splice(-2)));
    }
    const { spec, stream, version, prev } = JSON.parse(utf8.decode(body));
    const due = ["traderbot.event/1", "string", ...(heads.get(stream) ?? [1, "0".repeat(64)])];
    same("spec, stream, version, prev", [spec, typeof stream, version, prev], due);
    heads.set(stream, [version + 1, leaf.toString("hex")]);
    if (!roots.has(index + 1)) continue;
    [here, good] = [`index ${good} or later`, index + 1];
    const root = peaks.reduceRight((right, left) => node(left, right));
    same(`the root of ${good} events`, root, roots.get(good));
  }
  for (const tile of tiles) same("what follows", tile.next().done, true);
  same("what follows in events.jsonl", readSync(lines, line), 0);
  const [root, signer] = [roots.get(size).toString("hex"), key.split("+", 2).join(" (")];
  return `${size} events, ${heads.size} streams, root ${root}, signed by ${signer})`;
}

try {
  console.log(`verified: ${check(...process.argv.slice(2))}`);
} catch (error) {
  console.log(`${here}: ${error.message}`);
  process.exitCode = here.startsWith("usage") ? 2 : 1;
}
