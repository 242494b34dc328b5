import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect, type SecureContext, TLSSocket } from "node:tls";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import type { NamePermit } from "../../../../router/core/policy/permit.ts";
import { type Authority, makeAuthority } from "../../../../router/edge/inspection/authority.ts";
import { createLeafMint, type LeafMint } from "../../../../router/edge/inspection/leaf-mint.ts";
import { permitFor } from "../../core/policy/policy-fixture.ts";

const HOUR = 3_600_000;

function permit(host: string, inspect = true): NamePermit {
  const rule = { id: "r", hosts: [host], ports: [443], protocol: "tls", inspect } as const;
  return permitFor({ allow: [rule] }, `CONNECT ${host}:443`);
}

function mintAt(
  start: number,
  capacity = 4,
  lifetime = 24 * HOUR,
): LeafMint & { at(now: number): void; authority: Authority } {
  let now = start;
  const authority = makeAuthority("pod-1", epochMillis(start));
  const clock = { now: () => epochMillis(now), monotonic: () => millis(now) };
  const mint = createLeafMint(authority, { clock, lifetime: millis(lifetime), capacity });
  return {
    authority,
    contextFor: (asked) => mint.contextFor(asked),
    get kept() {
      return mint.kept;
    },
    get minted() {
      return mint.minted;
    },
    at: (then) => {
      now = then;
    },
  };
}

/** The certificate that a handshake with this context shows. */
async function shown(
  context: SecureContext,
  host: string,
): Promise<{ readonly raw: Buffer; readonly to: string; readonly from: string }> {
  const server = createServer((transport) => {
    new TLSSocket(transport, { isServer: true, secureContext: context }).on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: "127.0.0.1", servername: host, rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => {
    client.once("secureConnect", resolve);
    client.once("error", reject);
  });
  const { raw, valid_to: to, valid_from: from } = client.getPeerCertificate();
  client.destroy();
  server.close();
  return { raw, to, from };
}

test("INV-INSPECT-6: no leaf is minted but for a permit that says inspect", () => {
  const mint = mintAt(Date.now());
  assert.throws(() => mint.contextFor(permit("a.example", false)), TypeError);
  assert.throws(() => mint.contextFor(Object.assign({}, permit("a.example"))), TypeError);
  assert.throws(
    () => mint.contextFor({ host: { kind: "name", text: "a.example" }, obligations: { inspect: true } } as never),
    TypeError,
  );
  assert.equal(mint.minted, 0);
});

test("a leaf is kept, used again, and the one unused for longest goes first", () => {
  const mint = mintAt(Date.now(), 2);
  const first = mint.contextFor(permit("a.example"));
  mint.contextFor(permit("b.example"));
  assert.equal(mint.contextFor(permit("a.example")), first);
  mint.contextFor(permit("c.example"));
  assert.deepEqual([mint.kept, mint.minted], [2, 3]);
  assert.equal(mint.contextFor(permit("a.example")), first);
  mint.contextFor(permit("b.example"));
  assert.equal(mint.minted, 4);
});

test("a leaf is renewed before its end, and where the clock was set back", () => {
  const start = Date.now();
  const mint = mintAt(start);
  const first = mint.contextFor(permit("a.example"));
  mint.at(start + 17 * HOUR);
  assert.equal(mint.contextFor(permit("a.example")), first);
  mint.at(start + 18 * HOUR);
  const second = mint.contextFor(permit("a.example"));
  assert.notEqual(second, first);
  mint.at(start);
  assert.notEqual(mint.contextFor(permit("a.example")), second);
});

test("a leaf lasts as long as is said, from five minutes before, and no longer than its CA", async () => {
  const start = Math.floor(Date.now() / 1000) * 1000;
  const mint = mintAt(start, 4, 2 * HOUR);
  const leaf = await shown(mint.contextFor(permit("a.example")), "a.example");
  assert.equal(Date.parse(leaf.from), start - 300_000);
  assert.equal(Date.parse(leaf.to), start + 2 * HOUR);
  mint.at(mint.authority.notAfter - HOUR);
  const last = await shown(mint.contextFor(permit("a.example")), "a.example");
  assert.equal(Date.parse(last.to), mint.authority.notAfter);
});

test("OpenSSL takes the chain with all its strictness, for the host and for no other", async () => {
  const mint = mintAt(Date.now());
  const directory = mkdtempSync(join(tmpdir(), "sluice-leaf-"));
  try {
    const { raw } = await shown(mint.contextFor(permit("deep.sub.a-b.example")), "deep.sub.a-b.example");
    writeFileSync(join(directory, "ca.pem"), mint.authority.trusted);
    writeFileSync(join(directory, "leaf.pem"), new X509Certificate(raw).toString());
    const verify = (host: string): string => {
      const args = [
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        host,
        "-CAfile",
        "ca.pem",
        "leaf.pem",
      ];
      return execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] }).toString();
    };
    assert.equal(verify("deep.sub.a-b.example"), "leaf.pem: OK\n");
    assert.throws(() => verify("other.example"));
    assert.throws(() => verify("sub.a-b.example"));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("two processes have two CAs, of two names, and neither vouches for the other's leaves", () => {
  const one = makeAuthority("pod-1", epochMillis(Date.now()));
  const two = makeAuthority("pod-1", epochMillis(Date.now()));
  assert.notEqual(one.certificate.subject, two.certificate.subject);
  assert.match(one.certificate.subject, /^CN=Sluice CA [0-9a-f]{8} of pod-1$/);
});
