import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import { compilePolicy } from "../../../../router/core/policy/compile.ts";
import { decide } from "../../../../router/core/policy/decide.ts";
import type { EgressPolicyDocument } from "../../../../router/core/policy/egress-policy.ts";
import type { CompiledPolicy, PolicySnapshot } from "../../../../router/core/policy/snapshot.ts";
import { compiled, DIGEST, NOON, policyDocument, type PolicyText, request } from "./policy-fixture.ts";

const policy: PolicyText = {
  allow: [
    { id: "a", hosts: ["a.example", "**.b.example"], ports: [443], paths: ["/x/*"], methods: ["GET"] },
    { id: "n", addresses: ["10.0.0.1:443"] },
  ],
  deny: [{ id: "d", hosts: ["*.c.example"], ports: [443], methods: ["get"] }],
};

function everyObject(value: unknown, seen = new Set<object>()): ReadonlySet<object> {
  if (typeof value !== "object" || value === null || seen.has(value)) return seen;
  seen.add(value);
  for (const key of Reflect.ownKeys(value)) everyObject(Reflect.get(value, key), seen);
  return seen;
}

test("INV-SNAPSHOT-FROZEN: everything reachable from a snapshot is frozen, and none of it is a Map or a Set", () => {
  const snapshot = compiled(policy);
  const host = { kind: "name", text: "x.b.example" } as const;
  for (const root of [snapshot, snapshot.allowFor(host as never), snapshot.denyFor(host as never)]) {
    for (const found of everyObject(root)) {
      assert.ok(Object.isFrozen(found), JSON.stringify(found));
      assert.ok(!(found instanceof Map) && !(found instanceof Set));
    }
  }
});

test("INV-SNAPSHOT-FROZEN: a document changed after compiling changes nothing", () => {
  const document = policyDocument(policy);
  const snapshot = compilePolicy(document, DIGEST, millis(0));
  const first = document.allow[0]!;
  (document.allow as unknown[]).length = 0;
  (document.deny as unknown[]).length = 0;
  (first.ports as unknown as number[]).push(22);
  (first.hosts as unknown as object[]).push({ kind: "exact", name: "evil.example" });
  Object.assign(document, { mode: "learn" });
  const verdict = (text: string): string => decide(snapshot, request(text), NOON).effect;
  assert.equal(verdict("CONNECT a.example:443"), "permit");
  assert.equal(verdict("CONNECT a.example:22"), "deny");
  assert.equal(verdict("CONNECT evil.example:443"), "deny");
});

test("INV-SNAPSHOT-FROZEN: a copy of a snapshot is no snapshot", () => {
  const copy = Object.assign({}, compiled(policy), { mode: "learn" }) as unknown as PolicySnapshot;
  assert.throws(() => decide(copy, request("CONNECT anything.example:443"), NOON), TypeError);
  const imitation = Object.assign(Object.create(Object.getPrototypeOf(compiled(policy)) as object) as CompiledPolicy, {
    state: "loaded",
    deniesFrom: Number.POSITIVE_INFINITY,
    mode: "learn",
  });
  assert.throws(() => decide(imitation, request("CONNECT anything.example:443"), NOON), TypeError);
});

test("a path pattern that no parser checked is a bug, not a rule", () => {
  assert.throws(() => compiled({ allow: [{ id: "a", hosts: ["a.example"], paths: ["no-slash"] }] }), /unchecked/);
});

/** Nanoseconds for one decision: the best of many rounds, which a second ends. */
function decisionTime(snapshot: CompiledPolicy, texts: readonly string[]): number {
  const requests = texts.map(request);
  const started = performance.now();
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 2_000 && performance.now() - started < 1_000; round += 1) {
    const began = performance.now();
    for (const asked of requests) decide(snapshot, asked, NOON);
    best = Math.min(best, ((performance.now() - began) * 1e6) / requests.length);
  }
  return best;
}

const written = (rules: number): EgressPolicyDocument =>
  policyDocument({
    allow: Array.from({ length: rules }, (_, index) => ({
      id: `r${index}`,
      hosts: [`${["", "*.", "**."][index % 3] ?? ""}h${index}.example`],
      ports: [443],
    })),
    deny: Array.from({ length: rules / 10 }, (_, index) => ({ id: `d${index}`, hosts: [`**.d${index}.example`] })),
  });

const asked = (rules: number): readonly string[] =>
  Array.from({ length: 30 }, (_, index) => Math.floor((index * rules) / 30)).flatMap((index) => [
    `CONNECT h${index}.example:443`,
    `CONNECT x.h${index}.example:443`,
    `CONNECT x.y.h${index}.example:443`,
    `CONNECT x.d${index % (rules / 10)}.example:443`,
    `CONNECT missing${index}.elsewhere:443`,
  ]);

test("10,000 rules: compiled in 200 ms, and a decision costs no more than among 100", { timeout: 20_000 }, () => {
  const document = written(10_000);
  // Time on the processor, so that a busy machine does not count.
  let compileTime = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3; round += 1) {
    const before = process.cpuUsage();
    compilePolicy(document, DIGEST, millis(0));
    const { user, system } = process.cpuUsage(before);
    compileTime = Math.min(compileTime, (user + system) / 1_000);
  }
  assert.ok(compileTime < 200, `compiled in ${compileTime} ms`);

  const large = compilePolicy(document, DIGEST, millis(0));
  const small = compilePolicy(written(100), DIGEST, millis(0));
  const [few, many] = [decisionTime(small, asked(100)), decisionTime(large, asked(10_000))];
  // Linear would be a hundredfold; caches and a busy machine explain some, never that.
  assert.ok(many < 10 * few + 1_000, `${few} ns among 100 rules, ${many} ns among 10,000`);
  assert.ok(many < 5_000, `${many} ns a decision`);
});
