// The page at /play/{campaign}#token=…: a wheel that turns to what the server has already decided,
// or the entry into a raffle and, after its close, what became of it.
//
// A click has one key, kept until there is an answer, across lost connections and reloads: so it is
// one draw however often it is asked for. What came of it is on stable storage before the wheel turns.
"use strict";

(() => {
  const LABELLED_MAX = 8; // rewards whose names fit on the wheel
  const LABEL_MAX = 12;
  const TURNS = 5;
  const RETRY_MS = [1000, 2000, 4000, 8000];
  const PATIENCE_MS = 60_000; // between two looks at what comes when somebody brings it

  // What differs between a wheel and a raffle: where a click goes, and how things are called.
  const KINDS = {
    DRAW: {
      path: "draws", body: (seed) => ({ client_seed: seed }), invite: "Good luck!", button: "Spin the wheel",
      busy: "Drawing…", what: "draw", one: "draw", number: "Draw number", thanks: "Thank you for playing.",
    },
    RAFFLE: {
      path: "entries", body: () => ({}), invite: "Take part!", button: "Take part", busy: "Entering…", what: "raffle",
      one: "entry", number: "Entry number", thanks: "Thank you for taking part.",
    },
  };

  const at = (id) => document.getElementById(id);
  const campaign = decodeURIComponent(location.pathname.split("/").pop());
  const root = "../api/v1";
  const stillness = matchMedia("(prefers-reduced-motion: reduce)");

  let token = takeToken();
  let promised = null;
  let kind = KINDS.DRAW;
  let segments = [];
  let turn = 0;
  let nextLook = 0;

  /** The customer's token, out of the address at once: nobody shall read it there or share it. */
  function takeToken() {
    const kept = `largesse token ${campaign}`;
    const given = new URLSearchParams(location.hash.slice(1)).get("token");
    if (given) {
      history.replaceState(null, "", location.pathname + location.search);
      sessionStorage.setItem(kept, given);
    }
    return given ?? sessionStorage.getItem(kept);
  }

  /** This click's key: the one that has no answer yet, or a new one. */
  const wish = {
    name: `largesse wish ${campaign}`,
    open() {
      const kept = sessionStorage.getItem(this.name);
      if (kept) return JSON.parse(kept);
      const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
      const made = { key: random(), seed: random() };
      sessionStorage.setItem(this.name, JSON.stringify(made));
      return made;
    },
    waits() { return sessionStorage.getItem(this.name) !== null; },
    close() { sessionStorage.removeItem(this.name); },
  };

  async function ask(path, options = {}) {
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const answer = await fetch(`${root}${path}`, { ...options, headers, cache: "no-store" });
    const said = await answer.json();
    return { status: answer.status, said };
  }

  // --- what is shown ---------------------------------------------------------------------------

  function show(headline, detail = "", code = "") {
    at("headline").textContent = headline;
    at("detail").textContent = detail;
    at("code").textContent = code;
  }

  function offer(label) {
    at("spin").textContent = label;
    at("spin").hidden = false;
    at("spin").disabled = false;
  }

  const withdraw = () => { at("spin").hidden = true; };

  function valueOf({ amount, currency, basis_points: points, item }) {
    if (item) return item;
    if (points) return `${points / 100} %`;
    if (!currency) return `${amount.toLocaleString()} points`;
    const format = new Intl.NumberFormat(undefined, { style: "currency", currency });
    return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
  }

  const moment = (text) => new Date(text).toLocaleString(undefined, { dateStyle: "long", timeStyle: "short" });

  /** Equal segments, each reward's beside one of no win: they tell what there is, not its odds. */
  function drawWheel(rewards) {
    const few = rewards.length <= LABELLED_MAX;
    const prizes = few ? rewards : rewards.slice(0, LABELLED_MAX);
    segments = prizes.flatMap((reward) => [
      { key: few ? reward.key : "", label: few ? valueOf(reward.value) : "★" }, { key: null, label: "–" },
    ]);
    const angle = 360 / segments.length;
    const drawn = segments.flatMap(({ label }, index) => [sector(index, angle), name(label, (index + 0.5) * angle)]);
    at("wheel").replaceChildren(...drawn);
  }

  function svg(tag, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function sector(index, angle) {
    const [from, to] = [index * angle, (index + 1) * angle].map((degrees) => {
      const radians = ((degrees - 90) * Math.PI) / 180;
      return `${50 + 48 * Math.cos(radians)} ${50 + 48 * Math.sin(radians)}`;
    });
    return svg("path", { d: `M50 50 L${from} A48 48 0 ${angle > 180 ? 1 : 0} 1 ${to} Z` });
  }

  function name(label, degrees) {
    const made = svg("text", { x: 94, y: 50, transform: `rotate(${degrees - 90} 50 50)` });
    made.textContent = label.length > LABEL_MAX ? `${label.slice(0, LABEL_MAX - 1)}…` : label;
    return made;
  }

  /** Turns the wheel until the pointer stands on a segment of that reward; null is no win. */
  async function spinTo(key) {
    const known = segments.some((segment) => segment.key === key);
    const fitting = segments.flatMap((segment, index) => (segment.key === (known ? key : "") ? [index] : []));
    const chosen = fitting[Math.floor(Math.random() * fitting.length)] ?? 0;
    const angle = 360 / segments.length;
    turn = Math.ceil(turn / 360) * 360 + TURNS * 360 - (chosen + 0.5) * angle;
    const wheel = at("wheel");
    wheel.classList.add("turning");
    wheel.style.transform = `rotate(${turn}deg)`;
    wheel.dataset.stands = segments[chosen]?.key ?? "";
    if (stillness.matches) return;
    const { promise, resolve } = resolvable();
    wheel.addEventListener("transitionend", resolve, { once: true });
    setTimeout(resolve, 5000); // a hidden page makes no transitions
    await promise;
  }

  function resolvable() {
    let resolve;
    const promise = new Promise((settle) => { resolve = settle; });
    return { promise, resolve };
  }

  function showDrawn({ draw, incentive }) {
    if (incentive?.status === "REVOKED") show("Your prize was taken back.");
    else if (incentive) {
      const until = incentive.expires_at ? `, good until ${moment(incentive.expires_at)}` : "";
      show(`You have won ${valueOf(incentive.value)}!`, incentive.code ? `Your code${until}:` : until.slice(2), incentive.code ?? "");
    } else show("No win this time.", kind.thanks);
    showFacts(draw);
  }

  /** What a customer keeps of a draw or an entry, to hold the proof against. */
  function showFacts(draw) {
    const facts = [
      [kind.number, draw.number], ["Date", draw.date], ["Seed", draw.client_seed], ["Campaign", draw.campaign_id],
      ["Commitment", promised.items.find((one) => one.version === draw.version)?.commitment ?? "–"],
    ];
    at("facts").replaceChildren(...facts.flatMap(([term, value]) => {
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      dt.textContent = term;
      dd.textContent = value;
      return [dt, dd];
    }));
    at("receipt").onclick = () => keepReceipt(draw.id);
    at("proof").hidden = false;
  }

  async function keepReceipt(id) {
    try {
      const receipt = await fetch(`${root}/draws/${id}/receipt`, { headers: { Authorization: `Bearer ${token}` } });
      if (!receipt.ok) throw new Error(receipt.statusText);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await receipt.blob());
      link.download = `${id}.receipt`;
      link.click();
      URL.revokeObjectURL(link.href);
      at("receipt").textContent = "Keep the receipt";
    } catch {
      at("receipt").textContent = "It did not come: try again";
    }
  }

  /** What there is to win in a raffle, whose odds nobody knows before its close. */
  function listPrizes(rewards) {
    at("prizes").replaceChildren(...rewards.map((reward) => {
      const item = document.createElement("li");
      item.textContent = valueOf(reward.value);
      return item;
    }));
    at("prizes").hidden = false;
    at("stage").hidden = true;
  }

  // --- what happens ----------------------------------------------------------------------------

  const REFUSED = {
    NOT_ACTIVE: () => `This ${kind.what} takes a break.`,
    NOT_ELIGIBLE: () => `This ${kind.what} is not open to you.`,
    PHONE_REQUIRED: () => "Please add your phone number first.",
    UNKNOWN_CUSTOMER: () => "Please register first.",
    CUSTOMER_LIMIT_REACHED: () => "You have won all that one person can.",
    ALREADY_DRAWN: () => "You have drawn already.",
    CLOSED: () => `This ${kind.what} is over.`,
  };

  function showRefused(code, opensAt) {
    withdraw();
    if (code === "NOT_OPEN_YET") {
      show("Not open yet.", opening(opensAt));
      waitFor(opensAt);
    } else if (code in REFUSED) show(REFUSED[code]());
    else {
      show("Something is in the way.", "Please try again in a while.");
      offer("Try again");
    }
  }

  /** The round of public randomness that a draw waits for; null where it waits for none. */
  const awaited = () => (kind === KINDS.DRAW && promised.beacon?.value === null ? promised.beacon : null);

  /** When it opens. Public randomness comes when it comes: then a date is told only while it is ahead. */
  function opening(opensAt) {
    const beacon = awaited();
    if (beacon === null) return opensAt ? `It opens on ${moment(opensAt)}.` : "";
    const before = opensAt && new Date(opensAt) > Date.now() ? `, and not before ${moment(opensAt)}` : "";
    return `It opens once the public random number is out that decides it: round ${beacon.round} of ${beacon.source}${before}.`;
  }

  /** Looks again; whoever asks last is the one who is heard. */
  function later(wait) {
    clearTimeout(nextLook);
    nextLook = setTimeout(look, wait);
  }

  function waitFor(opensAt) {
    if (awaited() !== null) return later(PATIENCE_MS);
    const left = new Date(opensAt ?? promised.starts_at) - Date.now();
    later(Math.min(Math.max(left, 1000), PATIENCE_MS)); // clocks differ, so the server decides
  }

  /** How things stand for this customer; nothing is used up. */
  async function look() {
    try {
      const offered = await ask(`/campaigns/${encodeURIComponent(campaign)}/commitments`);
      if (offered.status !== 200) return show("There is no such draw here.");
      promised = offered.said;
      at("name").textContent = document.title = promised.name;
      kind = KINDS[promised.type];
      if (kind === KINDS.RAFFLE) listPrizes(promised.rewards);
      else drawWheel(promised.rewards);
      if (!token) return show("Please come by the link that you were given.");
      if (wish.waits()) return await draw(); // the page was left before the answer came
      const { status, said } = await ask(`/campaigns/${encodeURIComponent(campaign)}/draws?limit=1`);
      if (status === 401) return show("Your visit has run out.", "Please come by the link again.");
      if (status !== 200) return showRefused(said.code);
      if (kind === KINDS.RAFFLE) return await lookAtRaffle(said);
      if (said.may_draw) {
        show(kind.invite);
        return offer(kind.button);
      }
      showRefused(said.outcome, promised.starts_at);
      if (said.outcome === "ALREADY_DRAWN" && said.items.length) {
        showDrawn(said.items[0]);
        at("detail").textContent = `You have drawn already. ${at("detail").textContent}`;
      }
    } catch {
      show("The connection is lost.", "Trying again…");
      later(2000);
    }
  }

  /** All of the customer's entries; what he won may be of any of them. */
  async function allEntries({ items, next }) {
    const found = [...items];
    for (let cursor = next; cursor !== null;) {
      const { said } = await ask(`/campaigns/${encodeURIComponent(campaign)}/draws?limit=200&cursor=${encodeURIComponent(cursor)}`);
      found.push(...said.items);
      cursor = said.next;
    }
    return found;
  }

  async function lookAtRaffle(said) {
    withdraw();
    const entries = await allEntries(said);
    const numbers = entries.map((one) => one.draw.number).reverse().join(", ");
    const mine = entries.length > 1 ? `Your entries have the numbers ${numbers}.` : `Your entry has the number ${numbers}.`;
    const picked = `Winners are picked after ${moment(promised.ends_at)}.`;
    if (entries.length) showFacts(entries[0].draw);
    if (said.outcome === "CLOSED") return await showPicked(entries, mine);
    if (!said.may_draw && said.outcome !== "ALREADY_DRAWN") return showRefused(said.outcome, promised.starts_at);
    if (entries.length) show("You take part.", `${mine} ${picked}`);
    else show(kind.invite, picked);
    if (said.may_draw) offer(entries.length ? "Take part once more" : kind.button);
    else later(PATIENCE_MS);
  }

  /** After the close: what the customer won, or that the winners are still to be picked, or never. */
  async function showPicked(entries, mine) {
    const { said } = await ask(`/campaigns/${encodeURIComponent(campaign)}/raffle`);
    if (!entries.length) return showRefused("CLOSED");
    if (said.winners) return showDrawn(entries.find((one) => one.incentive) ?? entries[0]);
    if (said.cancelled) return show("This raffle was called off.", `${mine} Nobody has won.`);
    show("You take part.", `${mine} It is over, and the winners are still to be picked: come back later.`);
    later(PATIENCE_MS);
  }

  async function draw() {
    const { key, seed } = wish.open();
    at("spin").disabled = true;
    show(kind.busy);
    for (let attempt = 0; ; attempt += 1) {
      try {
        const answer = await ask(`/campaigns/${encodeURIComponent(campaign)}/${kind.path}`, {
          method: "POST",
          headers: { "Content-Type": "application/json", "Idempotency-Key": key },
          body: JSON.stringify(kind.body(seed)),
        });
        if (answer.status < 500) return await settle(answer);
      } catch {
        // Whether it was drawn, only the same key can tell: so it is asked again.
      }
      if (attempt >= RETRY_MS.length) break;
      show("The connection is lost.", `Trying again. It stays one ${kind.one}.`);
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS[attempt]); });
    }
    show("The connection is lost.", `Your ${kind.one} is safe: asking again brings the same one.`);
    offer("Try again");
  }

  async function settle({ status, said }) {
    if (status === 401) return show("Your visit has run out.", `Please come by the link again: it stays the same ${kind.one}.`);
    if (status === 429) return showRefused(said.code);
    wish.close();
    if (status !== 201) {
      if (said.code === "ALREADY_DRAWN") return await look();
      return showRefused(said.code, said.opens_at);
    }
    withdraw();
    if (kind === KINDS.RAFFLE) await look();
    else {
      at("wheel").dataset.decided = said.incentive?.reward ?? "";
      await spinTo(said.incentive?.reward ?? null);
      showDrawn(said);
    }
    at("result").tabIndex = -1;
    at("result").focus({ preventScroll: true });
  }

  at("spin").addEventListener("click", draw);
  look();
})();
