import assert from "node:assert/strict";
import { test } from "node:test";
import { admissionWebhooks } from "../../../../controller/admission/handlers.ts";
import type { Answer } from "../../../../controller/admission/answer.ts";
import { readReview } from "../../../../controller/admission/read-review.ts";
import type { JsonObject } from "../../../../controller/pod/pod.ts";
import { agentContainer, agentPod, injectionConfig } from "../../../fakes/agent-pod.ts";
import { applyJsonPatch } from "../inject/apply-json-patch.ts";
import { openWebhook, reviewOf } from "./webhook-client.ts";

const webhooks = admissionWebhooks({
  namespace: "sluice-system",
  exemptNamespaces: ["kube-system"],
  injection: injectionConfig(),
});

function ask(path: string, request: Readonly<Record<string, unknown>>): Answer {
  const review = readReview(new TextEncoder().encode(JSON.stringify(reviewOf(request))));
  assert.ok(review.ok);
  const webhook = webhooks.get(path);
  assert.ok(webhook !== undefined);
  return webhook.handle(review.value);
}

function refusal(answer: Answer): readonly [code: number, problems: readonly string[]] {
  assert.equal(answer.allowed, false);
  return [answer.code, answer.problems.map(({ code, path }) => `${path}: ${code}`)];
}

function injected(pod: JsonObject): JsonObject {
  const answer = ask("/mutate", { object: pod });
  assert.ok(answer.allowed);
  return applyJsonPatch(pod, answer.patch) as JsonObject;
}

const document = (kind: string, spec: unknown): JsonObject => ({
  apiVersion: "sluice.dev/v1alpha1",
  kind,
  metadata: { name: "some" },
  spec,
});
const resource = (name: string): object => ({ group: "sluice.dev", version: "v1alpha1", resource: name });

test("a pod is injected, and what comes of it is admitted; as it was it is not", () => {
  const pod = agentPod();
  assert.equal(refusal(ask("/validate", { object: pod }))[0], 403);
  const after = injected(pod);
  const verdict = ask("/validate", { object: after });
  assert.deepEqual(verdict, { allowed: true, patch: [], warnings: [] });
  const again = ask("/mutate", { object: after });
  assert.ok(again.allowed);
  assert.deepEqual(again.patch, []);
});

test("INV-ADMISSION-WHOLE: what cannot be confined is refused at once, with everything that is wrong, and without a patch", () => {
  const object = agentPod({ spec: { hostNetwork: true }, container: { securityContext: { privileged: true } } });
  const [code, problems] = refusal(ask("/mutate", { object }));
  assert.equal(code, 403);
  assert.ok(problems.some((problem) => problem.endsWith(": host_network")));
  assert.ok(problems.some((problem) => problem.endsWith(": privileged")));
});

test("exempt are the namespaces of the settings and our own, whatever the pod says", () => {
  for (const namespace of ["kube-system", "sluice-system"]) {
    for (const path of ["/mutate", "/validate"])
      assert.deepEqual(ask(path, { namespace, object: agentPod() }), { allowed: true, patch: [], warnings: [] });
  }
  const object = agentPod({ metadata: { namespace: "kube-system", labels: { "sluice.dev/inject": "false" } } });
  assert.equal(refusal(ask("/validate", { object }))[0], 403);
});

const strays: readonly (readonly [name: string, path: string, request: Record<string, unknown>])[] = [
  ["pods of another group", "/mutate", { resource: { group: "x", version: "v1", resource: "pods" } }],
  ["deployments", "/mutate", { resource: { group: "apps", version: "v1", resource: "deployments" } }],
  ["a subresource", "/mutate", { subResource: "ephemeralcontainers", object: agentPod() }],
  ["an update", "/mutate", { operation: "UPDATE", oldObject: agentPod(), object: agentPod() }],
  ["a deletion", "/validate", { operation: "DELETE", oldObject: agentPod(), object: null }],
  ["a connection", "/validate", { operation: "CONNECT", subResource: "exec" }],
  ["a status", "/validate", { subResource: "status", object: agentPod() }],
  ["policies to be stamped", "/stamp", { resource: resource("egresspolicies") }],
  ["pods as documents", "/documents", {}],
  ["a status of a document", "/documents", { resource: resource("egressapprovals"), subResource: "status" }],
];

for (const [name, path, request] of strays) {
  test(`${path} refuses what it is not for: ${name}`, () => {
    assert.deepEqual(refusal(ask(path, request)), [400, [": stray_review"]]);
  });
}

const shapeless: readonly (readonly [name: string, object: unknown])[] = [
  ["nothing in it", {}],
  ["a spec that is a list", { spec: [] }],
  ["containers that are an object", { metadata: {}, spec: { containers: {} } }],
  ["a container of null", { metadata: {}, spec: { containers: [null] } }],
  [
    "1,000 containers",
    agentPod({ spec: { containers: Array.from({ length: 1000 }, (_, i) => agentContainer({ name: `c${i}` })) } }),
  ],
];

for (const [name, object] of shapeless) {
  test(`a pod with ${name} is refused by both webhooks`, () => {
    for (const path of ["/mutate", "/validate"]) {
      const [code, problems] = refusal(ask(path, { object }));
      assert.equal(code, 422);
      assert.equal(problems.length, 1);
    }
  });
}

