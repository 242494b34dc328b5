import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  type CertifiedKey,
  createAuthority,
  issueLeaf,
  serviceNames,
} from "../../../../controller/certificates/authority.ts";
import { keepFromDirectory } from "../../../../controller/certificates/directory-keeper.ts";
import type { KeptCertificate } from "../../../../controller/certificates/kept-certificate.ts";
import type { Pair } from "../../../../controller/certificates/pair.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { bundles, KeptObjects, withWebhooks } from "./kept-objects.ts";

const DAY = 24 * 60 * 60 * 1000;
const NOW = Date.UTC(2026, 10, 21);
const NAMES = serviceNames("sluice-webhook", "sluice-system");

interface Issued {
  readonly ca: string;
  readonly leaf: CertifiedKey;
}

async function issued(names = NAMES, at = NOW, life = 30 * DAY): Promise<Issued> {
  const authority = await createAuthority(epochMillis(at), millis(2 * life));
  const parsed = { certificate: new X509Certificate(authority.certificate), key: createPrivateKey(authority.key) };
  return { ca: authority.certificate, leaf: await issueLeaf(parsed, names, epochMillis(at), millis(life)) };
}

let swaps = 0;
/** As the kubelet does it: a directory of its own, and `..data` renamed over the one before. */
async function swap(directory: string, { ca, leaf }: Issued): Promise<void> {
  swaps += 1;
  const at = `..${swaps}`;
  await mkdir(join(directory, at));
  await writeFile(join(directory, at, "tls.crt"), leaf.certificate);
  await writeFile(join(directory, at, "tls.key"), leaf.key);
  await writeFile(join(directory, at, "ca.crt"), ca);
  await symlink(at, join(directory, "..new"));
  await rename(join(directory, "..new"), join(directory, "..data"));
}

interface Kept {
  readonly directory: string;
  readonly keeper: KeptCertificate;
  readonly served: Pair[];
  pass(time: number): void;
}

async function kept(t: TestContext, kube: KeptObjects | undefined, directory?: string): Promise<Kept> {
  const at = directory ?? (await mkdtemp(join(tmpdir(), "sluice-certificates-")));
  if (directory === undefined) t.after(() => rm(at, { recursive: true }));
  const served: Pair[] = [];
  let passed = 0;
  const webhooks = { mutatingWebhook: "sluice-injector", validatingWebhook: "sluice-validator" };
  const keeper = keepFromDirectory({
    bundles: kube === undefined ? undefined : { kube, webhooks },
    clock: { wall: () => epochMillis(NOW + passed), monotonic: () => passed },
    events: { serve: (pair) => served.push(pair), event: () => {} },
    namespace: "sluice-system",
    service: "sluice-webhook",
    directory: at,
    overlap: millis(60_000),
    interval: millis(60 * 60_000),
  });
  t.after(() => keeper[Symbol.asyncDispose]());
  return { directory: at, keeper, served, pass: (time) => (passed += time) };
}

test("what is put there is served, without a restart", async (t) => {
  const { keeper, served, directory } = await kept(t, undefined);
  await keeper.look();
  assert.equal(keeper.condition().state, "failed");
  assert.match(keeper.condition().reason, /tls\.crt cannot be read/);
  const [one, other] = [await issued(), await issued()];
  for (const given of [one, other]) {
    await swap(directory, given);
    await keeper.look();
    assert.equal(served.at(-1)?.certificate, given.leaf.certificate);
    assert.deepEqual(keeper.condition(), { state: "ok", reason: "" });
  }
});

test("what cannot be served leaves the last good one, and says why", async (t) => {
  const { keeper, served, directory } = await kept(t, undefined);
  const good = await issued();
  const other = await issued();
  const cases: readonly (readonly [string, Issued, RegExp])[] = [
    ["another's key", { ...good, leaf: { ...good.leaf, key: other.leaf.key } }, /not the key of/],
    [
      "another name",
      await issued(["sluice-webhook.elsewhere.svc"]),
      /does not name sluice-webhook\.sluice-system\.svc/,
    ],
    ["over", await issued(NAMES, NOW - 40 * DAY), /not valid at this time/],
    ["not yet", await issued(NAMES, NOW + DAY), /not valid at this time/],
    ["junk", { ...good, leaf: { ...good.leaf, certificate: "junk" } }, /tls\.crt is not certificates/],
    ["cut short", { ...good, leaf: { ...good.leaf, certificate: good.leaf.certificate.slice(0, 300) } }, /tls\.crt/],
    ["no key", { ...good, leaf: { ...good.leaf, key: "" } }, /no private key/],
    ["a CA", { ...good, leaf: { certificate: good.ca, key: good.leaf.key } }, /tls\.key is not/],
  ];
  await swap(directory, good);
  await keeper.look();
  for (const [name, bad, reason] of cases) {
    await swap(directory, bad);
    await keeper.look();
    assert.equal(keeper.condition().state, "degraded", name);
    assert.match(keeper.condition().reason, reason, name);
    assert.equal(served.length, 1, name);
  }
});

test("the last good one that ends is not ready", async (t) => {
  const { keeper, directory, pass } = await kept(t, undefined);
  await swap(directory, await issued());
  await keeper.look();
  pass(27 * DAY);
  await keeper.look();
  assert.match(keeper.condition().reason, /was not renewed/);
  assert.equal(keeper.condition().state, "degraded");
  pass(4 * DAY);
  await keeper.look();
  assert.equal(keeper.condition().state, "failed");
  assert.match(keeper.condition().reason, /^The certificate ended at 2026-12-21T00:00:00\.000Z/);
});

test("with caBundle to repair: a new CA is published first, and served when it is known", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  const one = await kept(t, kube);
  const late = await kept(t, kube);
  const [before, after] = [await issued(), await issued()];
  for (const { directory, keeper } of [one, late]) {
    await swap(directory, before);
    await keeper.look();
  }
  assert.equal(bundles(kube)["inject.sluice.dev"], before.ca);
  assert.equal(bundles(kube)["other.example"], "other");
  await swap(one.directory, after);
  await one.keeper.look();
  assert.equal(one.served.length, 1);
  // The other replica has not got its files yet, and does not take the new CA away.
  await late.keeper.look();
  const both = bundles(kube)["stamp.sluice.dev"] ?? "";
  assert.ok(both.includes(before.ca) && both.includes(after.ca));
  one.pass(61_000);
  await one.keeper.look();
  assert.equal(one.keeper.served()?.certificate, after.leaf.certificate);
  await swap(late.directory, after);
  await late.keeper.look();
  late.pass(61_000);
  await late.keeper.look();
  assert.equal(late.keeper.served()?.certificate, after.leaf.certificate);
  for (const { keeper, pass } of [one, late]) {
    pass(11 * 60_000);
    await keeper.look();
  }
  for (const { keeper } of [one, late]) await keeper.look();
  assert.equal(bundles(kube)["validate.sluice.dev"], after.ca);
});

test("a certificate that does not lead to ca.crt is not served where caBundle is ours to keep", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  const { keeper, directory } = await kept(t, kube);
  await swap(directory, { ...(await issued()), ca: (await issued()).ca });
  await keeper.look();
  assert.match(keeper.condition().reason, /does not lead to/);
  assert.equal(keeper.served(), undefined);
  assert.equal(bundles(kube)["inject.sluice.dev"], "");
});
