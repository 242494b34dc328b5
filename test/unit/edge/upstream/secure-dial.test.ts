import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { after, test } from "node:test";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { millis, portOf } from "../../../../router/core/base/quantity.ts";
import { commonName, serialNumber } from "../../../../router/core/certificate/certificate.ts";
import type { Der } from "../../../../router/core/certificate/der.ts";
import { dnsName, hostName } from "../../../../router/core/certificate/extensions.ts";
import { leafFields } from "../../../../router/core/certificate/profiles.ts";
import { parseHost } from "../../../../router/core/wire/host.ts";
import { parseIpAddress } from "../../../../router/core/wire/ip-address.ts";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { systemClock } from "../../../../router/app/clock.ts";
import {
  certify,
  keyIdOf,
  makeAuthority,
  publicKeyOctets,
  timeText,
} from "../../../../router/edge/inspection/authority.ts";
import { type Alpn, originTrust, secure } from "../../../../router/edge/upstream/secure-dial.ts";

const NOW = Date.now();
const DAY = 86_400_000;
const root = makeAuthority("origins", epochMillis(NOW));
const stranger = makeAuthority("strangers", epochMillis(NOW));
const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
const trusted = originTrust(root.trusted);
assert.ok(trusted.ok);
const context = trusted.value;
const open = new Set<Server>();
after(() => {
  for (const server of open) server.close();
});

const address = parseIpAddress("127.0.0.1");
assert.ok(address !== undefined);
const ipName = hostName({ kind: "address", text: address });

interface Leaf {
  readonly names?: readonly Der[];
  readonly subject?: string;
  readonly from?: number;
  readonly to?: number;
  readonly issuer?: typeof root;
}

function leaf({ names = [dnsName("a.test")], subject = "", from = -DAY, to = DAY, issuer = root }: Leaf): TlsOptions {
  const fields = leafFields({
    serial: serialNumber(new Uint8Array(16)),
    algorithm: "ecdsa-sha256",
    issuer: issuer.name,
    issuerKeyId: issuer.keyId,
    subject: commonName(subject),
    names,
    notBefore: timeText(NOW + from),
    notAfter: timeText(NOW + to),
    publicKey: publicKeyOctets(keys.publicKey),
    keyId: keyIdOf(keys.publicKey),
  });
  return { cert: certify(fields, issuer.key).toString(), key: pem(keys.privateKey) };
}

function pem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" });
}

