// Re-checks the proof of a draw, offline: a second implementation of what
// src/largesse/draws/verification does, made from the rules alone. It runs in browsers and in
// Node.js, needs nothing but WebCrypto, and asks nobody: see verify-page.js for the page.
//
//   const report = await largesse.verify(bytes, {publicKey, commitments, customer: {salt, id}, receipts})
//   const receipt = await largesse.checkReceipt(bytes, {publicKey, commitments, customer})
"use strict";

(() => {
  const FORMAT = "largesse-proof/1";
  const RECEIPT_FORMAT = "largesse-receipt/1";
  const WHOLE = 1_000_000n;
  const FINDINGS_MAX = 20;
  const AT_ONCE = 500; // draws whose numbers are worked out side by side
  const SPAN = 1n << 64n;

  const utf8 = new TextEncoder();
  const subtle = globalThis.crypto?.subtle;

  /** This cannot be read on; the message says where it stops making sense. */
  class BrokenProof extends Error {}

  const hex = (buffer) =>
    Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  /** Only as Base64 says it: its last character may have bits that nobody reads. */
  const unbase64 = (text) => {
    const content = atob(text);
    if (btoa(content) !== text) throw new Error("this is not how Base64 says it");
    return Uint8Array.from(content, (character) => character.charCodeAt(0));
  };
  const sha256 = async (content) =>
    hex(await subtle.digest("SHA-256", typeof content === "string" ? utf8.encode(content) : content));

  /** The numbers of one draw: `about` is `campaign|version|n|seed`; `below` and result are BigInt. */
  async function roll(secret, about) {
    const key = secret instanceof Uint8Array ? await importKey(secret) : secret;
    let attempt = -1;
    return async (below) => {
      const unfair = SPAN - (SPAN % below);
      for (;;) {
        attempt += 1;
        const message = utf8.encode(`largesse-draw/1|${about}|${attempt}`);
        const drawn = new DataView(await subtle.sign("HMAC", key, message)).getBigUint64(0);
        if (drawn < unfair) return drawn % below;
      }
    };
  }

  const importKey = (secret) =>
    subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);

  /** The lines of a file with their numbers; each must have an end. */
  function* linesOf(bytes) {
    const text = new TextDecoder("utf-8", { fatal: true });
    let number = 0;
    for (let start = 0; start < bytes.length; ) {
      number += 1;
      const end = bytes.indexOf(10, start);
      if (end < 0) throw new BrokenProof(`line ${number} has no end: cut off, or no proof`);
      let said;
      try {
        said = JSON.parse(text.decode(bytes.subarray(start, end)));
      } catch (error) {
        throw new BrokenProof(`line ${number} is no JSON: ${error.message}`);
      }
      if (said === null || typeof said !== "object" || Array.isArray(said))
        throw new BrokenProof(`line ${number} is no JSON object`);
      yield { number, start, said };
      start = end + 1;
    }
  }

  /** What a line must have; a proof that lacks something is broken. */
  function need(line, object, name, kind) {
    const value = object?.[name];
    if (kind === "array" ? !Array.isArray(value) : typeof value !== kind)
      throw new BrokenProof(`line ${line} does not say what its kind of line says: ${name}`);
    return value;
  }

  class Checker {
    constructor(expected) {
      this.expected = expected;
      this.line = 1;
      this.drawn = 0;
      this.version = 0;
      this.stock = new Map();
      this.holders = new Map();
      this.periods = new Map();
      this.units = new Map();
      this.returned = new Set();
      this.days = new Map();
      this.leaves = [];
      this.entrants = [];
      this.closed = false;
      this.picks = [];
      this.told = [];
      this.receipts = expected.receipts ?? [];
      this.numbers = new Set(this.receipts.map((one) => one.draw.n));
      this.seen = new Map();
      this.report = {
        campaign: "", name: "", publicKey: "", draws: 0, won: {}, commitments: [],
        withoutCode: 0, mine: [], findings: [], unchecked: [],
      };
    }

    find(what) {
      if (this.report.findings.length < FINDINGS_MAX)
        this.report.findings.push(`line ${this.line}: ${what}`);
    }

    async open(head) {
      if (head.format !== FORMAT) throw new BrokenProof(`this is no proof of the form ${FORMAT}`);
      const { report } = this;
      this.head = head;
      report.campaign = need(1, head, "campaign", "string");
      report.name = need(1, head, "name", "string");
      report.publicKey = need(1, head, "public_key", "string");
      const { customer } = this.expected;
      this.wanted = customer
        ? await sha256(`largesse-customer/1|${customer.salt}|${customer.id}`) : undefined;
      this.versions = new Map();
      for (const said of need(1, head, "versions", "array")) {
        const version = need(1, said, "version", "number");
        const secret = need(1, said, "secret", "string");
        const text = need(1, said, "terms", "string");
        report.commitments.push(need(1, said, "commitment", "string"));
        if (await sha256(`largesse-commitment/1|${secret}|${text}`) !== said.commitment)
          this.find(`version ${version} is not what its commitment says`);
        let terms;
        try {
          terms = JSON.parse(text);
        } catch {
          throw new BrokenProof("line 1: terms are no JSON");
        }
        if (terms.campaign !== report.campaign || terms.version !== version)
          this.find(`the terms of version ${version} are of another campaign or version`);
        const weights = need(1, terms, "rewards", "array").map((one) => one.weight_ppm ?? 0);
        if (weights.reduce((sum, weight) => sum + weight, 0) > Number(WHOLE))
          this.find(`the weights of version ${version} are more than one whole`);
        if (this.versions.has(version)) this.find(`version ${version} is told twice`);
        const key = await importKey(await bound(unhex(secret), terms.beacon));
        this.versions.set(version, { key, terms, secret, commitment: said.commitment });
      }
      this.checkBound();
    }

    /** A raffle has one secret, and what is bound to a beacon has one set of terms, too. */
    checkBound() {
      const kept = new Set();
      for (const { terms, secret } of this.versions.values()) {
        const { beacon } = terms;
        const same = { ...terms, version: 0, beacon: beacon && { ...beacon, value: null } };
        if (terms.type === "DRAW" && beacon === null) kept.add("each has its own");
        else kept.add(`${secret} ${beacon ? JSON.stringify(same) : ""}`);
      }
      if (kept.size > 1) this.find("secret or terms were changed that had been bound");
    }

    /** A raffle's entries are in: the root over them, then who must win by it. */
    async close(said) {
      const { key, terms } = this.versions.get(Math.max(...this.versions.keys()));
      const root = await merkleRoot(this.leaves);
      this.closed = true;
      if (terms.type !== "RAFFLE" || said.root !== root || said.entries !== this.drawn)
        this.find(`${said.entries} entries with the root ${said.root} were not there`);
      if (terms.beacon !== null && terms.beacon.value === null) return;
      const number = await roll(key, `${terms.campaign}|${terms.version}|raffle|${root}`);
      const prizes = terms.rewards.flatMap((one) => Array(one.quota_total).fill(one.key));
      this.picks = await picked(this.entrants, prizes, number);
    }

    checkPicks() {
      const isRaffle = [...this.versions.values()].some(({ terms }) => terms.type === "RAFFLE");
      if (isRaffle && !this.closed)
        this.find("it does not tell with which entries the raffle closed");
      const { picks } = this;
      for (const { entry, wins } of this.told) {
        this.report.won[wins] = (this.report.won[wins] ?? 0) + 1;
        if (this.wanted !== undefined && this.entrants[entry - 1] === this.wanted)
          this.report.mine.push({ entry, won: { reward: wins } });
      }
      for (let at = 0; at < Math.max(picks.length, this.told.length); at += 1) {
        const [pick, told] = [picks[at], this.told[at]];
        if (pick?.entry === told?.entry && pick?.wins === told?.wins) continue;
        const wanted = pick ? `entry ${pick.entry}` : "nobody";
        this.find(`pick ${at + 1} falls on ${wanted}, and another is told`);
        return;
      }
    }

    /** First and second number of a draw, ahead of its turn: those do not depend on the stock. */
    async dice(said) {
      const version = this.versions.get(said.version);
      if (version === undefined) return undefined;
      const { campaign, version: number } = version.terms;
      const number_ = await roll(version.key, `${campaign}|${number}|${said.n}|${said.seed}`);
      return { first: await number_(WHOLE), next: number_ };
    }

    takeBack(unit) {
      const place = `${unit.reward} ${unit.serial}`;
      const owner = this.units.get(place);
      if (owner === undefined || this.returned.has(place)) {
        this.find(`unit ${unit.serial} of ${unit.reward} comes back that nobody has`);
        return;
      }
      this.returned.add(place);
      count(this.holders.get(owner.customer).returned, unit.reward);
      const stock = this.stock.get(unit.reward);
      stock.issued -= 1;
      if (stock.day === owner.day) stock.issuedDay -= 1;
    }

    async draw(said, dice) {
      const n = need(this.line, said, "n", "number");
      const customer = need(this.line, said, "customer", "string");
      const day = need(this.line, said, "date", "string");
      need(this.line, said, "seed", "string");
      if (n !== this.drawn + 1)
        this.find(`draw ${n} follows draw ${this.drawn}: a gap, or one too many`);
      this.drawn = n;
      if (said.version < this.version) this.find(`draw ${n} goes back to version ${said.version}`);
      this.version = said.version;
      const version = this.versions.get(said.version);
      if (version === undefined) {
        this.find(`draw ${n} is of version ${said.version}, which is not told`);
        return;
      }
      this.checkMoment(said, version.terms);
      this.checkTurn(said, version.terms);
      if (version.terms.type === "RAFFLE") {
        this.leaves.push(utf8.encode(`${n}|${said.at}|${customer}|${said.seed}`));
        this.entrants.push(customer);
      }
      const wins = await this.wins(said, version.terms, dice);
      const won = said.won === null ? null : need(this.line, said.won, "reward", "string");
      if (won !== wins) this.find(`draw ${n} wins ${wins ?? "nothing"}, and ${won ?? "nothing"} is told`);
      if (won !== null) this.give(won, need(this.line, said.won, "serial", "number"), customer, day);
      this.report.won[won ?? ""] = (this.report.won[won ?? ""] ?? 0) + 1;
      if (this.numbers.has(n)) this.seen.set(n, said);
      if (customer === this.wanted) this.report.mine.push(said);
    }

    /** Each draw is in the proof as its receipt says, made under the terms that it names. */
    checkReceipts(head) {
      for (const receipt of this.receipts) {
        const { n } = receipt.draw;
        const seen = this.seen.get(n);
        for (const finding of receipt.findings) this.find(`the receipt of draw ${n}: ${finding}`);
        if (receipt.campaign !== head.campaign || receipt.publicKey !== head.public_key)
          this.find(`the receipt of draw ${n} is of another campaign or server`);
        else if (seen === undefined) this.find(`draw ${n} is missing, for which there is a receipt`);
        else if (!isSame(seen, receipt.draw)) this.find(`draw ${n} is not as its receipt says`);
        if (this.versions.get(receipt.draw.version)?.commitment !== receipt.commitment)
          this.find(`the terms of draw ${n} are not those that its receipt names`);
      }
    }

    checkMoment(said, terms) {
      const at = need(this.line, said, "at", "string");
      if (at < terms.starts_at || (terms.ends_at !== null && at >= terms.ends_at))
        this.find(`draw ${said.n} at ${at} is outside the campaign's window`);
      const moment = new Date(at);
      if (Number.isNaN(moment.getTime()) || moment.toISOString() !== at) {
        this.find(`draw ${said.n} has no moment`);
        return;
      }
      // Zones move by whole minutes: what was worked out for a minute holds for all of it.
      const minute = at.slice(0, 16);
      if (!this.days.has(minute)) {
        if (this.days.size > 10_000) this.days.clear();
        this.days.set(minute, localDate(moment, terms.time_zone));
      }
      if (this.days.get(minute) !== said.date)
        this.find(`draw ${said.n} at ${at} was not made on ${said.date}`);
    }

    checkTurn(said, terms) {
      const period = terms.draws_per.period === "DAY" ? said.date : "";
      if (count(this.periods, `${said.customer} ${period}`) > terms.draws_per.n)
        this.find(`draw ${said.n} is one more than its customer had`);
      const holder = this.holders.get(said.customer);
      if (terms.per_customer_max === null || holder === undefined) return;
      let held = 0;
      for (const reward of holder.given.keys()) held += heldOf(holder, reward, terms);
      if (held >= terms.per_customer_max)
        this.find(`draw ${said.n}: its customer had all that he may have`);
    }

    async wins(said, terms, dice) {
      const codeless = said.without_code ?? [];
      if (codeless.length > 0) this.report.withoutCode += 1;
      const { rewards } = terms;
      const weights = rewards.map((reward) => BigInt(reward.weight_ppm ?? 0));
      if (terms.beacon !== null && terms.beacon.value === null) {
        if (weights.some((weight) => weight > 0n))
          this.find(`draw ${said.n} was made before the round that it is bound to`);
        return null;
      }
      const at = landed(weights, dice.first);
      if (at === null) return null;
      const there = rewards.map(
        (reward) => !codeless.includes(reward.key) && this.isThere(reward, said, terms));
      if (there[at]) return rewards[at].key;
      if (terms.on_exhausted === "REDISTRIBUTE") {
        const left = weights.map((weight, index) => (there[index] ? weight : 0n));
        const whole = left.reduce((sum, weight) => sum + weight, 0n);
        return whole > 0n ? rewards[landed(left, await dice.next(whole))].key : null;
      }
      if (terms.on_exhausted === "FALLBACK") {
        const fallback = rewards.findIndex((reward) => reward.key === terms.fallback_reward);
        return there[fallback] ? rewards[fallback].key : null;
      }
      return null;
    }

    isThere(reward, said, terms) {
      const stock = this.stock.get(reward.key);
      const issued = stock?.issued ?? 0;
      const today = stock?.day === said.date ? stock.issuedDay : 0;
      if (reward.quota_total !== null && issued >= reward.quota_total) return false;
      if (reward.quota_daily !== null && today >= reward.quota_daily) return false;
      const holder = this.holders.get(said.customer);
      if (reward.per_customer_max === null || holder === undefined) return true;
      return heldOf(holder, reward.key, terms) < reward.per_customer_max;
    }

    give(reward, serial, customer, day) {
      if (!this.stock.has(reward))
        this.stock.set(reward, { issued: 0, serials: 0, day: "", issuedDay: 0 });
      const stock = this.stock.get(reward);
      if (serial !== stock.serials + 1)
        this.find(`unit ${serial} of ${reward} follows serial ${stock.serials}: something was given unseen`);
      stock.serials = serial;
      stock.issued += 1;
      stock.issuedDay = stock.day === day ? stock.issuedDay + 1 : 1;
      stock.day = day;
      this.units.set(`${reward} ${serial}`, { customer, day });
      if (!this.holders.has(customer))
        this.holders.set(customer, { given: new Map(), returned: new Map() });
      count(this.holders.get(customer).given, reward);
    }

    async finish(last, digest) {
      const { report, expected } = this;
      report.draws = this.drawn;
      this.checkPicks();
      if (last.draws !== this.drawn)
        this.find(`${last.draws} draws are signed for, ${this.drawn} are there`);
      if (last.sha256 !== digest)
        this.find("the file was changed after it was written: its digest is another one");
      const signed = utf8.encode(`${FORMAT}|${last.draws}|${last.sha256}`);
      const signature = need(this.line, last, "signature", "string");
      const isSigned = await checkSignature(report.publicKey, signature, signed);
      if (isSigned === undefined)
        report.unchecked.push("the signature: this browser knows no Ed25519");
      else if (!isSigned) this.find("the signature is not of the key that the proof names");
      if (expected.publicKey && expected.publicKey !== report.publicKey)
        this.find(`the proof is signed by another key than ${expected.publicKey}: ${report.publicKey}`);
      for (const commitment of expected.commitments ?? [])
        if (!report.commitments.includes(commitment))
          this.find(`the commitment ${commitment} is not among those of the proof`);
      this.checkReceipts(this.head);
    }
  }

  /**
   * Re-checks a whole proof; rejects with BrokenProof where it cannot be read on. `progress` is told
   * from 0 to 1 how far it has come.
   */
  async function verify(bytes, expected = {}, progress = () => {}) {
    const checker = new Checker(expected);
    try {
      return await verifyBy(checker, bytes, progress);
    } catch (error) {
      if (error instanceof BrokenProof) throw error;
      const what = "does not say what its kind of line says";
      throw new BrokenProof(`line ${checker.line} ${what}: ${error.message}`);
    }
  }

  async function verifyBy(checker, bytes, progress) {
    let last, digest;
    let waiting = [];
    const settle = async () => {
      const dice = await Promise.all(
        waiting.map(({ said }) => ("n" in said ? checker.dice(said) : undefined)));
      for (const [at, { number, said }] of waiting.entries()) {
        checker.line = number;
        if ("returned" in said) {
          need(number, said.returned, "reward", "string");
          checker.takeBack(said.returned);
        } else if ("root" in said) await checker.close(said);
        else if ("wins" in said) checker.told.push({ entry: said.entry, wins: said.wins });
        else await checker.draw(said, dice[at]);
      }
      waiting = [];
    };
    for (const { number, start, said } of linesOf(bytes)) {
      if (last !== undefined)
        throw new BrokenProof(`line ${number}: something stands after the signed line`);
      if (number === 1) await checker.open(said);
      else if ("signature" in said) {
        await settle();
        checker.line = number;
        last = said;
        digest = await sha256(bytes.subarray(0, start));
      } else waiting.push({ number, said });
      if (waiting.length >= AT_ONCE) {
        await settle();
        progress(start / bytes.length);
      }
    }
    if (checker.versions === undefined) throw new BrokenProof("there is nothing in it");
    if (last === undefined) throw new BrokenProof("it ends, and no line is signed: cut off");
    await checker.finish(last, digest);
    return { ...checker.report, holds: checker.report.findings.length === 0 };
  }

  /** Whether bytes are meant as a receipt. */
  function isReceipt(bytes) {
    try {
      return linesOf(bytes).next().value?.said.format === RECEIPT_FORMAT;
    } catch {
      return false;
    }
  }

  /** Re-checks a receipt: one draw, signed as it was made. Rejects with BrokenProof where it is none. */
  async function checkReceipt(bytes, expected = {}) {
    const lines = [...linesOf(bytes)];
    if (lines.length !== 3 || lines[0].said.format !== RECEIPT_FORMAT)
      throw new BrokenProof(`this is no receipt of the form ${RECEIPT_FORMAT}, which has three lines`);
    const [head, draw, last] = lines.map(({ said }) => said);
    const text = (name) => need(1, head, name, "string");
    const [customerId, commitment, publicKey] = ["customer_id", "commitment", "public_key"].map(text);
    const findings = [];
    const unchecked = [];
    if (["n", "at", "date", "version", "customer", "seed", "won"].some((name) => !(name in draw)))
      findings.push("its second line is no draw's");
    if (await sha256(`largesse-customer/1|${text("salt")}|${customerId}`) !== draw.customer)
      findings.push(`the draw is not of the customer ${customerId}`);
    if (last.sha256 !== await sha256(bytes.subarray(0, lines[2].start)))
      findings.push("the receipt was changed after it was written: its digest is another one");
    const signature = need(3, last, "signature", "string");
    const isSigned = await checkSignature(publicKey, signature, utf8.encode(`${RECEIPT_FORMAT}|${last.sha256}`));
    if (isSigned === undefined) unchecked.push("the signature: this browser knows no Ed25519");
    else if (!isSigned) findings.push("the signature is not of the key that the receipt names");
    if (expected.publicKey && expected.publicKey !== publicKey)
      findings.push(`it is signed by another key than ${expected.publicKey}: ${publicKey}`);
    if (expected.commitments?.length && !expected.commitments.includes(commitment))
      findings.push(`its commitment ${commitment} is none of those that were noted`);
    if (expected.customer && expected.customer.id !== customerId)
      findings.push(`it is the receipt of ${customerId}`);
    const [campaign, name] = ["campaign", "name"].map(text);
    return { campaign, name, publicKey, commitment, customerId, draw, findings, unchecked, holds: findings.length === 0 };
  }

  /** Whether two pieces of JSON say the same. */
  function isSame(one, other) {
    if (one === null || other === null || typeof one !== "object" || typeof other !== "object")
      return one === other;
    const names = Object.keys(one);
    return names.length === Object.keys(other).length
      && names.every((name) => name in other && isSame(one[name], other[name]));
  }

  /** The secret with the value of the public round in it. */
  async function bound(secret, beacon) {
    if (beacon === null || beacon.value === null) return secret;
    const message = `largesse-beacon/1|${beacon.source}|${beacon.round}|${beacon.value}`;
    return new Uint8Array(await subtle.sign("HMAC", await importKey(secret), utf8.encode(message)));
  }

  /** The Merkle tree of RFC 6962: level by level; what has no neighbour goes up as it is. */
  async function merkleRoot(leaves) {
    const hash = async (mark, ...parts) => {
      const content = await new Blob([Uint8Array.of(mark), ...parts]).arrayBuffer();
      return new Uint8Array(await subtle.digest("SHA-256", content));
    };
    if (leaves.length === 0) return sha256("");
    let level = [];
    for (const leaf of leaves) level.push(await hash(0, leaf));
    while (level.length > 1) {
      const above = [];
      for (let at = 0; at < level.length; at += 2)
        above.push(at + 1 < level.length ? await hash(1, level[at], level[at + 1]) : level[at]);
      level = above;
    }
    return hex(level[0]);
  }

  /** The winning entries: a shuffle from the first place on, each customer once. */
  async function picked(entrants, prizes, number) {
    const order = [...entrants.keys()];
    const won = new Set();
    const found = [];
    for (let place = 0; place < order.length && found.length < prizes.length; place += 1) {
      const other = place + Number(await number(BigInt(order.length - place)));
      [order[place], order[other]] = [order[other], order[place]];
      const customer = entrants[order[place]];
      if (won.has(customer)) continue;
      won.add(customer);
      found.push({ entry: order[place] + 1, wins: prizes[found.length] });
    }
    return found;
  }

  function landed(weights, number) {
    for (const [at, weight] of weights.entries()) {
      if (number < weight) return at;
      number -= weight;
    }
    return null;
  }

  function count(counter, key) {
    counter.set(key, (counter.get(key) ?? 0) + 1);
    return counter.get(key);
  }

  function heldOf(holder, reward, terms) {
    const back = terms.revoke_keeps_cap ? 0 : holder.returned.get(reward) ?? 0;
    return (holder.given.get(reward) ?? 0) - back;
  }

  const formats = new Map();
  function localDate(moment, zone) {
    if (!formats.has(zone))
      formats.set(zone, new Intl.DateTimeFormat("en-CA-u-ca-gregory-nu-latn", {
        timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit",
      }));
    const parts = Object.fromEntries(
      formats.get(zone).formatToParts(moment).map(({ type, value }) => [type, value]));
    return `${parts.year}-${parts.month}-${parts.day}`;
  }

  /** true, false, or undefined where the browser cannot tell. */
  async function checkSignature(publicKey, signature, signed) {
    let key;
    try {
      key = await subtle.importKey("raw", unbase64(publicKey), { name: "Ed25519" }, false, ["verify"]);
    } catch (error) {
      return error.name === "NotSupportedError" ? undefined : false;
    }
    try {
      return await subtle.verify({ name: "Ed25519" }, key, unbase64(signature), signed);
    } catch {
      return false;
    }
  }

  globalThis.largesse = { verify, checkReceipt, isReceipt, roll, BrokenProof, hasCrypto: subtle !== undefined };
})();
