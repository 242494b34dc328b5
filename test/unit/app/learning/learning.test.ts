import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Exchange } from "../../../../router/app/exchange.ts";
import { durationText } from "../../../../router/app/learning/duration-text.ts";
import { Learning } from "../../../../router/app/learning/learning.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import type { Outcome } from "../../../../router/core/outcome/outcome.ts";
import { compilePolicy } from "../../../../router/core/policy/compile.ts";
import { decide } from "../../../../router/core/policy/decide.ts";
import { DENY_ALL, type PolicySnapshot } from "../../../../router/core/policy/snapshot.ts";
import {
  compiled,
  DIGEST,
  EXPIRES,
  ip,
  NOON,
  policyDocument,
  type PolicyText,
  request,
} from "../../core/policy/policy-fixture.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-learning-"));
after(() => rmSync(root, { recursive: true }));
let count = 0;
function directory(): string {
  count += 1;
  const path = join(root, `d${count}`);
  mkdirSync(path);
  return path;
}

const POLICY: PolicyText = {
  mode: "learn",
  allow: [
    { id: "known", hosts: ["known.example"] },
    { id: "inspected", hosts: ["inspected.example"], inspect: true },
    { id: "web", hosts: ["web.example"], ports: [80], protocol: "http" },
  ],
  deny: [{ id: "no", hosts: ["no.example"] }],
};

interface World {
  policy: PolicySnapshot;
  now: number;
  readonly lines: string[];
  readonly directory: string;
  readonly learning: Learning;
}

async function world(given: { directory?: string; policy?: PolicySnapshot; entries?: number } = {}): Promise<World> {
  const lines: string[] = [];
  const at = given.directory ?? directory();
  const made = { policy: given.policy ?? compiled(POLICY), now: Number(NOON), lines, directory: at };
  const learning = await Learning.open({
    clock: { now: () => epochMillis(made.now), monotonic: () => millis(made.now) },
    log: { event: (level, message, facts) => void lines.push(`${level} ${message} ${JSON.stringify(facts)}`) },
    directory: at,
    entries: given.entries ?? 64,
    identity: { namespace: "research", agent: "researcher" },
    policy: () => made.policy,
    policyTime: () => epochMillis(made.now),
  });
  return Object.assign(made, { learning });
}

type End =
  | "completed"
  | "aborted"
  | "cut"
  | "left"
  | { readonly refused: "dns_failure" | "sni_mismatch" | "upstream_unreachable" };

/** One exchange, judged and settled as the corridor does it. */
function pass(at: World, text: string, end: End = "completed"): void {
  const { policy, learning } = at;
  const asked = request(text);
  const clock = { now: () => epochMillis(at.now), monotonic: () => millis(0) };
  const settle = (outcome: Outcome): void => learning.observe(exchange, outcome);
  const exchange: Exchange = new Exchange("r", "connect", asked, clock, settle, "connect");
  exchange.judgedBy = { policy, models: {}, network: {} as never, governance: 0 };
  const decision = decide(policy, asked, NOON);
  if (decision.effect === "deny") return exchange.refused(decision.reason, undefined, decision.rule);
  exchange.permit = decision.permit;
  if (typeof end === "object") return exchange.refused(end.refused, undefined, undefined);
  // Before anything was on record.
  if (end === "left") return exchange.aborted(undefined, "agent_reset");
  exchange.admitted = true;
  exchange.address = ip("192.0.2.1");
  exchange.bytesOut = 100;
  exchange.bytesIn = 2000;
  if (end === "cut") return exchange.aborted("blocklisted");
  return end === "aborted" ? exchange.aborted(undefined) : exchange.completed();
}

function kept(at: World): { readonly entries: readonly Record<string, unknown>[]; readonly policy: string } {
  return JSON.parse(readFileSync(join(at.directory, "learned.json"), "utf8")) as never;
}

