import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import { createKubeClient } from "../../../../router/edge/kubernetes/kube-client.ts";
import { inCluster, kubeOrigin } from "../../../../router/edge/kubernetes/kube-endpoint.ts";
import { kubeTarget } from "../../../../router/edge/kubernetes/kube-target.ts";
import { systemClock } from "../../../../router/app/clock.ts";
import { apiFor, clientOf, PATH, put, until } from "./watch-fixture.ts";

/** A server of raw octets: each connection gets this for its first request. */
async function rawServer(t: TestContext, serve: (socket: Socket) => void): Promise<string> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", () => serve(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("what is written, read, patched and deleted, and what the server says of it", async (t) => {
  const api = await apiFor(t);
  const client = clientOf(t, { url: api.url });
  const statuses: unknown[] = [];
  const say = async (...given: Parameters<typeof client.request>): Promise<void> => {
    const answer = await client.request(...given);
    statuses.push(answer.ok ? answer.value.status : answer.problem.code);
  };
  const body = { kind: "EgressApproval", metadata: { name: "a" }, spec: { n: 1 } };
  await say("POST", PATH, { body });
  await say("POST", PATH, { body });
  await say("PATCH", `${PATH}/a`, { body: { spec: { n: 2 } }, contentType: "application/merge-patch+json" });
  await say("GET", `${PATH}/a`);
  await say("DELETE", `${PATH}/a`);
  await say("GET", `${PATH}/a`);
  assert.deepEqual(statuses, [201, 409, 200, 200, 200, 404]);
  const [, , patch] = api.requests;
  assert.equal(patch?.contentType, "application/merge-patch+json");
  assert.equal(new Set(api.requests.map(({ path }) => path)).size, 2);
});

test("TLS: the CA that was given counts, and no other; a token goes along and is read anew after a 401", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-kube-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "token");
  writeFileSync(file, "first\n");
  const api = await apiFor(t, { tls: true, tokens: ["first"] });
  assert.ok(api.ca);
  const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  t.after(() => {
    if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
  });
  const credential = { kind: "token", token: { file } } as const;
  const client = clientOf(t, { url: api.url, ca: { text: api.ca }, credential });
  const status = async (): Promise<unknown> => {
    const answer = await client.request("GET", PATH);
    return answer.ok ? answer.value.status : answer.problem;
  };
  assert.equal(await status(), 200);
  writeFileSync(file, "second");
  api.tokens(["second"]);
  assert.equal(await status(), 200, "a 401 makes it look at the file");
  rmSync(file);
  assert.equal(await status(), 200, "one that is just being swapped is still known");
  api.tokens(["third"]);
  assert.equal(await status(), 401);
  const stranger = clientOf(t, { url: api.url, credential: { kind: "none" } });
  const refused = await stranger.request("GET", PATH);
  assert.equal(!refused.ok && refused.problem.code, "unreachable");
  const sent = api.requests.length;
  const missing = clientOf(t, { url: api.url, ca: { file: join(directory, "none") } });
  const unread = await missing.request("GET", PATH);
  assert.equal(!unread.ok && unread.problem.code, "credential");
  const bad = clientOf(t, {
    url: api.url,
    ca: { text: api.ca },
    credential: { kind: "token", token: { text: "a\nb" } },
  });
  const split = await bad.request("GET", PATH);
  assert.deepEqual(!split.ok && split.problem, {
    code: "credential",
    message: "The token's file does not hold a token.",
  });
  assert.equal(api.requests.length, sent, "without its credential nothing is sent");
});

const busy: readonly [method: "GET" | "PUT" | "DELETE" | "POST" | "PATCH", status: number, again: boolean][] = [
  ["GET", 429, true],
  ["GET", 500, true],
  ["GET", 503, true],
  ["PUT", 503, true],
  ["PUT", 500, false],
  ["DELETE", 429, true],
  ["POST", 429, false],
  ["POST", 503, false],
  ["PATCH", 503, false],
];
for (const [method, status, again] of busy) {
  test(`${method} that is answered ${status} ${again ? "is asked again" : "is answered so"}`, async (t) => {
    const api = await apiFor(t);
    put(api, "a", 1);
    api.failNext(1, status);
    const body = method === "GET" || method === "DELETE" ? {} : { body: { metadata: { name: "a" }, spec: { n: 1 } } };
    const path = method === "POST" ? PATH : `${PATH}/a`;
    const answer = await clientOf(t, { url: api.url }).request(method, path, body);
    assert.ok(answer.ok);
    assert.equal(answer.value.status, again ? 200 : status);
    assert.equal(api.requests.length, again ? 2 : 1);
  });
}

test("Retry-After is waited for, and handed back where it is too long", async (t) => {
  const api = await apiFor(t);
  const client = clientOf(t, { url: api.url });
  api.throttle(1, 1);
  const began = performance.now();
  const answer = await client.request("GET", PATH);
  assert.ok(answer.ok && answer.value.status === 200 && performance.now() - began >= 1_000);
  api.throttle(1, 3_600);
  const late = await client.request("GET", PATH);
  assert.ok(late.ok);
  assert.deepEqual([late.value.status, late.value.retryAfter], [429, 300_000]);
});

