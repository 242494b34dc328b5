import assert from "node:assert/strict";
import { test } from "node:test";
import { type AdminRooms, answerAdmin, type Condition } from "../../../../router/edge/admin/admin-routes.ts";

const policy: Condition = { name: "policy", state: "ok", reason: "" };
const audit: Condition = { name: "audit", state: "ok", reason: "" };
const guard: Condition = { name: "guard", state: "failed", reason: "No proof was found." };
const stale: Condition = { name: "policy", state: "degraded", reason: "policy.yaml:1:1: bad_signature: No." };

const rooms = (...conditions: readonly Condition[]): AdminRooms => ({
  conditions: () => conditions,
  status: () => ({ policy: null, tunnels: 2 }),
  metrics: () =>
    Promise.resolve({ contentType: "text/plain; version=0.0.4; charset=utf-8", body: "sluice_egress_tunnels 2\n" }),
  attestation: () => (conditions.includes(policy) ? "{}" : undefined),
});

test("each path of contract.md answers, and nothing else does", async () => {
  const rows: readonly (readonly [string, string, readonly Condition[], number, string])[] = [
    ["GET", "/livez", [], 200, "ok\n"],
    ["GET", "/attestation", [policy], 200, "{}"],
    ["GET", "/attestation", [], 503, "nothing can be attested yet: no policy is loaded\n"],
    ["GET", "/livez", [guard], 200, "ok\n"],
    ["HEAD", "/livez", [], 200, "ok\n"],
    ["GET", "/livez?anything=%00", [], 200, "ok\n"],
    ["GET", "/readyz", [policy, audit], 200, "ok\n"],
    ["GET", "/readyz", [], 200, "ok\n"],
    ["GET", "/readyz", [stale, audit], 200, "ok\n"],
    [
      "GET",
      "/readyz?verbose",
      [stale, audit],
      200,
      "[!]policy degraded: policy.yaml:1:1: bad_signature: No.\n[+]audit ok\nreadyz check passed\n",
    ],
    ["GET", "/readyz?a=b&verbose=true", [audit], 200, "[+]audit ok\nreadyz check passed\n"],
    ["GET", "/readyz?verbosely", [audit], 200, "ok\n"],
    [
      "GET",
      "/readyz",
      [policy, guard],
      503,
      "[+]policy ok\n[-]guard failed: No proof was found.\nreadyz check failed\n",
    ],
    ["HEAD", "/readyz", [guard], 503, "[-]guard failed: No proof was found.\nreadyz check failed\n"],
    ["GET", "/metrics", [], 200, "sluice_egress_tunnels 2\n"],
    ["GET", "/status", [], 200, '{"policy":null,"tunnels":2}\n'],
    ["POST", "/livez", [], 405, "only GET and HEAD are answered here\n"],
    ["DELETE", "/status", [], 405, "only GET and HEAD are answered here\n"],
    ["get", "/status", [], 405, "only GET and HEAD are answered here\n"],
    ["OPTIONS", "*", [], 404, "not found\n"],
    ["POST", "/other", [], 404, "not found\n"],
    ["GET", "/", [], 404, "not found\n"],
    ["GET", "", [], 404, "not found\n"],
    ["GET", "/livez/", [], 404, "not found\n"],
    ["GET", "//livez", [], 404, "not found\n"],
    ["GET", "/LIVEZ", [], 404, "not found\n"],
    ["GET", "/./status", [], 404, "not found\n"],
    ["GET", "/%73tatus", [], 404, "not found\n"],
    ["GET", "http://x/status", [], 404, "not found\n"],
    ["GET", "/status#", [], 404, "not found\n"],
    ["GET", "__proto__", [], 404, "not found\n"],
    ["GET", "/constructor?verbose", [], 404, "not found\n"],
  ];
  for (const [method, target, conditions, status, body] of rows) {
    const reply = await answerAdmin(rooms(...conditions), method, target);
    assert.deepEqual([reply.status, reply.body], [status, body], `${method} ${target}`);
  }
});

test("a reason stays on its line, whatever it quotes", async () => {
  const reason = "a\nreadyz check passed\r\u001b[2J\u009b\u2028\u202e b";
  const reply = await answerAdmin(rooms({ name: "policy", state: "failed", reason }), "GET", "/readyz");
  assert.equal(reply.body, "[-]policy failed: a?readyz check passed??[2J??? b\nreadyz check failed\n");
});

test("INV-GOV-REQUEST-NEAR: the status knows whether it is asked from within the pod", async () => {
  const seen: boolean[] = [];
  const asked = { ...rooms(), status: (near: boolean) => ({ seen: seen.push(near) }) };
  await answerAdmin(asked, "GET", "/status", true);
  await answerAdmin(asked, "GET", "/status");
  assert.deepEqual(seen, [true, false]);
});