test("what passed is kept, and found again", async () => {
  const first = await world();
  pass(first, "CONNECT new.example:443");
  pass(first, "CONNECT known.example:443", "aborted");
  pass(first, "POST http://new.example/v1/users/123456?x");
  first.now += 5;
  pass(first, "CONNECT new.example:443");
  pass(first, "CONNECT no.example:443");
  await first.learning.close();
  const second = await world({ directory: first.directory });
  pass(second, "CONNECT new.example:443");
  await second.learning.close();
  assert.deepEqual(second.lines, []);
  assert.deepEqual(kept(second).entries, [
    {
      host: "known.example",
      port: 443,
      kind: "tls",
      count: 1,
      first: NOON,
      last: NOON,
      bytesOut: 100,
      bytesIn: 2000,
      rule: "known",
    },
    {
      host: "new.example",
      port: 80,
      kind: "http",
      method: "POST",
      path: null,
      count: 1,
      first: NOON,
      last: NOON,
      bytesOut: 100,
      bytesIn: 2000,
      unlisted: "host_not_allowed",
    },
    {
      host: "new.example",
      port: 443,
      kind: "tls",
      count: 3,
      first: NOON,
      last: NOON + 5,
      bytesOut: 300,
      bytesIn: 6000,
      unlisted: "host_not_allowed",
    },
    {
      host: "no.example",
      port: 443,
      kind: "tls",
      count: 0,
      first: NOON + 5,
      last: NOON + 5,
      bytesOut: 0,
      bytesIn: 0,
      refused: { count: 1, reason: "denied_by_rule" },
    },
  ]);
});

test("a request in full is told as its rule judges it: by host and port alone where the rule reads nothing", async () => {
  const at = await world();
  pass(at, "GET https://known.example/v1/models");
  pass(at, "GET https://inspected.example/v1/models");
  pass(at, "GET https://new.example/v1/models");
  await at.learning.close();
  assert.deepEqual(
    kept(at).entries.map(({ host, kind, method, path }) => [host, kind, method, path]),
    [
      ["inspected.example", "https-inspected", "GET", "/v1/models"],
      ["known.example", "tls", undefined, undefined],
      ["new.example", "https-inspected", "GET", "/v1/models"],
    ],
  );
});

const unseen: readonly (readonly [name: string, text: string, end: End])[] = [
  ["a name that leads nowhere", "CONNECT new.example:443", { refused: "dns_failure" }],
  ["an origin that does not answer", "CONNECT new.example:443", { refused: "upstream_unreachable" }],
  ["a ClientHello for another name", "CONNECT new.example:443", { refused: "sni_mismatch" }],
  ["an agent that left while its name was looked up", "CONNECT new.example:443", "left"],
  ["a tunnel that is inspected", "CONNECT inspected.example:443", "completed"],
  ["a tunnel whose requests are judged one by one", "CONNECT web.example:80", "completed"],
];
for (const [name, text, end] of unseen) {
  test(`not remembered: ${name}`, async () => {
    const at = await world();
    pass(at, text, end);
    assert.equal(at.learning.entries, 0);
    await at.learning.close();
    assert.deepEqual(readdirSync(at.directory), []);
  });
}

test("what was open when it came to be denied is remembered as refused", async () => {
  const at = await world();
  pass(at, "CONNECT new.example:443", "cut");
  await at.learning.close();
  assert.deepEqual(
    kept(at).entries.map(({ count: times, refused }) => [times, refused]),
    [[0, { count: 1, reason: "blocklisted" }]],
  );
});

test("what is enforced is not remembered, and what was learnt before stays readable", async () => {
  const at = await world();
  pass(at, "CONNECT new.example:443");
  at.policy = compiled({ ...POLICY, mode: "enforce" });
  pass(at, "CONNECT known.example:443");
  assert.deepEqual(at.learning.conditions(), []);
  assert.equal(at.learning.active, false);
  await at.learning.close();
  assert.equal(kept(at).entries.length, 1);
  const next = await world({ directory: at.directory, policy: at.policy });
  assert.equal(next.learning.entries, 1);
  await next.learning.close();
});

test("another policy's name begins anew, and says so", async () => {
  const at = await world();
  pass(at, "CONNECT new.example:443");
  at.policy = compilePolicy({ ...policyDocument(POLICY), name: "other" }, DIGEST, millis(0));
  pass(at, "CONNECT second.example:443");
  await at.learning.close();
  assert.deepEqual(
    kept(at).entries.map(({ host }) => host),
    ["second.example"],
  );
  assert.equal(kept(at).policy, "other");
  assert.match(at.lines.join("\n"), /^warn .*forgotten.*research-agent/);
});

