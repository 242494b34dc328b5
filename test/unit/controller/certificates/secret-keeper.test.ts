import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test, type TestContext } from "node:test";
import type { KeptCertificate } from "../../../../controller/certificates/kept-certificate.ts";
import { anchorOf, type Pair } from "../../../../controller/certificates/pair.ts";
import { keepInSecret } from "../../../../controller/certificates/secret-keeper.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { bundles, KeptObjects, MUTATING, SECRET, VALIDATING, withWebhooks } from "./kept-objects.ts";

const DAY = 24 * 60 * 60 * 1000;
const MINUTE = 60_000;

interface Replica {
  readonly keeper: KeptCertificate;
  readonly served: Pair[];
  /** Only this replica's clock. */
  shift(by: number): void;
}

class Times {
  wall = Date.UTC(2026, 10, 21);
  monotonic = 0;
  pass(time: number): void {
    this.wall += time;
    this.monotonic += time;
  }
}

async function replica(t: TestContext, kube: KeptObjects, times: Times): Promise<Replica> {
  const served: Pair[] = [];
  let shifted = 0;
  const keeper = keepInSecret({
    kube,
    clock: { wall: () => epochMillis(times.wall + shifted), monotonic: () => times.monotonic },
    events: { serve: (pair) => served.push(pair), event: () => {} },
    namespace: "sluice-system",
    service: "sluice-webhook",
    secret: "sluice-webhook",
    webhooks: { mutatingWebhook: "sluice-injector", validatingWebhook: "sluice-validator" },
    caLifetime: millis(365 * DAY),
    leafLifetime: millis(90 * DAY),
    overlap: millis(5 * MINUTE),
    interval: millis(60 * MINUTE),
  });
  t.after(() => keeper[Symbol.asyncDispose]());
  await keeper.look();
  return { keeper, served, shift: (by) => (shifted += by) };
}

function authorities(text: string): readonly X509Certificate[] {
  return text
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter((part) => part !== "")
    .map((part) => new X509Certificate(part));
}

/** What is served now is trusted by every webhook now. */
function assertTrusted(kube: KeptObjects, { keeper }: Replica): void {
  const pair = keeper.served();
  assert.ok(pair !== undefined);
  const { "other.example": others, ...ours } = bundles(kube);
  assert.equal(others, "other");
  for (const text of Object.values(ours)) assert.ok(anchorOf(pair, authorities(text)) !== undefined);
}

test("from nothing: a CA and a leaf in the Secret, the CA in every webhook of ours, and nothing else touched", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  const one = await replica(t, kube, new Times());
  assert.deepEqual(one.keeper.condition(), { state: "ok", reason: "" });
  assertTrusted(kube, one);
  const data = kube.objects.get(SECRET)?.["data"] as object;
  assert.deepEqual(Object.keys(data), ["ca.crt", "ca.key", "tls.crt", "tls.key"]);
  const { leaf } = one.keeper.served() as Pair;
  assert.equal(
    leaf.subjectAltName,
    "DNS:sluice-webhook.sluice-system.svc, DNS:sluice-webhook.sluice-system.svc.cluster.local, DNS:sluice-webhook.sluice-system",
  );
  assert.deepEqual([leaf.ca, leaf.keyUsage], [false, ["1.3.6.1.5.5.7.3.1"]]);
  const writes = kube.requests.filter((request) => !request.startsWith("GET"));
  assert.equal(writes.length, 3);
  await one.keeper.look();
  assert.equal(kube.requests.filter((request) => !request.startsWith("GET")).length, 3);
});

test("replicas that begin at once agree on one pair", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  const times = new Times();
  const all = await Promise.all([1, 2, 3, 4].map(() => replica(t, kube, times)));
  await Promise.all(all.map(({ keeper }) => keeper.look()));
  assert.equal(new Set(all.map(({ keeper }) => keeper.served()?.certificate)).size, 1);
  for (const each of all) assertTrusted(kube, each);
});

test("a leaf is renewed after two thirds of its life, by the same CA, and once", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  const times = new Times();
  const both = [await replica(t, kube, times), await replica(t, kube, times)];
  const before = bundles(kube);
  times.pass(59 * DAY);
  await Promise.all(both.map(({ keeper }) => keeper.look()));
  assert.deepEqual(
    both.map(({ served }) => served.length),
    [1, 1],
  );
  times.pass(2 * DAY);
  await Promise.all(both.map(({ keeper }) => keeper.look()));
  await Promise.all(both.map(({ keeper }) => keeper.look()));
  assert.deepEqual(
    both.map(({ served }) => served.length),
    [2, 2],
  );
  assert.equal(both[0]?.keeper.served()?.certificate, both[1]?.keeper.served()?.certificate);
  assert.deepEqual(bundles(kube), before);
});

