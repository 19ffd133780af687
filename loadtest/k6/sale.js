// What the scripts of this folder share: a sale of their own, its customers, and its books.
//
// k6 keeps its VUs apart, so nobody here has heard all answers. Each answer is therefore counted where it is
// heard, as a number made of customer, incentive and code, and taken off again for each row of the ledger when
// all is over: where answers and ledger agree, nothing remains (`told_minus_kept`).

import { check, fail, sleep } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { Counter, Trend } from "k6/metrics";
import { setTimeout } from "k6/timers";

const URL = `${(__ENV.LARGESSE_URL || "http://127.0.0.1:8000").replace(/\/+$/, "")}/api/v1`;
const KEY = __ENV.LARGESSE_KEY;
if (!KEY) throw new Error("give a key of the server's in LARGESSE_KEY");

export const PER_SECOND = chosen("PER_SECOND", 500);
export const SECONDS = chosen("SECONDS", 10);
export const CLAIMS = PER_SECOND * SECONDS;
export const CONNECTIONS = chosen("CONNECTIONS", 64);

const STARTS_IN_S = chosen("STARTS_IN_S", 3); // how long after its making the campaign opens
const MARGIN_S = 0.5; // the claims that come too early are answered so long before the opening
const TIMEOUT_S = 10; // who has heard nothing by then asks again
const TRIES_MAX = 5; // who has heard nothing after so many has nothing to compare
const WINNERS_ASKED_AGAIN = 100;
const PAGE = 200;

const issued = new Counter("issued");
const refused = new Counter("refused");
const hungUp = new Counter("hung_up");
const replayed = new Counter("replayed"); // heard only by who asked again
const latency = new Trend("claim_duration", true);
const toldMinusKept = new Counter("told_minus_kept");
const toldMinusKeptDigest = new Counter("told_minus_kept_digest");

const seen = { issued: false, soldOut: new Set() }; // by this VU, so far

http.setResponseCallback(http.expectedStatuses(200, 201, 409));

/** Claims one by one at an even pace. An iteration that finds no VU is dropped, and k6 says so. */
export const EVENLY = {
  executor: "constant-arrival-rate",
  rate: PER_SECOND,
  duration: `${SECONDS}s`,
  preAllocatedVUs: CONNECTIONS,
};

/**
 * What a script exports, for its pattern: `units` of each campaign, so many `campaigns`, the crowd `leadS` seconds
 * before the opening, each `hangUpEvery`-th customer gone before the answer, `atOnce` claims in each iteration.
 */
export function sale({ crowd = EVENLY, units = 2 * CLAIMS, campaigns = 1, leadS = 0, hangUpEvery = 0, atOnce = 1 }) {
  const options = {
    scenarios: { crowd: { gracefulStop: `${TRIES_MAX * 2 * TIMEOUT_S}s`, ...crowd } },
    batchPerHost: CONNECTIONS, // idle connections that a VU keeps, too
    teardownTimeout: "10m",
    thresholds: {
      checks: ["rate==1"],
      issued: ["count>0"],
      told_minus_kept: ["count==0"],
      told_minus_kept_digest: ["count==0"],
      "refused{outcome:SOLD_OUT}": [], // without a bound it is only shown
      "refused{outcome:NOT_OPEN_YET}": [],
    },
  };

  async function claims(run) {
    const dueAt = Date.now();
    const first = exec.scenario.iterationInTest * atOnce;
    const customers = async (from) => {
      for (let number = from; number < first + atOnce; number += CONNECTIONS) {
        await customer(run, number, hangUpEvery > 0 && number % hangUpEvery === 0);
        latency.add(Date.now() - dueAt);
      }
    };
    const lanes = Array.from({ length: Math.min(atOnce, CONNECTIONS) }, (_, lane) => first + lane);
    await Promise.all(lanes.map(customers));
  }

  return { options, setup: () => open(campaigns, units, leadS), claims, teardown: compare };
}

