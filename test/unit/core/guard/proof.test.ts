import assert from "node:assert/strict";
import { test } from "node:test";
import { doubtIn, type GuardCheck, type GuardProof, readProof } from "../../../../router/core/guard/proof.ts";

const HERE = { netns: "net:[4026531840]", bootId: "5c8e6a1e-0d0c-4f8f-9f0e-8f8f8f8f8f8f" };
const REFUSED: GuardCheck = {
  family: "ipv4",
  transport: "tcp",
  address: "192.0.2.1",
  port: 9_999,
  outcome: "refused",
  error: "ECONNREFUSED",
  milliseconds: 1,
};
const PROOF: GuardProof = { ...HERE, time: 1_795_000_000_000, uid: 65_534, families: ["ipv4"], checks: [REFUSED] };

function read(proof: unknown): string {
  const result = readProof(typeof proof === "string" ? proof : JSON.stringify(proof), HERE);
  return result.ok ? "ok" : result.problem.code;
}

for (const [name, proof, expected] of [
  ["as written", PROOF, "ok"],
  ["redirected", { ...PROOF, checks: [{ ...REFUSED, outcome: "redirected", error: "" }] }, "ok"],
  ["a second attempt without a route", { ...PROOF, checks: [REFUSED, { ...REFUSED, outcome: "no_route" }] }, "ok"],
  ["INV-GUARD-9: of another network namespace", { ...PROOF, netns: "net:[4026531841]" }, "proof_stale"],
  ["INV-GUARD-9: of another boot", { ...PROOF, bootId: "another" }, "proof_stale"],
  ["something left", { ...PROOF, checks: [REFUSED, { ...REFUSED, outcome: "left", error: "" }] }, "proof_failed"],
  ["something hung", { ...PROOF, checks: [REFUSED, { ...REFUSED, outcome: "timed_out" }] }, "proof_failed"],
  ["nothing tried", { ...PROOF, checks: [] }, "proof_failed"],
  ["no family", { ...PROOF, families: [], checks: [] }, "proof_failed"],
  ["nothing had a route", { ...PROOF, checks: [{ ...REFUSED, outcome: "no_route" }] }, "proof_failed"],
  ["a family untried", { ...PROOF, families: ["ipv4", "ipv6"] }, "proof_failed"],
  ["an outcome of tomorrow", { ...PROOF, checks: [{ ...REFUSED, outcome: "fine" }] }, "proof_unreadable"],
  ["a family of tomorrow", { ...PROOF, families: ["ipv8"] }, "proof_unreadable"],
  ["a transport of tomorrow", { ...PROOF, checks: [{ ...REFUSED, transport: "quic" }] }, "proof_unreadable"],
  ["no namespace", { ...PROOF, netns: "" }, "proof_unreadable"],
  ["checks are no list", { ...PROOF, checks: { 0: REFUSED } }, "proof_unreadable"],
  ["a UID that is none", { ...PROOF, uid: -1 }, "proof_unreadable"],
  ["a port that is no number", { ...PROOF, checks: [{ ...REFUSED, port: "443" }] }, "proof_unreadable"],
  ["empty", "", "proof_unreadable"],
  ["a list", [PROOF], "proof_unreadable"],
  ["null", null, "proof_unreadable"],
  ["cut off", JSON.stringify(PROOF).slice(0, -2), "proof_unreadable"],
] as const) {
  test(name, () => assert.equal(read(proof), expected));
}

test("what is written is what is read", () =>
  assert.deepEqual(readProof(JSON.stringify(PROOF), HERE), { ok: true, value: PROOF }));

test("a doubt names the attempt", () => {
  const check: GuardCheck = { ...REFUSED, outcome: "timed_out", error: "", milliseconds: 1_000 };
  assert.equal(doubtIn({ ...PROOF, checks: [check] }), "tcp to 192.0.2.1 port 9999: timed_out after 1000 ms.");
});