test("INV-CERT-OVERLAP: a CA is announced, known everywhere, and only then signs; the one before goes with its last leaf", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  const times = new Times();
  const both = [await replica(t, kube, times), await replica(t, kube, times)] as const;
  const looks = async (): Promise<number> => {
    await Promise.all(both.map(({ keeper }) => keeper.look()));
    for (const each of both) assertTrusted(kube, each);
    return authorities(bundles(kube)["inject.sluice.dev"] ?? "").length;
  };
  // Leaves come and go until the CA's time is near.
  for (let day = 0; day < 240; day += 20) {
    times.pass(20 * DAY);
    await looks();
  }
  times.pass(4 * DAY);
  const old = both[0].keeper.served() as Pair;
  assert.equal(await looks(), 2, "announced");
  await looks();
  times.pass(4 * MINUTE);
  assert.equal(await looks(), 2);
  assert.equal(both[0].keeper.served(), old, "not served yet");
  times.pass(2 * MINUTE);
  await looks();
  assert.equal(await looks(), 2, "the one before is trusted still");
  const fresh = both[0].keeper.served() as Pair;
  assert.notEqual(fresh.leaf.issuer, old.leaf.issuer);
  assert.equal(both[1].keeper.served()?.certificate, fresh.certificate);
  times.pass(89 * DAY);
  assert.equal(await looks(), 1, "forgotten");
});

test("a replica that starts in the middle of a rotation serves what is trusted, and promotes nothing early", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  const times = new Times();
  const one = await replica(t, kube, times);
  times.pass(244 * DAY);
  await one.keeper.look();
  await one.keeper.look();
  times.pass(4 * MINUTE);
  const late = await replica(t, kube, times);
  times.pass(2 * MINUTE);
  await late.keeper.look();
  assertTrusted(kube, late);
  const before = late.keeper.served()?.leaf.issuer;
  await one.keeper.look();
  await late.keeper.look();
  assert.notEqual(one.keeper.served()?.leaf.issuer, before);
  assert.equal(late.keeper.served()?.leaf.issuer, before, "it has not seen the new CA for long enough");
  assertTrusted(kube, late);
  times.pass(4 * MINUTE);
  await late.keeper.look();
  assert.equal(late.keeper.served()?.certificate, one.keeper.served()?.certificate);
});

const junk: readonly (readonly [name: string, data: unknown])[] = [
  ["no data", undefined],
  ["data that is a text", "x"],
  ["values that are no PEM", { "ca.crt": "anVuaw==", "ca.key": "anVuaw==", "tls.crt": "!!!", "tls.key": 7 }],
  ["ten megabytes", { "tls.crt": Buffer.alloc(10_000_000, 0x2d).toString("base64") }],
];

for (const [name, data] of junk) {
  test(`a Secret with ${name} is made whole, and what was served is trusted until it ends`, async (t) => {
    const kube = withWebhooks(new KeptObjects());
    const times = new Times();
    const both = [await replica(t, kube, times), await replica(t, kube, times)] as const;
    const old = both[0].keeper.served();
    kube.set(SECRET, { kind: "Secret", ...(data === undefined ? {} : { data }) });
    for (const each of both) await each.keeper.look();
    assert.equal(both[0].keeper.served(), old);
    for (const each of both) assertTrusted(kube, each);
    times.pass(6 * MINUTE);
    for (const each of both) await each.keeper.look();
    for (const each of both) assertTrusted(kube, each);
    assert.notEqual(both[0].keeper.served(), old);
    assert.equal(both[0].keeper.served()?.certificate, both[1].keeper.served()?.certificate);
    assert.equal(both[0].keeper.condition().state, "ok");
  });
}

