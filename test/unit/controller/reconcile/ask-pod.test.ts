import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import { test } from "node:test";
import { podAsker } from "../../../../controller/reconcile/ask-pod.ts";
import { millis } from "../../../../router/core/base/quantity.ts";

const ADDRESS = "127.77.9.1";
const ANSWERS: readonly (readonly [string, (response: ServerResponse) => void, string])[] = [
  ["a status", (response) => response.end("{}"), ""],
  ["an error", (response) => response.writeHead(503).end("{}"), "The pod answered 503."],
  [
    "a redirect, which is not followed",
    (response) => response.writeHead(302, { location: "http://127.77.9.2:18090/" }).end(),
    "The pod answered 302.",
  ],
  ["no JSON", (response) => response.end("<html>"), "The pod's answer is no status."],
  ["without end", (response) => response.write("{"), "The pod did not answer in time."],
  ["nothing", () => undefined, "The pod did not answer in time."],
  ["too much", (response) => response.end(`"${"x".repeat(600_000)}"`), "The pod's answer has more than 524288 octets."],
  ["broken off", (response) => void (response.write("{"), setTimeout(() => response.destroy(), 10)), "The pod"],
  [
    "a head without end",
    (response) => response.setHeader("x", "y".repeat(20_000)).end(),
    "The pod does not answer: HPE_HEADER_OVERFLOW",
  ],
];

test("a pod is asked, and its answer is bounded", async (t) => {
  let answer: (response: ServerResponse) => void = () => undefined;
  const server = createServer((request, response) => {
    assert.equal(request.url, "/status");
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(18_090, ADDRESS, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const ask = podAsker({ loopback: true, deadline: millis(400) });
  for (const [name, given, expected] of ANSWERS) {
    answer = given;
    const found = await ask(ADDRESS, new AbortController().signal);
    assert.equal(found.ok, expected === "", name);
    if (!found.ok) assert.ok(found.problem.startsWith(expected), `${name}: ${found.problem}`);
  }
});

test("INV-RECONCILE-ASK: who may write a pod's address cannot have us ask anywhere", async () => {
  const ask = podAsker();
  const { signal } = new AbortController();
  for (const address of [
    "127.0.0.1",
    "169.254.169.254",
    "::1",
    "fe80::1",
    "0.0.0.0",
    "localhost",
    "10.0.0.1@evil.example",
    "2130706433",
    "",
    "::ffff:127.0.0.1",
  ]) {
    const found = await ask(address, signal);
    assert.ok(!found.ok && /^(?:The pod's address is none|No pod has the address)/.test(found.problem), address);
  }
});
