// Runs one of the shipped scripts many times in one process, each time with one byte changed.
// Standard input: {script, arguments, changes: [[path, place, byte], ...]}; output: [[code, line], ...]
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { script, arguments: given, changes } = JSON.parse(readFileSync(0, "utf8"));
const said = [];
const print = console.log;
console.log = (line) => said.push([process.exitCode ?? 0, line]);
for (const [number, [path, place, byte]] of changes.entries()) {
  const before = readFileSync(path);
  const after = Buffer.from(before);
  after[place] = byte;
  writeFileSync(path, after);
  process.exitCode = undefined;
  process.argv = [process.argv[0], script, ...given];
  await import(`${pathToFileURL(script)}?${number}`); // another address: it runs again
  said.at(-1)[0] = process.exitCode ?? 0;
  writeFileSync(path, before);
}
process.exitCode = 0;
print(JSON.stringify(said));
