import assert from "node:assert/strict";
import { test } from "node:test";
import { injectPod } from "../../../../controller/inject/inject-pod.ts";
import { podFacts } from "../../../../controller/reconcile/pod-facts.ts";
import { agentPod, injectionConfig } from "../../../fakes/agent-pod.ts";

test("how a pod is enforced is what its containers say, whatever is written on it", () => {
  const lies = ["guard", "not-enforced", "none", ""];
  for (const guard of ["required", "notEnforced"] as const) {
    const { pod } = injectPod(agentPod({ metadata: { name: "a" } }), injectionConfig({ guard }));
    for (const lie of lies) {
      const metadata = { ...pod.metadata, name: "a", annotations: { "sluice.dev/enforcement": lie } };
      const { enforcement } = podFacts({ metadata, spec: pod.spec });
      assert.equal(enforcement, guard === "required" ? "guard" : "not-enforced", lie);
    }
  }
  const rows: readonly (readonly [spec: unknown, expected: string])[] = [
    [undefined, "unknown"],
    [[], "unknown"],
    [{}, "not-enforced"],
    [{ initContainers: "sluice-guard" }, "not-enforced"],
    [{ initContainers: [null, "sluice-guard", { name: ["sluice-guard"] }] }, "not-enforced"],
    [{ containers: [{ name: "sluice-guard" }] }, "not-enforced"],
    [{ initContainers: [{ name: "sluice-guard" }] }, "guard"],
  ];
  for (const [spec, expected] of rows) assert.equal(podFacts({ metadata: { name: "a" }, spec }).enforcement, expected);
});