/** Make the campaigns, see that they are closed, and wait until the crowd may come. */
function open(count, units, leadS) {
  const clock = insist(ask("GET", "/test-clock"));
  if (clock.test_mode) {
    fail("this key is of a tenant in test mode, whose clock stands still: take one that lives in real time");
  }
  const opensAt = Date.now() + STARTS_IN_S * 1000;
  const starts_at = new Date(Date.parse(clock.now) + STARTS_IN_S * 1000).toISOString();
  const name = Math.random().toString(36).slice(2);
  const rewards = [{ key: "LOAD", kind: "COUPON", value: { item: "a load test" }, quota_total: units }];
  const wanted = { name: "Load test", starts_at, per_customer_max: 1, rewards, activate: true };
  const made = Array.from({ length: count }, (_, n) => insist(ask("POST", "/campaigns", `${name}-${n}`, wanted)));
  const run = { name, early: leadS > 0, campaigns: made.map((campaign) => campaign.id) };
  for (const id of run.campaigns) {
    const outcome = read(ask("POST", `/campaigns/${id}/claims`, `${name}-early`, { customer_id: "early" })).code;
    must("a claim before the opening is refused", outcome === "NOT_OPEN_YET", outcome);
  }
  if (Date.now() > opensAt - MARGIN_S * 1000) {
    fail("the server needs seconds to make a campaign, there is no before: give STARTS_IN_S");
  }
  sleep((opensAt - Date.now()) / 1000 - leadS);
  return run;
}

/** One customer's claim, asked again under its key until it is heard what became of it. */
async function customer(run, number, hangsUp) {
  const name = `${run.name}-${number}`;
  const id = run.campaigns[number % run.campaigns.length];
  const request = asked(name, { customer_id: name });
  const url = `${URL}/campaigns/${id}/claims`;
  let answer = hangsUp ? await leave(url, request) : null;
  let alone = !hangsUp; // nobody has asked under this key before
  for (let tries = 0; !isHeard(answer) && tries < TRIES_MAX; tries += 1) {
    if (tries > 0) {
      alone = false;
      await new Promise((resolve) => setTimeout(resolve, 1000 * Number(answer.headers["Retry-After"] || 1)));
    }
    answer = await http.asyncRequest("POST", url, request.body, request.params);
  }
  hear(run, id, name, answer, alone);
}

/** Ask, and hang up at once: null, or the answer where it came even sooner. */
async function leave(url, { body, params }) {
  try {
    return await http.asyncRequest("POST", url, body, { ...params, timeout: 1, throw: true });
  } catch {
    hungUp.add(1);
    return null;
  }
}

/** Whether an answer came, and is none that leaves open what became of the claim. */
function isHeard(answer) {
  return answer !== null && answer.status > 0 && answer.status < 500 && answer.status !== 429;
}

/** Count an answer, and hold against it what this VU has heard before. */
function hear(run, id, name, answer, alone) {
  const said = read(answer);
  if (answer.status === 201 && said.incentive) {
    seen.issued = true;
    issued.add(1);
    replayed.add(isReplay(answer) ? 1 : 0);
    account(name, said.incentive, 1);
    must("a first claim gets no answer of earlier", !(alone && isReplay(answer)), name);
    return;
  }
  const outcome = said.code || `status ${answer.status}`;
  refused.add(1, { outcome });
  if (outcome === "SOLD_OUT") {
    if (seen.soldOut.has(id)) return; // nothing comes back here: what was true once stays so
    seen.soldOut.add(id);
    const { left } = stockOf(id);
    must("who hears SOLD_OUT hears it when nothing is left", left === 0, `${left} are left`);
  } else if (outcome === "NOT_OPEN_YET" && run.early) {
    must("nobody hears NOT_OPEN_YET after others were served", !seen.issued, name);
  } else {
    must("a claim ends in a way that the load explains", false, `${name}: ${outcome}`);
  }
}

/** Hold the ledger against what was told, and against itself; then end the campaigns. */
function compare(run) {
  try {
    for (const id of run.campaigns) compareCampaign(id);
    const violations = insist(ask("GET", "/audit/conservation")).violations;
    const ours = violations.filter((one) => run.campaigns.includes(one.campaign_id));
    must("the server's own audit finds nothing", ours.length === 0, JSON.stringify(ours));
  } finally {
    for (const id of run.campaigns) insist(ask("POST", `/campaigns/${id}:end`, `${id}-end`));
  }
}

