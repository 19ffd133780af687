// The page at /verify: takes a file, shows what verify.js says of it.
"use strict";

(() => {
  const at = (id) => document.getElementById(id);
  const said = (id) => at(id).value.trim();

  function expected() {
    const customer = said("customer") && said("salt") ? { salt: said("salt"), id: said("customer") } : undefined;
    return { commitments: said("commitments").split(/\s+/).filter(Boolean), publicKey: said("key"), customer };
  }

  function show(text, kind, findings, facts) {
    at("verdict").textContent = text;
    at("verdict").className = kind;
    at("findings").replaceChildren(...findings.map((finding) => element("li", finding)));
    at("facts").replaceChildren(...facts.map(([name, value]) => {
      const row = document.createElement("tr");
      const head = element("th", name);
      head.scope = "row";
      row.append(head, element("td", String(value)));
      return row;
    }));
  }

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  function factsOf(report) {
    const won = Object.entries(report.won).map(([reward, times]) => `${reward || "nothing"} ${times}`);
    const mine = report.mine.map((one) => `draw ${one.n} on ${one.date}: ${one.won?.reward ?? "nothing"}`);
    return [
      ["Campaign", `${report.name} (${report.campaign})`],
      ["Draws", report.draws],
      ["Won", won.join(", ")],
      ["Commitments", report.commitments.join(" ")],
      ["Signed by", report.publicKey],
      ...(mine.length ? [["Your draws", mine.join("; ")]] : []),
      ...(report.withoutCode ? [["Unchecked", `${report.withoutCode} draws passed over a reward without codes`]] : []),
      ...report.unchecked.map((what) => ["Unchecked", what]),
    ];
  }

  function factsOfReceipt({ campaign, name, customerId, draw, commitment, publicKey, unchecked }) {
    return [
      ["Campaign", `${name} (${campaign})`],
      ["Given to", customerId],
      ["Draw", `${draw.n} on ${draw.date}, at ${draw.at}`],
      ["Seed", draw.seed],
      ["Won", draw.won?.reward ?? "nothing"],
      ["Commitment", commitment],
      ["Signed by", publicKey],
      ["Next", "Keep it. Once the draw is over, check its proof together with this receipt."],
      ...unchecked.map((what) => ["Unchecked", what]),
    ];
  }

  const bytesOf = async (file) => new Uint8Array(await file.arrayBuffer());

  /** What is found in a file, and the facts to show of it. */
  async function look(bytes) {
    if (largesse.isReceipt(bytes)) {
      const receipt = await largesse.checkReceipt(bytes, expected());
      return [receipt, factsOfReceipt(receipt)];
    }
    const kept = await Promise.all([...at("receipts").files].map(bytesOf));
    const receipts = await Promise.all(kept.map((one) => largesse.checkReceipt(one)));
    const progress = (done) => { at("progress").value = done; };
    const report = await largesse.verify(bytes, { ...expected(), receipts }, progress);
    return [report, factsOf(report)];
  }

  async function check(event) {
    event.preventDefault();
    const [file] = at("file").files;
    at("go").disabled = true;
    at("progress").hidden = false;
    show("", "", [], []);
    try {
      const [found, facts] = await look(await bytesOf(file));
      const verdict = found.holds ? "It holds." : "It does not hold.";
      show(verdict, found.holds ? "holds" : "fails", found.findings, facts);
    } catch (error) {
      show("This is nothing that can be checked.", "fails", [error.message], []);
    } finally {
      at("go").disabled = false;
      at("progress").hidden = true;
    }
  }

  if (!largesse.hasCrypto) show("Open this page over https or from this machine: only then browsers can check.", "fails", [], []);
  at("form").addEventListener("submit", check);
})();