test("learn mode is told in the conditions and the log, with the time that is left, until it is over", async () => {
  const at = await world({ entries: 16 });
  at.now = EXPIRES - 3 * 3_600_000 - 12 * 60_000;
  at.learning.swapped(at.policy);
  assert.match(at.lines.join(), /^warn learn mode: .*"until":"2027-02-20T00:00:00.000Z","left":"3 h 12 min"/);
  pass(at, "CONNECT new.example:443");
  const [condition] = at.learning.conditions();
  assert.deepEqual([condition?.name, condition?.state], ["learning", "degraded"]);
  assert.match(condition?.reason ?? "", /for 3 h 12 min more, until 2027-02-20.*1 kinds of requests/);
  assert.equal(at.learning.active, true);
  at.now = EXPIRES;
  assert.match(at.learning.conditions()[0]?.reason ?? "", /ended at 2027-02-20/);
  assert.equal(at.learning.active, false);
  at.policy = DENY_ALL;
  assert.deepEqual(at.learning.conditions(), []);
  await at.learning.close();
});

test("what found no room is told", async () => {
  const at = await world({ entries: 16 });
  for (let one = 0; one < 40; one += 1) pass(at, `CONNECT n${one}.x${one}.example:443`);
  assert.match(at.learning.conditions()[0]?.reason ?? "", /24 exchanges found no room/);
  assert.deepEqual(at.learning.status(), {
    active: true,
    entries: 16,
    maximum: 16,
    unkept: 24,
    policy: "research-agent",
  });
  await at.learning.close();
});

const damage: readonly (readonly [name: string, put: (path: string) => void])[] = [
  ["garbage", (path) => writeFileSync(path, "garbage")],
  ["nothing", (path) => writeFileSync(path, "")],
  ["not UTF-8", (path) => writeFileSync(path, Buffer.from([0xff, 0xfe]))],
  ["far too long", (path) => writeFileSync(path, "x".repeat(1_000_000))],
  ["a link to another file", (path) => symlinkSync("/etc/hostname", path)],
  ["a directory", (path) => mkdirSync(path)],
];
for (const [name, put] of damage) {
  test(`set aside, loudly: ${name}`, async () => {
    const path = directory();
    put(join(path, "learned.json"));
    const at = await world({ directory: path });
    assert.equal(at.learning.entries, 0);
    assert.match(at.lines.join(), /^error what was seen in learn mode before cannot be read.*learned\.json\.damaged/);
    pass(at, "CONNECT new.example:443");
    await at.learning.close();
    assert.equal(kept(at).entries.length, 1);
    assert.deepEqual(readdirSync(path).toSorted(), ["learned.json", "learned.json.damaged"]);
  });
}

test("a count that somebody changed is noticed", async () => {
  const at = await world();
  pass(at, "CONNECT new.example:443");
  await at.learning.close();
  const path = join(at.directory, "learned.json");
  writeFileSync(path, readFileSync(path, "utf8").replace("new.example", "evil.example"));
  const next = await world({ directory: at.directory });
  assert.equal(next.learning.entries, 0);
  assert.match(next.lines.join(), /not as it was written/);
  await next.learning.close();
});

test("a disk that takes nothing is told, and tried again", async () => {
  const at = await world();
  rmSync(at.directory, { recursive: true });
  pass(at, "CONNECT new.example:443");
  await at.learning.close();
  assert.match(at.lines.join(), /^error what was seen in learn mode cannot be kept/);
  assert.match(at.learning.conditions()[0]?.reason ?? "", /cannot be kept/);
  mkdirSync(at.directory);
  await at.learning.close();
  assert.equal(kept(at).entries.length, 1);
});

const durations: readonly (readonly [number, string])[] = [
  [0, "0 min"],
  [-5, "0 min"],
  [59_999, "0 min"],
  [60_000, "1 min"],
  [3_600_000, "1 h 0 min"],
  [90_000_000, "1 d 1 h"],
  [86_400_000 * 400, "400 d 0 h"],
];
for (const [milliseconds, expected] of durations) {
  test(`${milliseconds} ms are ${expected}`, () => {
    assert.equal(durationText(milliseconds), expected);
  });
}
