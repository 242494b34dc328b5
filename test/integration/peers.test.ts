import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Resolver } from "node:dns/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Card, cardOf, type CardSigner, cardSigner, peerOf, signedCard, thumbprint } from "../fakes/agent-card.ts";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { type FakeDns, fakeDns } from "../fakes/dns-server.ts";
import { httpOrigin, type Origin, testCa } from "../fakes/origins.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { verifyCard } from "../../router/app/peers/verify-card.ts";
import { epochMillis } from "../../router/core/base/quantity.ts";

/** Peers in the real process, with listeners that count connections and a name server that counts questions. */
const NAMES = ["billing", "island", "ruled", "carded", "forged", "lost"] as const;
type Name = (typeof NAMES)[number];
const signers = new Map(NAMES.map((name) => [name, cardSigner(name === "carded" ? "ES256" : "EdDSA", "k1")]));
const signerOf = (name: Name): CardSigner => signers.get(name) ?? assert.fail(name);

const origins = new Map<Name, Origin>();
const asked: string[] = [];
const cards = new Map<string, Card | string>();
let dns: FakeDns;
let sidecar: Sidecar;
let isUp = false;
let directory: string;
let cardPort: number;
const { certificatePem, keyPem } = testCa().issue(NAMES.map((name) => `${name}.example`));
const cardServer = createServer({ key: keyPem, cert: certificatePem }, (request, response) => {
  const host = request.headers.host ?? "";
  asked.push(`${request.method} ${host} ${request.url}`);
  const card = cards.get(host.split(".")[0] ?? "");
  if (card === undefined) response.writeHead(302, { location: `https://billing.example:${cardPort}/` }).end();
  else response.end(typeof card === "string" ? card : JSON.stringify(card));
});

const portOf = (name: Name): number => origins.get(name)?.port ?? 0;

function peerLine(name: Name, withCard: boolean): string {
  const { kid, algorithm, spki } = signerOf(name).key;
  const port = portOf(name);
  const card = withCard ? `, card: { endpoint: "${name}.example:${cardPort}" }` : "";
  const more = withCard ? `, "${name}.example:${cardPort}"` : "";
  const addresses = withCard ? `"127.0.0.1:${port}", "127.0.0.1:${cardPort}"` : `"127.0.0.1:${port}"`;
  return `    - { id: ${name}, keys: [{ kid: ${kid}, algorithm: ${algorithm}, spki: "${spki}" }]${card}, endpoints: ["${name}.example:${port}"${more}], addresses: [${addresses}] }`;
}

function rules(connected: readonly string[]): readonly string[] {
  return [
    "delegate: [egress]",
    "rules:",
    "  - { id: mesh, effect: allow, actions: [mesh.send], when: { peer: { in: [billing, island, carded, forged, lost] } } }",
    "  - { id: not-ruled, effect: deny, actions: [mesh.send], when: { peer: { in: [ruled] } } }",
    "trust:",
    "  rates: { initial: 595, reward: 10, penalty: 50, perHour: 100, decay: 0 }",
    "  peers:",
    ...NAMES.map((name) => peerLine(name, name === "carded" || name === "forged" || name === "lost")),
    `  graph: [${connected.map((name) => `{ from: self, to: ${name} }`).join(", ")}, { from: billing, to: island }, { from: island, to: self }]`,
  ];
}
const CONNECTED = ["billing", "ruled", "carded", "forged", "lost"];