async function listening(server: Server): Promise<number> {
  open.add(server);
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

async function tlsPort(options: TlsOptions): Promise<number> {
  return listening(createTlsServer(options, (socket) => void socket.on("error", () => undefined)));
}

interface Asked {
  readonly host?: string;
  readonly alpn?: readonly Alpn[];
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/** `ok` and what was agreed to, or the reason and what it says. */
async function dialled(
  port: number,
  { alpn = [], host = "a.test", signal, timeout = 2_000 }: Asked = {},
): Promise<string> {
  const transport: Socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  await once(transport, "connect");
  const parsed = parseHost(host);
  const at = portOf(port);
  assert.ok(parsed.ok && at !== undefined && address !== undefined);
  const link = { socket: transport, address, port: at, connectMillis: millis(1) };
  const options = { host: parsed.value, context, alpn, clock: systemClock, timeout: millis(timeout) };
  const done = await secure(link, { ...options, signal: signal ?? new AbortController().signal });
  if (done.ok) {
    const said = `ok ${done.value.alpn} ${done.value.socket.getProtocol()}`;
    done.value.socket.destroy();
    return said;
  }
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(transport.destroyed, "the link is still open");
  return `${done.problem.reason} ${done.problem.detail}`;
}

const invalid = (what: string): string => `upstream_invalid 127.0.0.1: ${what}`;
const OTHER_NAME = invalid("the certificate is for another name (ERR_TLS_CERT_ALTNAME_INVALID)");

const certificates: readonly (readonly [name: string, leaf: Leaf, expected: string, host?: string])[] = [
  ["for the host", {}, "ok undefined TLSv1.3"],
  ["for the host among others", { names: [dnsName("b.test"), dnsName("a.test")] }, "ok undefined TLSv1.3"],
  ["for all hosts of the zone", { names: [dnsName("*.test.example")] }, "ok undefined TLSv1.3", "a.test.example"],
  ["for hosts one level up", { names: [dnsName("*.example")] }, OTHER_NAME, "a.test.example"],
  ["for part of a label", { names: [dnsName("a*.test.example")] }, OTHER_NAME, "ab.test.example"],
  ["for everything", { names: [dnsName("*")] }, OTHER_NAME],
  ["for another host", { names: [dnsName("b.test")] }, OTHER_NAME],
  ["with the host in its common name alone", { names: [ipName], subject: "a.test" }, OTHER_NAME],
  ["with a NUL behind the host", { names: [dnsName("a.test\0.evil.test")] }, OTHER_NAME],
  ["for the address", { names: [ipName] }, "ok undefined TLSv1.3", "127.0.0.1"],
  ["with the address as a name", { names: [dnsName("127.0.0.1")] }, OTHER_NAME, "127.0.0.1"],
  ["that has expired", { to: -1_000 }, invalid("the certificate has expired (CERT_HAS_EXPIRED)")],
  ["of tomorrow", { from: DAY, to: 2 * DAY }, invalid("the certificate is not valid yet (CERT_NOT_YET_VALID)")],
  [
    "of an issuer that nobody knows",
    { issuer: stranger },
    invalid("the certificate leads to no trusted root (UNABLE_TO_VERIFY_LEAF_SIGNATURE)"),
  ],
];
for (const [name, made, expected, host] of certificates) {
  test(`INV-INSPECT-7: a certificate ${name}`, async () => {
    assert.equal(await dialled(await tlsPort(leaf(made)), host === undefined ? {} : { host }), expected);
  });
}

test("INV-INSPECT-7: a certificate of its own, and one of a CA", async () => {
  const name = commonName("self");
  const own = { ...root, name, key: keys.privateKey, keyId: keyIdOf(keys.publicKey) };
  assert.equal(
    await dialled(await tlsPort(leaf({ issuer: own, subject: "self" }))),
    invalid("the certificate is self-signed (DEPTH_ZERO_SELF_SIGNED_CERT)"),
  );
  assert.equal(
    await dialled(await tlsPort({ cert: stranger.trusted, key: pem(stranger.key) })),
    invalid("the certificate is not for servers (INVALID_PURPOSE)"),
  );
});

test("INV-INSPECT-7: the environment does not weaken the check", async () => {
  const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  try {
    assert.equal(await dialled(await tlsPort(leaf({ names: [dnsName("b.test")] }))), OTHER_NAME);
  } finally {
    if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
  }
});

test("the origin chooses of what is offered", async () => {
  const port = await tlsPort({ ...leaf({}), ALPNProtocols: ["h2", "http/1.1"] });
  assert.equal(await dialled(port, { alpn: ["h2", "http/1.1"] }), "ok h2 TLSv1.3");
  assert.equal(await dialled(port, { alpn: ["http/1.1"] }), "ok http/1.1 TLSv1.3");
  assert.equal(await dialled(port), "ok undefined TLSv1.3");
});

test("TLS 1.2 is the oldest", async () => {
  const old = { ciphers: "DEFAULT@SECLEVEL=0", minVersion: "TLSv1" } as const;
  assert.equal(await dialled(await tlsPort({ ...leaf({}), maxVersion: "TLSv1.2" })), "ok undefined TLSv1.2");
  assert.match(
    await dialled(await tlsPort({ ...leaf({}), ...old, maxVersion: "TLSv1.1" })),
    /^upstream_invalid 127\.0\.0\.1: the TLS handshake failed \(ERR_SSL_[A-Z0-9_]+\)$/,
  );
});

const speakers: readonly (readonly [name: string, serve: (socket: Socket) => void, expected: RegExp])[] = [
  ["is not TLS", (socket) => void socket.write("SSH-2.0-OpenSSH\r\n"), /^upstream_invalid .*\(ERR_SSL_/],
  ["says nothing", () => undefined, /^upstream_unreachable .*no TLS handshake within 200 ms$/],
  ["leaves", (socket) => void socket.end(), /^upstream_unreachable .*(?:ECONNRESET|closed during)/],
  ["resets", (socket) => void socket.resetAndDestroy(), /^upstream_unreachable .*(?:ECONNRESET|closed during)/],
];
for (const [name, serve, expected] of speakers) {
  test(`an origin that ${name}`, async () => {
    const port = await listening(
      createServer((socket) => {
        socket.on("error", () => undefined);
        socket.once("data", () => serve(socket));
      }),
    );
    assert.match(await dialled(port, { timeout: 200 }), expected);
  });
}

test("a signal ends the handshake", async () => {
  const port = await listening(createServer((socket) => void socket.on("error", () => undefined)));
  assert.equal(await dialled(port, { signal: AbortSignal.timeout(20) }), "upstream_unreachable 127.0.0.1: given up");
  assert.equal(await dialled(port, { signal: AbortSignal.abort() }), "upstream_unreachable 127.0.0.1: given up");
});

const files: readonly (readonly [name: string, text: string, problem: string])[] = [
  ["nothing", "", "It holds 1 to 1024 certificates in PEM."],
  ["a key", pem(root.key), "It holds 1 to 1024 certificates in PEM."],
  ["one that is broken", root.trusted.replace(/[A-Za-z0-9]{8}/, "!"), "One of its certificates cannot be read."],
];
for (const [name, text, problem] of files) {
  test(`further roots: ${name}`, () => assert.deepEqual(originTrust(text), { ok: false, problem }));
}
