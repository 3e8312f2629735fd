// Check that events are in a log, with nothing of its program: docs/verify.md explains it.
import { createHash, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { inspect, isDeepStrictEqual, TextDecoder } from "node:util";

let here = "usage: node verify_proof.mjs PROOF KEY_FILE"; // what is looked at: named if it is wrong
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const show = (value) => inspect(value, { breakLength: Infinity }).slice(0, 150);
const node = (left, right) => sha256(Buffer.of(1), left, right); // RFC 6962, section 2.1

function same(what, found, due) {
  if (!isDeepStrictEqual(found, due)) throw Error(`${what} is ${show(found)}, not ${show(due)}`);
}

function readNote(note, key) { // C2SP signed-note, tlog-checkpoint
  here = "key";
  const [name, bytes] = [key.split("+")[0], Buffer.from(key.replace(/.*?\+.*?\+/, ""), "base64")];
  const keyId = sha256(Buffer.from(`${name}\n`), bytes).subarray(0, 4);
  same("the key", key, `${name}+${keyId.toString("hex")}+${bytes.toString("base64")}`);
  const publicKey = { kty: "OKP", crv: "Ed25519", x: bytes.toString("base64url", 1) };
  here = "checkpoint";
  const [origin, size, root, ...signature] = note.split("\n");
  const signed = Buffer.from(signature[1].split(" ").at(-1), "base64").subarray(4);
  const ours = `— ${name} ${Buffer.concat([keyId, signed]).toString("base64")}`;
  same("its signer", signature, ["", ours, ""]);
  const text = Buffer.from(`${origin}\n${size}\n${root}\n`);
  same("its signature", verify(null, text, { key: publicKey, format: "jwk" }, signed), true);
  return [Number(size), Buffer.from(root, "base64")];
}

function climb(leaf, index, size, path) { // RFC 6962, section 2.1.1
  if (size === 1) {
    same("what is left of the path", path, []);
    return leaf;
  }
  let half = 1;
  while (half * 2 < size) half *= 2;
  const sibling = path.pop(); // the last is next to the root
  if (index < half) return node(climb(leaf, index, half, path), sibling);
  return node(sibling, climb(leaf, index - half, size - half, path));
}

function check(proofFile, keyFile) {
  const [key, content] = [readFileSync(keyFile, "utf8").trim(), readFileSync(proofFile)];
  here = "proof";
  const [events, proof, ...note] = utf8.decode(content).split("\n\n");
  const [size, root] = readNote(note.join("\n\n"), key);
  const bodies = events.split("\n");
  const first = JSON.parse(bodies[0]);
  let [version, prev, leaf] = [first.version, first.prev];
  for (const [place, body] of bodies.entries()) {
    here = `event ${place + 1}`;
    const event = JSON.parse(body);
    const found = [event.spec, event.stream, event.version, event.prev];
    same("spec, stream, version, prev", found, ["traderbot.event/1", first.stream, version, prev]);
    leaf = sha256(Buffer.of(0), Buffer.from(body));
    [version, prev] = [version + 1, leaf.toString("hex")];
  }
  const before = first.version === 1 ? first.prev : "0".repeat(64);
  same("what comes before the first event", before, "0".repeat(64));
  here = "proof";
  const [magic, place, ...siblings] = proof.split("\n");
  const [index, path] = [Number(place.slice(6)), siblings.map((it) => Buffer.from(it, "base64"))];
  const form = ["c2sp.org/tlog-proof@v1", `index ${index}`];
  for (const sibling of path) form.push(sibling.toString("base64"));
  same("its form", [magic, place, ...siblings], form);
  same("the index", index, Math.min(Math.max(index, 0), size - 1));
  same("the root", climb(leaf, index, size, path), root);
  const told = `${first.stream} versions ${first.version} to ${version - 1}`;
  const [where, [name, id]] = [`the last at index ${index} of ${size} events`, key.split("+")];
  return `${told}, ${where}, root ${root.toString("hex")}, signed by ${name} (${id})`;
}

try {
  console.log(`verified: ${check(...process.argv.slice(2))}`);
} catch (error) {
  console.log(`${here}: ${error.message}`);
  process.exitCode = here.startsWith("usage") ? 2 : 1;
}