before(async () => {
  for (const name of NAMES) origins.set(name, await httpOrigin());
  await new Promise<void>((resolve) => cardServer.listen(0, "127.0.0.1", resolve));
  cardPort = (cardServer.address() as AddressInfo).port;
  dns = await fakeDns(
    Object.fromEntries(
      NAMES.flatMap((name) => [
        [`A ${name}.example`, { addresses: ["127.0.0.1"] }],
        [`AAAA ${name}.example`, {}],
      ]),
    ),
  );
  cards.set("carded", signedCard(cardOf(`https://carded.example:${cardPort}/a2a`), signerOf("carded")));
  cards.set("forged", signedCard(cardOf(`https://forged.example:${cardPort}/a2a`), cardSigner("EdDSA", "k1")));
  directory = mkdtempSync(join(tmpdir(), "sluice-peers-"));
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const identity = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  sidecar = await startSidecar({
    allow: NAMES.map(
      (name) =>
        `{ id: ${name}, hosts: [${name}.example], ports: [${portOf(name)}], protocol: http, addresses: ["127.0.0.1:${portOf(name)}"] }`,
    ),
    governance: rules(CONNECTED),
    wrap: ["env", `NODE_EXTRA_CA_CERTS=${file("ca.pem", testCa().certificatePem)}`],
    settings: [
      "limits: { drain: 200ms }",
      `resolver: { servers: ["${dns.server}"] }`,
      `governance: { identityKeyFile: ${file("identity.pem", identity)}, cardFile: ${file("card.json", JSON.stringify({ ...cardOf("https://me.example/a2a"), securityRequirements: [] }))} }`,
    ],
  });
  isUp = true;
});
after(async () => {
  if (isUp) await sidecar[Symbol.asyncDispose]();
  for (const origin of origins.values()) await origin[Symbol.asyncDispose]();
  cardServer.closeAllConnections();
  await new Promise<void>((resolve) => cardServer.close(() => resolve()));
  await dns.close();
  rmSync(directory, { recursive: true, force: true });
});

const get = (authority: string, path = "/"): string =>
  `GET http://${authority}${path} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`;

async function ask(octets: string): Promise<string> {
  const { text } = await rawRequest(sidecar.port, octets);
  const [, status = "none"] = /^HTTP\/1\.1 ([0-9]{3})/.exec(text) ?? [];
  const [, reason = ""] = /^Sluice-Reason: ([a-z_]+)/m.exec(text) ?? [];
  return `${status} ${reason}`.trim();
}

interface Status {
  readonly governance: {
    readonly identity: { readonly kid: string; readonly spki: string; readonly passing: boolean };
    readonly peers: readonly {
      readonly id: string;
      readonly score: number;
      readonly tier: string;
      readonly connected: boolean;
      readonly card: string;
    }[];
  };
}
async function status(port = sidecar.adminPort): Promise<Status["governance"]> {
  const answer = await fetch(`http://127.0.0.1:${port}/status`);
  return ((await answer.json()) as Status).governance;
}
async function until<Value>(look: () => Promise<Value>, found: (value: Value) => boolean): Promise<Value> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const value = await look();
    if (found(value) || Date.now() > deadline) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
const peerStatus = async (id: string) => (await status()).peers.find((peer) => peer.id === id);

test("trap 1.4: a peer that graph and rules connect is spoken to, and what the router saw of it counts, and is in the log", async () => {
  assert.equal(await ask(get(`billing.example:${portOf("billing")}`)), "200");
  const peer = await until(
    () => peerStatus("billing"),
    (one) => one?.score === 605,
  );
  assert.deepEqual(peer, { id: "billing", score: 605, tier: "verified", connected: true, card: "none" });
  const record = await auditRecord(
    sidecar.auditDirectory,
    ({ kind, target }) => kind === "governance.alert" && target === "billing",
  );
  assert.deepEqual([record.action, record.detail], ["trust", { from: "known", to: "verified", score: 605 }]);
  const metrics = await (await fetch(`http://127.0.0.1:${sidecar.adminPort}/metrics`)).text();
  assert.match(metrics, /^sluice_peer_trust_score\{peer="billing"\} 605$/m);
  assert.match(metrics, /^sluice_peer_trust_score\{peer="island"\} 595$/m);
});

test("INV-GOV-TRUST: what the agent reports of a message moves no score", async () => {
  const url = `http://127.0.0.1:${sidecar.agentPort}/governance/v1`;
  const post = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    return (await (await fetch(`${url}/${path}`, init)).json()) as Record<string, unknown>;
  };
  const score = (await peerStatus("billing"))?.score;
  const { id, decision } = await post("evaluate", { action: { kind: "mesh.send", peer: "billing" } });
  assert.equal(decision, "allow");
  assert.deepEqual(await post("report", { id, result: "succeeded", bytes: 10 }), { id, result: "succeeded" });
  assert.equal((await peerStatus("billing"))?.score, score);
  const refused = await post("evaluate", { action: { kind: "mesh.send", peer: "island" } });
  assert.deepEqual([refused["decision"], refused["reason"]], ["deny", "governance_denied"]);
  const self = await post("evaluate", { action: { kind: "mesh.send", peer: "self" } });
  assert.equal(self["decision"], "deny");
});