for (const part of ["ca.crt", "ca.key", "tls.crt", "tls.key"]) {
  test(`a Secret without ${part}, or with another's, is made whole`, async (t) => {
    for (const value of [undefined, "other"]) {
      const kube = withWebhooks(new KeptObjects());
      const foreign = withWebhooks(new KeptObjects());
      const times = new Times();
      await replica(t, foreign, times);
      const one = await replica(t, kube, times);
      const data = { ...(kube.objects.get(SECRET)?.["data"] as Record<string, string>) };
      if (value === undefined) delete data[part];
      else data[part] = (foreign.objects.get(SECRET)?.["data"] as Record<string, string> | undefined)?.[part] ?? "";
      kube.set(SECRET, { kind: "Secret", data });
      await one.keeper.look();
      assertTrusted(kube, one);
      times.pass(6 * MINUTE);
      await one.keeper.look();
      assertTrusted(kube, one);
      const fresh = await replica(t, kube, times);
      assertTrusted(kube, fresh);
      assert.equal(fresh.keeper.served()?.certificate, one.keeper.served()?.certificate);
    }
  });
}

test("a Secret that is deleted: everything anew, with overlap", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  const times = new Times();
  const one = await replica(t, kube, times);
  const old = one.keeper.served();
  kube.objects.delete(SECRET);
  await one.keeper.look();
  assert.equal(one.keeper.served(), old);
  assertTrusted(kube, one);
  times.pass(6 * MINUTE);
  await one.keeper.look();
  assert.notEqual(one.keeper.served()?.leaf.issuer, old?.leaf.issuer);
});

test("INV-CERT-BUNDLE: caBundle is repaired on drift, and only by the version that was read", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  const times = new Times();
  const one = await replica(t, kube, times);
  const good = bundles(kube);
  withWebhooks(kube);
  await one.keeper.look();
  assert.deepEqual(bundles(kube), good);
  kube.set(VALIDATING, { webhooks: [{ name: "validate.sluice.dev", clientConfig: { caBundle: "anVuaw==" } }] });
  // Somebody adds an entry between our reading and our writing.
  kube.beforeWrite = () =>
    kube.set(VALIDATING, {
      webhooks: [
        { name: "z.example", clientConfig: { caBundle: "b3RoZXI=" } },
        { name: "validate.sluice.dev", clientConfig: {} },
      ],
    });
  await one.keeper.look();
  assert.equal(bundles(kube)["z.example"], "other");
  assert.match(one.keeper.condition().reason, /answered 422/);
  await one.keeper.look();
  assert.deepEqual(bundles(kube), { ...good, "z.example": "other" });
  assert.equal(one.keeper.condition().state, "ok");
});

test("an API server that cannot be asked: the last good is served, and is degraded; at its end not ready", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  const times = new Times();
  const one = await replica(t, kube, times);
  for (const outage of ["unreachable", 403, 500] as const) {
    kube.outage = outage;
    await one.keeper.look();
    assert.equal(one.keeper.condition().state, "degraded");
    assert.equal(one.served.length, 1);
  }
  times.pass(91 * DAY);
  assert.match(one.keeper.condition().reason, /ended at 2027-02-19/);
  assert.equal(one.keeper.condition().state, "failed");
  kube.outage = undefined;
  await one.keeper.look();
  assert.equal(one.keeper.condition().state, "ok");
  assertTrusted(kube, one);
});

test("nothing is ready that cannot be published", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  kube.outage = 403;
  const one = await replica(t, kube, new Times());
  assert.equal(one.keeper.condition().state, "failed");
  assert.equal(one.keeper.served(), undefined);
  kube.outage = undefined;
  kube.beforeWrite = () => kube.set(MUTATING, { webhooks: [{ name: "a.sluice.dev", clientConfig: {} }] });
  await one.keeper.look();
  await one.keeper.look();
  assert.equal(one.keeper.condition().state, "ok");
});

test("a CA that ended while nobody looked is made anew and served at once", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  const times = new Times();
  const one = await replica(t, kube, times);
  times.pass(1000 * DAY);
  await one.keeper.look();
  assertTrusted(kube, one);
  assert.equal(one.keeper.condition().state, "ok");
});

test("clocks that step, or differ by hours, are no reason to write without end", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  const times = new Times();
  const both = [await replica(t, kube, times), await replica(t, kube, times)] as const;
  both[1].shift(-2 * 60 * MINUTE);
  const writes = (): number => kube.requests.filter((request) => !request.startsWith("GET")).length;
  for (let round = 0; round < 4; round++) for (const { keeper } of both) await keeper.look();
  const settled = writes();
  for (let round = 0; round < 20; round++) for (const { keeper } of both) await keeper.look();
  assert.equal(writes(), settled);
  for (const each of both) assertTrusted(kube, each);
});