function compareCampaign(id) {
  const { starts_at, rewards } = insist(ask("GET", `/campaigns/${id}`));
  const rows = incentivesOf(id);
  for (const row of rows) account(row.customer_id, row, -1);
  must("no incentive is listed twice", distinct(rows, "id") === rows.length, id);
  must("no code is given twice", distinct(rows, "code") === rows.length, id);
  must("nobody holds two", distinct(rows, "customer_id") === rows.length, id);
  const serials = rows.map((row) => row.serial).sort((a, b) => a - b);
  must("serials count 1, 2, 3, …", serials.every((serial, index) => serial === index + 1), id);
  must("nothing is given before the opening", rows.every((row) => row.issued_at >= starts_at), id);
  const { total, reserved, left, issued: kept } = rewards[0].stock;
  must("the ledger lists what the stock calls issued", kept === rows.length, `${kept}, but ${rows.length} rows`);
  const sum = `${left} + ${reserved} + ${kept} of ${total}`;
  must("left, reserved and issued make the total", left >= 0 && left + reserved + kept === total, sum);
  askWinnersAgain(id, rows);
}

/** Some winners ask once more with their key: they hear what the ledger holds. */
function askWinnersAgain(id, rows) {
  const step = Math.max(1, Math.floor(rows.length / WINNERS_ASKED_AGAIN));
  for (let place = 0; place < rows.length; place += step) {
    const { customer_id, id: incentive, code } = rows[place];
    const answer = ask("POST", `/campaigns/${id}/claims`, customer_id, { customer_id });
    const again = read(answer).incentive || {};
    const same = again.id === incentive && again.code === code && isReplay(answer);
    must("a winner who asks again hears the same", same, `${customer_id}: ${answer.body}`);
  }
}

function incentivesOf(id) {
  const rows = [];
  let cursor = "";
  do {
    const page = insist(ask("GET", `/campaigns/${id}/incentives?limit=${PAGE}${cursor}`));
    rows.push(...page.items);
    cursor = page.next === null ? "" : `&cursor=${encodeURIComponent(page.next)}`;
  } while (cursor);
  return rows;
}

function stockOf(id) {
  return insist(ask("GET", `/campaigns/${id}`)).rewards[0].stock;
}

/** Count an incentive as told (+1), or as kept (-1). */
function account(name, incentive, sign) {
  toldMinusKept.add(sign);
  toldMinusKeptDigest.add(sign * digest(`${name} ${incentive.id} ${incentive.code}`));
}

/** 32 bits of a text by FNV-1a (isthe.com/chongo/tech/comp/fnv): a million of them add up without rounding. */
function digest(text) {
  let value = 0x811c9dc5;
  for (let place = 0; place < text.length; place += 1) {
    value = Math.imul(value ^ text.charCodeAt(place), 0x01000193);
  }
  return value >>> 0;
}

function must(what, holds, example) {
  if (!check(null, { [what]: () => holds })) console.error(`not so: ${what}: ${example}`);
}

function distinct(rows, field) {
  return new Set(rows.map((row) => row[field])).size;
}

function isReplay(answer) {
  return answer.headers["Idempotency-Replayed"] === "true";
}

function ask(method, path, key, body) {
  const request = asked(key, body);
  return http.request(method, URL + path, request.body, request.params);
}

function asked(key, body) {
  const headers = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" };
  if (key) headers["Idempotency-Key"] = key;
  const params = { headers, timeout: TIMEOUT_S * 1000, tags: { name: "largesse" } };
  return { body: body && JSON.stringify(body), params };
}

/** What an answer says; nothing, where it makes no sense. */
function read(answer) {
  try {
    return JSON.parse(answer.body) || {};
  } catch {
    return {};
  }
}

/** The same of an answer without which there is nothing to go on with. */
function insist(answer) {
  if (answer.status < 200 || answer.status >= 300) {
    fail(`${answer.request.method} ${answer.request.url}: ${answer.status} ${answer.error || answer.body}`);
  }
  return read(answer);
}

function chosen(name, usual) {
  const value = Number(__ENV[name] || usual);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} is a whole number from 1, not ${__ENV[name]}`);
  return value;
}