const around: readonly (readonly [name: string, octets: (port: number) => string, expected: string])[] = [
  ["as it is", (port) => get(`island.example:${port}`), "403 governance_denied"],
  ["in capitals", (port) => get(`ISLAND.Example:${port}`), "403 governance_denied"],
  ["with a trailing dot", (port) => get(`island.example.:${port}`), "403 governance_denied"],
  ["with a letter in percent code", (port) => get(`isl%61nd.example:${port}`), "400 malformed_request"],
  ["with user information", (port) => get(`billing.example@island.example:${port}`), "400 malformed_request"],
  [
    "by a Host of its own behind another's target",
    (port) =>
      `GET http://billing.example:${portOf("billing")}/ HTTP/1.1\r\nHost: island.example:${port}\r\nConnection: close\r\n\r\n`,
    "421 host_mismatch",
  ],
  ["by its address, which the egress policy names", (port) => get(`127.0.0.1:${port}`), "403 governance_denied"],
  ["by its address as one number", (port) => get(`2130706433:${port}`), "400 malformed_request"],
  ["by its address in hex", (port) => get(`0x7f000001:${port}`), "400 malformed_request"],
  ["by its address within IPv6", (port) => get(`[::ffff:127.0.0.1]:${port}`), "403 host_not_allowed"],
  ["at another port", (port) => get(`island.example:${port === 65_535 ? 1 : port + 1}`), "403 port_not_allowed"],
];
for (const [name, octets, expected] of around) {
  test(`INV-GOV-GRAPH: a peer that the graph does not connect is not reached ${name}: no question, no connection`, async () => {
    assert.equal(await ask(octets(portOf("island"))), expected);
    assert.equal(origins.get("island")?.seen.connections, 0);
    assert.deepEqual(
      dns.questions.filter((question) => question.includes("island")),
      [],
    );
  });
}

test("INV-GOV-GRAPH: a tunnel to it opens nothing, and no request inside it passes", async () => {
  const authority = `island.example:${portOf("island")}`;
  const { text } = await rawRequest(
    sidecar.port,
    `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\nGET / HTTP/1.1\r\nHost: ${authority}\r\n\r\n`,
  );
  assert.match(text, /governance_denied/);
  assert.equal(origins.get("island")?.seen.connections, 0);
  assert.deepEqual(
    dns.questions.filter((question) => question.includes("island")),
    [],
  );
});

test("INV-GOV-GRAPH: the agent's DNS tells no address of a peer that is not connected, or that rules refuse", async () => {
  const agent = new Resolver({ timeout: 4_000, tries: 1 });
  agent.setServers([`127.0.0.1:${sidecar.dnsPort}`]);
  for (const [name, rule] of [
    ["island", null],
    ["ruled", "not-ruled"],
  ] as const) {
    await assert.rejects(agent.resolve4(`${name}.example`), { code: "ENOTFOUND" });
    await assert.rejects(agent.resolve6(`${name}.Example`), { code: "ENOTFOUND" });
    const record = await auditRecord(
      sidecar.auditDirectory,
      ({ kind, target }) => kind === "dns" && target === `${name}.example`,
    );
    assert.deepEqual([record.decision, record.reason, record.rule], ["deny", "governance_denied", rule]);
  }
  assert.deepEqual(
    dns.questions.filter((question) => question.includes("island") || question.includes("ruled")),
    [],
  );
  assert.deepEqual(await agent.resolve4("billing.example"), ["127.0.0.1"]);
});

test("INV-GOV-GRAPH: the graph alone is not enough: rules refuse, with their rule", async () => {
  assert.equal(await ask(get(`ruled.example:${portOf("ruled")}`)), "403 governance_denied");
  assert.equal(origins.get("ruled")?.seen.connections, 0);
  assert.deepEqual(
    dns.questions.filter((question) => question.includes("ruled")),
    [],
  );
});

