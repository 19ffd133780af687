// The page at /play/{campaign}#token=…: a wheel that turns to what the server has already decided.
//
// A click has one key, kept until there is an answer, across lost connections and reloads: so it is
// one draw however often it is asked for. What came of it is on stable storage before the wheel turns.
"use strict";

(() => {
  const LABELLED_MAX = 8; // rewards whose names fit on the wheel
  const LABEL_MAX = 12;
  const TURNS = 5;
  const RETRY_MS = [1000, 2000, 4000, 8000];

  const at = (id) => document.getElementById(id);
  const campaign = decodeURIComponent(location.pathname.split("/").pop());
  const root = "../api/v1";
  const stillness = matchMedia("(prefers-reduced-motion: reduce)");

  let token = takeToken();
  let promised = null;
  let segments = [];
  let turn = 0;

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
    if (incentive) {
      const until = incentive.expires_at ? `, good until ${moment(incentive.expires_at)}` : "";
      show(`You have won ${valueOf(incentive.value)}!`, incentive.code ? `Your code${until}:` : until.slice(2), incentive.code ?? "");
    } else show("No win this time.", "Thank you for playing.");
    const facts = [
      ["Draw number", draw.number], ["Date", draw.date], ["Seed", draw.client_seed], ["Campaign", draw.campaign_id],
      ["Commitment", promised.items.find((one) => one.version === draw.version)?.commitment ?? "–"],
    ];
    at("facts").replaceChildren(...facts.flatMap(([term, value]) => {
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      dt.textContent = term;
      dd.textContent = value;
      return [dt, dd];
    }));
    at("proof").hidden = false;
  }

  // --- what happens ----------------------------------------------------------------------------

  const REFUSED = {
    NOT_ACTIVE: "This draw takes a break.",
    NOT_ELIGIBLE: "This draw is not open to you.",
    PHONE_REQUIRED: "Please add your phone number first.",
    UNKNOWN_CUSTOMER: "Please register first.",
    CUSTOMER_LIMIT_REACHED: "You have won all that one person can.",
    ALREADY_DRAWN: "You have drawn already.",
    CLOSED: "This draw is over.",
  };

  function showRefused(code, opensAt) {
    withdraw();
    if (code === "NOT_OPEN_YET") {
      show("Not open yet.", opensAt ? `It opens on ${moment(opensAt)}.` : "");
      waitFor(opensAt);
    } else if (code in REFUSED) show(REFUSED[code]);
    else {
      show("Something is in the way.", "Please try again in a while.");
      offer("Try again");
    }
  }

  function waitFor(opensAt) {
    const left = new Date(opensAt ?? promised.starts_at) - Date.now();
    setTimeout(look, Math.min(Math.max(left, 1000), 60_000)); // clocks differ, so the server decides
  }

  /** How things stand for this customer; nothing is used up. */
  async function look() {
    try {
      const offered = await ask(`/campaigns/${encodeURIComponent(campaign)}/commitments`);
      if (offered.status !== 200) return show("There is no such draw here.");
      promised = offered.said;
      at("name").textContent = document.title = promised.name;
      drawWheel(promised.rewards);
      if (!token) return show("Please come by the link that you were given.");
      if (wish.waits()) return await draw(); // the page was left before the answer came
      const { status, said } = await ask(`/campaigns/${encodeURIComponent(campaign)}/draws?limit=1`);
      if (status === 401) return show("Your visit has run out.", "Please come by the link again.");
      if (status !== 200) return showRefused(said.code);
      if (said.may_draw) {
        show("Good luck!");
        return offer("Spin the wheel");
      }
      showRefused(said.outcome, promised.starts_at);
      if (said.outcome === "ALREADY_DRAWN" && said.items.length) {
        showDrawn(said.items[0]);
        at("detail").textContent = `You have drawn already. ${at("detail").textContent}`;
      }
    } catch {
      show("The connection is lost.", "Trying again…");
      setTimeout(look, 2000);
    }
  }

  async function draw() {
    const { key, seed } = wish.open();
    at("spin").disabled = true;
    show("Drawing…");
    for (let attempt = 0; ; attempt += 1) {
      try {
        const answer = await ask(`/campaigns/${encodeURIComponent(campaign)}/draws`, {
          method: "POST",
          headers: { "Content-Type": "application/json", "Idempotency-Key": key },
          body: JSON.stringify({ client_seed: seed }),
        });
        if (answer.status < 500) return await settle(answer);
      } catch {
        // Whether it was drawn, only the same key can tell: so it is asked again.
      }
      if (attempt >= RETRY_MS.length) break;
      show("The connection is lost.", "Trying again. It stays one draw.");
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS[attempt]); });
    }
    show("The connection is lost.", "Your draw is safe: asking again brings the same one.");
    offer("Try again");
  }

  async function settle({ status, said }) {
    if (status === 401) return show("Your visit has run out.", "Please come by the link again: it stays the same draw.");
    if (status === 429) return showRefused(said.code);
    wish.close();
    if (status !== 201) {
      if (said.code === "ALREADY_DRAWN") return await look();
      return showRefused(said.code, said.opens_at);
    }
    withdraw();
    at("wheel").dataset.decided = said.incentive?.reward ?? "";
    await spinTo(said.incentive?.reward ?? null);
    showDrawn(said);
    at("result").tabIndex = -1;
    at("result").focus({ preventScroll: true });
  }

  at("spin").addEventListener("click", draw);
  look();
})();
