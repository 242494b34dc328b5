import assert from "node:assert/strict";
import { test } from "node:test";
import { judgePod } from "../../../../controller/judge/judge-pod.ts";
import type { Violation } from "../../../../controller/pod/violation.ts";
import {
  BYPASS_CASES,
  type BypassCase,
  CASE_SETTINGS,
  finalPod,
  OTHER_CASES,
  OTHER_SETTINGS,
} from "../../../cluster/bypass-cases.ts";
import { change, type Change, set } from "../../../cluster/pod-change.ts";

for (const one of BYPASS_CASES) {
  test(`INV-POD-CONFINED: ${one.name} (${one.catalogue}): ${one.expected}`, () => {
    const codes = judge(one).map(({ code }) => code);
    if (one.expected === "admitted") assert.deepEqual(codes, []);
    else assert.ok(codes.includes(one.expected), `${one.expected} is not among ${JSON.stringify(codes)}`);
  });
}

function judge({ operation, before, change: does }: BypassCase): readonly Violation[] {
  const stored = change(finalPod(), before);
  const pod = change(stored, does);
  const question = { pod, namespace: "research", settings: CASE_SETTINGS };
  if (operation === "CREATE") return judgePod({ ...question, operation });
  return judgePod({ ...question, operation: "UPDATE", oldPod: stored });
}

test("where the guard cannot be had, and the runtime's seccomp profile is used", () => {
  const pod = finalPod([], OTHER_SETTINGS);
  const judged = (steps: Change): readonly string[] =>
    judgePod({
      operation: "CREATE",
      pod: change(pod, steps),
      namespace: "research",
      settings: OTHER_SETTINGS,
    }).map(({ code }) => code);
  assert.deepEqual(judged([]), []);
  // The operator names the router's servers, so those of the pod are the agent's business.
  assert.deepEqual(judged([set("spec dnsConfig", { nameservers: ["203.0.113.53"] })]), []);
  for (const [steps, expected] of OTHER_CASES)
    assert.ok(judged(steps).includes(expected), `${expected}: ${judged(steps).join()}`);
});