test("INV-GOV-CARD: a peer with a card is connected once that verifies, and not before", async () => {
  await until(
    () => peerStatus("carded"),
    (peer) => peer?.card === "verified",
  );
  assert.equal(await ask(get(`carded.example:${portOf("carded")}`)), "200");
  assert.equal(asked.filter((line) => line.includes("carded.example")).length, 1);
});

const bad: readonly (readonly [peer: Name, problem: string])[] = [
  ["forged", "wrong_signature"],
  ["lost", "bad_status"],
];
for (const [name, problem] of bad) {
  test(`INV-GOV-CARD: a card that is ${problem} connects nobody, and no redirect is followed`, async () => {
    const peer = await until(
      () => peerStatus(name),
      (one) => one?.card === problem,
    );
    assert.deepEqual([peer?.card, peer?.connected], [problem, false]);
    assert.equal(await ask(get(`${name}.example:${portOf(name)}`)), "403 governance_denied");
    assert.equal(origins.get(name)?.seen.connections, 0);
    assert.ok(!asked.some((line) => line.includes("billing.example")));
    const record = await auditRecord(sidecar.auditDirectory, (one) => one.action === "card" && one.target === name);
    assert.deepEqual(record.detail, { state: "refused", problem });
  });
}

test("the agent's own card is served, signed with its key", async () => {
  const { identity } = await status();
  assert.deepEqual([identity.kid, identity.passing], [thumbprint(identity.spki), false]);
  const url = `http://127.0.0.1:${sidecar.agentPort}/.well-known/agent-card.json`;
  const answer = await fetch(url);
  assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "application/json"]);
  const octets = Buffer.from(await answer.arrayBuffer());
  const me = peerOf("me", ["me.example:443"], [{ kid: identity.kid, algorithm: "EdDSA", spki: identity.spki }]);
  assert.deepEqual(await verifyCard(octets, me, epochMillis(Date.now())), {
    ok: true,
    value: { kids: [identity.kid], until: undefined },
  });
  assert.equal((await fetch(url, { method: "POST" })).status, 405);
});

test("INV-GOV-GRAPH: a policy that takes the edge away ends it at once, and its card is not asked for any more", async () => {
  const before = auditRecords(sidecar.auditDirectory).length;
  sidecar.publishGovernance(rules(["billing"]));
  await auditRecord(
    sidecar.auditDirectory,
    ({ kind, seq, target }) => seq >= before && kind === "policy.load" && target.includes("governance"),
  );
  assert.equal(await ask(get(`carded.example:${portOf("carded")}`)), "403 governance_denied");
  assert.deepEqual(await peerStatus("carded").then((peer) => [peer?.connected, peer?.card]), [false, "not_asked"]);
});

test("INV-GOV-TRUST: scores outlive the process; where they cannot be read nobody has one, and that is said", async () => {
  const { score } = (await peerStatus("billing")) ?? {};
  assert.ok(score !== undefined && score > 595);
  sidecar.child.kill("SIGKILL");
  await sidecar.exited();
  const options = { allow: [], directory: sidecar.directory, again: true, signer: sidecar.signer } as const;
  const file = join(sidecar.directory, "state", "peers.json");
  {
    await using second = await startSidecar(options);
    const found = (await status(second.adminPort)).peers.find(({ id }) => id === "billing");
    assert.equal(found?.score, score);
  }
  for (const text of ["{", '{"v":1,"peers":[["billing",1000001,0,null,[]]]}']) {
    writeFileSync(file, text);
    await using third = await startSidecar(options);
    const found = (await status(third.adminPort)).peers.find(({ id }) => id === "billing");
    assert.deepEqual([found?.score, found?.tier], [null, null]);
    const conditions = await (await fetch(`http://127.0.0.1:${third.adminPort}/status`)).text();
    assert.match(conditions, /"name":"peers","state":"degraded"/);
    // It stays for whoever has to look at it.
    assert.equal(readFileSync(file, "utf8"), text);
  }
});
