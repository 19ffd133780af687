// Runs the page's verifier in Node.js: answers each line of JSON from standard input by one.
"use strict";
const [, , script] = process.argv;
require("node:vm").runInThisContext(require("node:fs").readFileSync(script, "utf8"));

const { largesse } = globalThis;
const bytesOf = (text) => new Uint8Array(Buffer.from(text, "base64"));

async function check(bytes, { receipts = [], ...expected }) {
  if (largesse.isReceipt(bytes)) return largesse.checkReceipt(bytes, expected);
  const kept = await Promise.all(receipts.map((one) => largesse.checkReceipt(bytesOf(one))));
  return largesse.verify(bytes, { ...expected, receipts: kept });
}

async function answer({ files = [], rolls = [] }) {
  const reports = [];
  for (const { content, expected } of files) {
    const bytes = bytesOf(content);
    try {
      reports.push(await check(bytes, expected));
    } catch (error) {
      if (!(error instanceof largesse.BrokenProof)) throw error;
      reports.push({ broken: error.message });
    }
  }
  const numbers = [];
  for (const { secret, about, belows } of rolls) {
    const roll = await largesse.roll(new Uint8Array(Buffer.from(secret, "hex")), about);
    const drawn = [];
    for (const below of belows) drawn.push(String(await roll(BigInt(below))));
    numbers.push(drawn);
  }
  return { reports, numbers };
}

(async () => {
  for await (const line of require("node:readline").createInterface({ input: process.stdin }))
    process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
})();