const head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const answers: readonly [name: string, serve: (socket: Socket) => void, code: string][] = [
  ["no HTTP", (socket) => socket.end("SSH-2.0-x\r\n"), "malformed"],
  ["nothing", () => undefined, "timeout"],
  ["half a head", (socket) => socket.write("HTTP/1.1 200 OK\r\nx: "), "timeout"],
  ["a body that never ends", (socket) => socket.write(`${head}content-length: 100\r\n\r\n{`), "timeout"],
  ["a body that is cut short", (socket) => socket.end(`${head}content-length: 100\r\n\r\n{`), "unreachable"],
  [
    "a chunked body that is cut short",
    (socket) => socket.end(`${head}transfer-encoding: chunked\r\n\r\n1\r\n{\r\n`),
    "unreachable",
  ],
  [
    "a body that is too long",
    (socket) => socket.end(`${head}content-length: 9000\r\n\r\n${"1".repeat(9_000)}`),
    "too_large",
  ],
  ["a head without end", (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}`), "malformed"],
  ["two lengths", (socket) => socket.end(`${head}content-length: 1\r\ncontent-length: 2\r\n\r\n{}`), "malformed"],
  [
    "101",
    (socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
    "malformed",
  ],
  ["an end at once", (socket) => socket.end(), "unreachable"],
];
for (const [name, serve, code] of answers) {
  test(`a server that sends ${name}: ${code}`, async (t) => {
    const url = await rawServer(t, serve);
    const client = clientOf(t, { url }, 150);
    const answer = await client.request("GET", PATH, { maximumBody: 8_192, retry: false });
    assert.equal(answer.ok ? "answered" : answer.problem.code, code);
  });
}

test("a body that is no JSON is its text; a redirect is not followed", async (t) => {
  const url = await rawServer(t, (socket) =>
    socket.end("HTTP/1.1 302 F\r\nlocation: /x\r\ncontent-length: 3\r\n\r\nno!"),
  );
  const answer = await clientOf(t, { url }).request("GET", PATH);
  assert.ok(answer.ok);
  assert.deepEqual(answer.value, { status: 302, retryAfter: undefined, body: "no!" });
});

test("given up and closed: at once, and nothing is left open", async (t) => {
  const api = await apiFor(t);
  api.delay(5_000);
  const client = clientOf(t, { url: api.url }, 4_000);
  const abort = new AbortController();
  const one = client.request("GET", PATH, { signal: abort.signal });
  const other = client.request("GET", PATH);
  await until(() => api.requests.length === 2);
  const began = performance.now();
  abort.abort();
  const first = await one;
  assert.equal(!first.ok && first.problem.code, "aborted");
  client.close();
  const second = await other;
  assert.equal(!second.ok && second.problem.code, "closed");
  const third = await client.request("GET", PATH);
  assert.equal(!third.ok && third.problem.code, "closed");
  assert.ok(performance.now() - began < 500);
});

const urls: readonly [url: string, isGood: boolean][] = [
  ["https://10.96.0.1:443", true],
  ["https://[fd00::1]", true],
  ["https://api.example/k8s/clusters/x/", true],
  ["http://127.0.0.1:8080", true],
  ["http://[::1]:8080", true],
  ["http://10.96.0.1", false],
  ["http://localhost.evil.example", false],
  ["http://127.0.0.1.evil.example", false],
  ["https://user:secret@10.96.0.1", false],
  ["https://10.96.0.1/?token=x", false],
  ["ftp://10.96.0.1", false],
  ["10.96.0.1", false],
  ["", false],
];
for (const [url, isGood] of urls) {
  test(`an endpoint ${JSON.stringify(url)} is ${isGood ? "taken" : "refused, and not repeated"}`, () => {
    const origin = kubeOrigin(url);
    assert.equal(origin.ok, isGood);
    if (!origin.ok) assert.ok(url === "" || !origin.problem.includes(url));
    const client = createKubeClient(
      { url, ca: undefined, credential: { kind: "none" } },
      { clock: systemClock, random: () => 0, timeout: millis(1) },
    );
    assert.equal(client.ok, isGood);
    if (client.ok) client.value.close();
  });
}

test("the endpoint of a pod, of what its environment says", () => {
  const files = { tokenFile: "/t", caFile: "/c" };
  const at = (host: string, port: string): string => {
    const found = inCluster({ host, port, ...files });
    return found.ok ? found.value.url : "refused";
  };
  assert.deepEqual(
    [at("10.96.0.1", "443"), at("fd00::1", "6443"), at("api.example", "443"), at("a/b", "443"), at("10.0.0.1", "0")],
    ["https://10.96.0.1:443", "https://[fd00::1]:6443", "https://api.example:443", "refused", "refused"],
  );
  assert.equal(at("10.0.0.1", "65536"), "refused");
  assert.equal(at("", "443"), "refused");
});

const targets: readonly [path: string, isGood: boolean][] = [
  [PATH, true],
  ["/api/v1/pods/a%2Fb", true],
  ["/api/v1/../secrets", false],
  ["/api/v1/%2e%2E/secrets", false],
  ["/api/v1/.", false],
  ["/api//v1", false],
  ["api/v1", false],
  ["/api/v1?watch=true", false],
  ["/api/v1#x", false],
  ["/api/v1/a b", false],
  ["/api/v1/a\r\nx: y", false],
  ["/api/v1/%zz", false],
  [`/${"a".repeat(3_000)}`, false],
];
for (const [path, isGood] of targets) {
  test(`a path ${JSON.stringify(path.slice(0, 40))} is ${isGood ? "sent" : "none"}`, () => {
    assert.equal(kubeTarget(path, undefined), isGood ? path : undefined);
  });
}