test("a stored pod that nobody can read can still lose its finalizers, and nothing else", () => {
  const spec = { containers: Array.from({ length: 400 }, (_, index) => agentContainer({ name: `c${index}` })) };
  const oldObject = { metadata: { finalizers: ["x"] }, spec };
  assert.ok(ask("/validate", { operation: "UPDATE", oldObject, object: { metadata: {}, spec } }).allowed);
  const changed = { metadata: {}, spec: { ...spec, hostNetwork: true } };
  assert.equal(refusal(ask("/validate", { operation: "UPDATE", oldObject, object: changed }))[0], 422);
});

test("who asks for an approval is written into it, and nobody else can be", () => {
  const object = document("EgressApproval", { reason: "x" });
  const asked = { resource: resource("egressapprovals"), object };
  assert.deepEqual(ask("/stamp", asked), {
    allowed: true,
    patch: [{ op: "add", path: "/spec/requestedBy", value: "alice" }],
    warnings: [],
  });
  const forged = document("EgressApproval", { reason: "x", requestedBy: "bob" });
  assert.deepEqual(refusal(ask("/stamp", { ...asked, object: forged })), [422, ["spec.requestedBy: requester"]]);
});

test("a document that the sidecar would not take is refused with every problem and where it is", () => {
  const object = document("EgressPolicy", {
    version: 0,
    issuedAt: "2026-11-20T00:00:00Z",
    expiresAt: "2027-02-20T00:00:00Z",
    audience: { namespaces: ["research"], agents: ["*"] },
    mode: "enforce",
    allow: [
      { id: "a", hosts: ["api.example.com"], ports: [443] },
      { id: "b", hosts: ["*"], ports: [443], "more.or\nless": 1 },
    ],
  });
  const answer = ask("/documents", { resource: resource("egresspolicies"), object });
  const [code, problems] = refusal(answer);
  assert.equal(code, 422);
  assert.deepEqual(
    problems.map((problem) => problem.split(": ")[0]),
    ["spec.allow[1].hosts[0]", "spec.allow[1][more.or\nless]", "spec.version"],
  );
  assert.ok(!answer.allowed);
  for (const { code: name, message } of answer.problems) assert.ok(message.startsWith(`${name}: `));
});

test("a good document is admitted, and one that only changes its labels always", () => {
  const spec = {
    version: 1,
    issuedAt: "2026-11-20T00:00:00Z",
    expiresAt: "2027-02-20T00:00:00Z",
    audience: { namespaces: ["research"], agents: ["*"] },
    mode: "enforce",
    allow: [{ id: "a", hosts: ["api.example.com"], ports: [443] }],
  };
  const asked = { resource: resource("egresspolicies") };
  assert.deepEqual(ask("/documents", { ...asked, object: document("EgressPolicy", spec) }).allowed, true);
  const broken = document("EgressPolicy", { version: -1 });
  assert.equal(ask("/documents", { ...asked, operation: "UPDATE", object: broken, oldObject: broken }).allowed, true);
  const update = { ...asked, operation: "UPDATE", object: broken, oldObject: document("EgressPolicy", spec) };
  assert.equal(refusal(ask("/documents", update))[0], 422);
});

const nothings: readonly (readonly [name: string, object: JsonObject, path: string])[] = [
  ["no spec", { apiVersion: "sluice.dev/v1alpha1", kind: "EgressPolicy", metadata: { name: "x" } }, "spec"],
  ["another kind", document("SignerPolicy", {}), "kind"],
  ["a kind that is every object's", document("toString", {}), "kind"],
  ["a lone surrogate", document("EgressPolicy", { mode: "\ud800" }), "spec"],
  ["deep nesting", document("EgressPolicy", JSON.parse("[".repeat(60) + "]".repeat(60))), "spec"],
];

for (const [name, object, path] of nothings) {
  test(`a document with ${name} is refused`, () => {
    const [code, problems] = refusal(ask("/documents", { resource: resource("egresspolicies"), object }));
    assert.deepEqual([code, problems.map((problem) => problem.split(": ")[0])], [422, [path]]);
  });
}

test("a pod of 3 MB goes through TLS, the injector and the judge, and holds nobody up for long", async (t) => {
  const webhook = await openWebhook(t, webhooks);
  const annotations = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x.example/${i}`, "y".repeat(10_000)]));
  const pod = agentPod({ metadata: { annotations } });
  const created = await webhook.post("/mutate", JSON.stringify(reviewOf({ object: pod })));
  assert.equal(created.status, 200);
  const { response } = JSON.parse(created.text) as { response: { patch: string } };
  const patch = JSON.parse(Buffer.from(response.patch, "base64").toString()) as Parameters<typeof applyJsonPatch>[1];
  const after = applyJsonPatch(pod, patch);
  const update = JSON.stringify(reviewOf({ operation: "UPDATE", object: after, oldObject: after }));
  assert.ok(update.length > 6_000_000);
  const validated = await webhook.post("/validate", update);
  assert.match(validated.text, /"allowed":true/);
  assert.ok(webhook.observed.every(({ seconds }) => seconds < 1));
});
