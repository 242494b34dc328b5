import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createAuthority, issueLeaf, serviceNames } from "../../../../controller/certificates/authority.ts";
import { readAuthority } from "../../../../controller/certificates/kept-state.ts";
import { anchorOf, readPair } from "../../../../controller/certificates/pair.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";

const DAY = 24 * 60 * 60 * 1000;

test("a CA vouches for its leaves, for the names of the Service, and no longer than it lives", async () => {
  const now = epochMillis(Date.UTC(2049, 11, 1));
  const made = await createAuthority(now, millis(60 * DAY));
  const authority = readAuthority(made.certificate, made.key);
  assert.ok(authority !== undefined);
  const { certificate } = authority;
  assert.ok(certificate.ca && certificate.verify(certificate.publicKey));
  assert.equal(certificate.validToDate.toISOString(), "2050-01-30T00:00:00.000Z");
  const { certificate: leaf, key } = await issueLeaf(authority, serviceNames("s", "n"), now, millis(90 * DAY));
  const pair = readPair(leaf, key, "s.n.svc");
  assert.ok(pair.ok);
  assert.equal(anchorOf(pair.value, [certificate])?.fingerprint256, certificate.fingerprint256);
  assert.equal(pair.value.notAfter, certificate.validToDate.getTime());
  assert.equal(pair.value.leaf.checkHost("s.n.svc.cluster.local"), "s.n.svc.cluster.local");
  assert.equal(pair.value.leaf.checkHost("other.n.svc"), undefined);
});

test("no CA vouches for another's leaf, and a leaf for nothing", async () => {
  const now = epochMillis(Date.UTC(2026, 10, 21));
  const [one, other] = await Promise.all([0, 1].map(() => createAuthority(now, millis(DAY))));
  assert.ok(one !== undefined && other !== undefined);
  const parsed = { certificate: new X509Certificate(one.certificate), key: createPrivateKey(one.key) };
  const leaf = await issueLeaf(parsed, ["s.n.svc"], now, millis(DAY));
  const pair = readPair(leaf.certificate, leaf.key, "s.n.svc");
  assert.ok(pair.ok);
  assert.equal(anchorOf(pair.value, [new X509Certificate(other.certificate)]), undefined);
  assert.equal(anchorOf(pair.value, [pair.value.leaf]), undefined);
  assert.equal(readAuthority(leaf.certificate, leaf.key), undefined, "a leaf is no CA");
  assert.equal(readAuthority(one.certificate, other.key), undefined, "another's key");
  assert.equal(readAuthority(one.certificate + other.certificate, one.key), undefined, "two");
});
