import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createProxies, type Proxies } from "../../../router/app/proxies.ts";
import { epochMillis, millis } from "../../../router/core/base/quantity.ts";
import { ok } from "../../../router/core/base/result.ts";
import { parseEndpoint } from "../../../router/core/config/endpoint-shape.ts";
import type { ProxyConfig } from "../../../router/core/config/router-config.ts";
import { admitAddresses } from "../../../router/core/policy/admit-address.ts";
import type { DialPermit } from "../../../router/core/policy/permit.ts";
import { createUpstreamRooms } from "../../../router/app/upstream-rooms.ts";
import { fakeParent } from "../../fakes/parent-proxy.ts";
import { ip, network, permitFor, port } from "../core/policy/policy-fixture.ts";

const directory = mkdtempSync(join(tmpdir(), "sluice-proxies-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const file = join(directory, "credential");

let now = 0;
const clock = { now: () => epochMillis(now), monotonic: () => millis(now) };
const never = new AbortController().signal;

function config(url: string, more: Partial<ProxyConfig> = {}): ProxyConfig {
  const endpoint = parseEndpoint(url);
  assert.ok(endpoint.ok);
  const none = { credentialFile: undefined, caFile: undefined };
  return { name: "corp", endpoint: endpoint.value, kind: "http", send: "address", ...none, ...more };
}

function proxies(...configs: readonly ProxyConfig[]): ReturnType<typeof createProxies> {
  const facts = network({ listenerPorts: [port(18_080)], own: [ip("10.1.2.3")] });
  return createProxies({ config: configs, clock, network: () => facts, resolve: async () => ok([ip("127.0.0.1")]) });
}

function made(...configs: readonly ProxyConfig[]): Proxies {
  const created = proxies(...configs);
  assert.ok(created.ok);
  return created.value;
}

/** Nothing listens there. */
function permit(proxy = "corp"): DialPermit {
  const rule = { id: "r", hosts: ["o.test"], addresses: ["127.0.0.1:1"], ports: [1], protocol: "tcp", proxy } as const;
  const admitted = admitAddresses(network(), permitFor({ allow: [rule] }, "CONNECT o.test:1"), [ip("127.0.0.1")]);
  assert.ok(admitted.ok);
  return admitted.value.permit;
}

const how = { timeout: millis(2_000), signal: never };

test("INV-CHAIN-NO-LOOP: an endpoint that is this router keeps it from starting", () => {
  const rows: readonly (readonly [string, boolean])[] = [
    ["http://127.0.0.1:18080", false],
    ["http://[::1]:18080", false],
    ["http://[::ffff:127.0.0.1]:18080", false],
    ["http://10.1.2.3:18080", false],
    ["http://0.0.0.0:18080", false],
    ["http://127.0.0.1:3128", true],
    ["http://10.1.2.4:18080", true],
    ["https://proxy.corp:18080", true],
  ];
  for (const [url, starts] of rows) {
    const created = proxies(config(url));
    assert.equal(created.ok, starts, url);
    if (!created.ok) assert.match(created.problem, /^The proxy corp is this router itself/);
  }
  assert.equal(proxies(config("http://127.0.0.1:1"), config("http://127.0.0.1:2")).ok, false, "one name, two proxies");
});

test("what is not configured is refused, and never reached directly", async () => {
  const none = made();
  assert.deepEqual([none.sends("corp"), none.conditions(), none.status()], [undefined, [], []]);
  const dialled = await none.dial("corp", permit(), how);
  assert.ok(!dialled.ok);
  assert.deepEqual(dialled.problem, {
    reason: "upstream_unreachable",
    detail: "No parent proxy is configured as corp.",
  });
  const limits = { connectTimeout: millis(500) } as Parameters<typeof createUpstreamRooms>[1];
  const rooms = createUpstreamRooms(clock, limits);
  for (const reached of [
    await rooms.dialTunnel(permit(), never),
    await rooms.dialPlain(permit(), never),
    await rooms.dialSecure(permit(), never, []),
  ]) {
    assert.ok(!reached.ok);
    assert.equal(reached.problem.detail, "No parent proxy is configured as corp.");
  }
});

test("credential files: what is one, and that what is none asks nobody", async () => {
  await using parent = await fakeParent({ kind: "http" });
  const rows: readonly (readonly [string | undefined, string | undefined])[] = [
    ["user:password", "user:password"],
    ["user:password\n", "user:password"],
    ["user:password\r\n", "user:password"],
    ["user:a:b", "user:a:b"],
    ["user:", "user:"],
    ["us er: pass word ", "us er: pass word "],
    ["j\u00fcrg:\u00e9", "j\u00fcrg:\u00e9"],
    ["", undefined],
    ["nocolon", undefined],
    [":nouser", undefined],
    ["a:b\nc:d", undefined],
    ["a:b\n\n", undefined],
    ["a:\u0000", undefined],
    ["a\t:b", undefined],
    [`a:${"b".repeat(20_000)}`, undefined],
  ];
  const all = made(config(`http://127.0.0.1:${parent.port}`, { credentialFile: file }));
  for (const [text = "", sent] of rows) {
    writeFileSync(file, text, "latin1");
    now += 2_000;
    const before = parent.accepted;
    const seen = parent.credentials.length;
    const dialled = await all.dial("corp", permit(), how);
    assert.ok(!dialled.ok, "nothing listens behind the parent");
    assert.deepEqual(parent.credentials.slice(seen), sent === undefined ? [] : [sent], JSON.stringify(text));
    assert.equal(parent.accepted - before, sent === undefined ? 0 : 1, JSON.stringify(text));
  }
  rmSync(file);
  now += 2_000;
  const gone = await all.dial("corp", permit(), how);
  assert.ok(!gone.ok && gone.problem.detail.includes("credential file cannot be read"), JSON.stringify(gone));
});

test("a credential is read again after a second, and not before", async () => {
  await using parent = await fakeParent({ kind: "http" });
  const all = made(config(`http://127.0.0.1:${parent.port}`, { credentialFile: file }));
  const dialAs = async (text: string, later: number): Promise<string | undefined> => {
    writeFileSync(file, text);
    now += later;
    await all.dial("corp", permit(), how);
    return parent.credentials.at(-1);
  };
  assert.equal(await dialAs("a:1", 0), "a:1");
  assert.equal(await dialAs("a:2", 999), "a:1");
  assert.equal(await dialAs("a:3", 1), "a:3");
});

test("status and condition follow the latest dial; what was given up counts for nothing", async () => {
  await using parent = await fakeParent({ kind: "http" });
  const all = made(config(`http://127.0.0.1:${parent.port}`));
  assert.deepEqual(all.conditions(), [{ name: "proxies", state: "ok", reason: "" }]);
  await all.dial("corp", permit(), { ...how, signal: AbortSignal.abort() });
  assert.equal(all.status()[0]?.dialled, 0);
  await parent[Symbol.asyncDispose]();
  await all.dial("corp", permit(), how);
  const [status] = all.status();
  assert.deepEqual([status?.dialled, status?.failed], [1, 1]);
  assert.match(status?.problem ?? "", /^Parent proxy corp: 127\.0\.0\.1: It cannot be reached \(ECONNREFUSED\)\.$/);
  assert.equal(all.conditions()[0]?.state, "degraded");
});

test("what a parent refuses of one target is no problem of the parent; what it refuses of us is", async () => {
  const rows = [
    [{ kind: "http", refuses: ["127.0.0.1"] }, "It refuses to connect there (status 403).", "ok"],
    [{ kind: "http" }, "It refuses to connect there (status 502).", "ok"],
    [{ kind: "http", credential: "a:b" }, "It asks for other credentials (status 407).", "degraded"],
    [{ kind: "socks5", refuses: ["127.0.0.1"] }, "It did not connect: its rules refuse it (reply 2).", "ok"],
    [
      { kind: "socks5", credential: "a:b" },
      "It accepts none of the ways to authenticate that were offered.",
      "degraded",
    ],
  ] as const;
  for (const [setup, said, state] of rows) {
    await using parent = await fakeParent(setup);
    const all = made(config(`http://127.0.0.1:${parent.port}`, { kind: setup.kind }));
    await all.dial("corp", permit(), how);
    const [status] = all.status();
    assert.deepEqual([status?.failed, status?.problem], [1, `Parent proxy corp: 127.0.0.1: ${said}`]);
    assert.equal(all.conditions()[0]?.state, state, said);
  }
});

test("a parent that answers about a target again is well again", async () => {
  await using parent = await fakeParent({ kind: "http", refuses: ["127.0.0.1"] });
  const all = made(config(`http://127.0.0.1:${parent.port}`, { credentialFile: file }));
  rmSync(file, { force: true });
  now += 2_000;
  await all.dial("corp", permit(), how);
  assert.equal(all.conditions()[0]?.state, "degraded");
  writeFileSync(file, "a:b");
  await all.dial("corp", permit(), how);
  assert.equal(all.conditions()[0]?.state, "ok");
});
