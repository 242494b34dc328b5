import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fingerprint } from "../../../../controller/reconcile/fingerprint.ts";
import {
  isOursByName,
  namespaceObjects,
  routerConfigText,
} from "../../../../controller/reconcile/namespace-objects.ts";
import { ownedKeys } from "../../../../controller/reconcile/owned-keys.ts";
import { mergedConditions } from "../../../../controller/reconcile/status-condition.ts";
import { readTrustFiles } from "../../../../controller/reconcile/trust-files.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { checkRouterConfig } from "../../../../router/core/config/parse-router-config.ts";
import { controllerConfig } from "../../../cluster/reconcile-world.ts";
import { injectionConfig } from "../../../fakes/agent-pod.ts";

test("the sidecar's settings are ones that it takes, with what the injector's say", () => {
  const injection = injectionConfig({ drain: millis(7_250), resolverServers: ["10.96.0.10"] });
  const router = {
    kubernetes: { watch: false, requests: "off" },
    limits: { drain: "1h", connections: 9 },
    resolver: { timeout: "1s" },
    inspection: { leaves: 9, directory: "/elsewhere" },
  };
  const text = routerConfigText(controllerConfig({ injection, router }));
  assert.deepEqual(checkRouterConfig("router", text), []);
  assert.deepEqual(JSON.parse(text), {
    apiVersion: "sluice.dev/v1alpha1",
    kind: "RouterConfig",
    spec: {
      inspection: { leaves: 9, directory: "/var/run/sluice/ca" },
      kubernetes: { watch: true, requests: "off" },
      limits: { drain: "7s250ms", connections: 9 },
      resolver: { timeout: "1s", servers: ["10.96.0.10"] },
    },
  });
  for (const drain of [0, 25_000, 3_600_000]) {
    const plain = routerConfigText(controllerConfig({ injection: injectionConfig({ drain: millis(drain) }) }));
    assert.deepEqual(checkRouterConfig("router", plain), []);
  }
});

test("each object of a namespace may be taken away by its name, and nobody else's", () => {
  const config = controllerConfig();
  const needs = new Map([["sluice-policy", { ports: new Set([443]), addresses: [] }]]);
  const objects = namespaceObjects({
    namespace: "research",
    config,
    trust: { data: { "signers.yaml": "x" } },
    ca: "none",
    needs,
  });
  assert.deepEqual(
    objects.map(({ kind, metadata: { name } }) => `${kind}/${name} ${isOursByName(kind, name)}`),
    [
      "ConfigMap/sluice-trust true",
      "ConfigMap/sluice-router true",
      "RoleBinding/sluice-router true",
      "ResourceQuota/sluice-approvals true",
      "NetworkPolicy/sluice-egress-sluice-policy true",
    ],
  );
  for (const [kind, name] of [
    ["ConfigMap", "sluice-policy"],
    ["NetworkPolicy", "theirs"],
    ["Secret", "sluice-router"],
  ] as const) {
    assert.equal(isOursByName(kind, name), false);
  }
  const off = { ...config, networkPolicy: { ...config.networkPolicy, enabled: false } };
  assert.equal(namespaceObjects({ namespace: "research", config: off, trust: undefined, ca: "none", needs }).length, 3);
});

test("a fingerprint is of what is ours: the server's own members change nothing, anything else does", () => {
  const [object] = namespaceObjects({
    namespace: "n",
    config: controllerConfig(),
    trust: undefined,
    ca: "none",
    needs: new Map(),
  });
  assert.ok(object !== undefined);
  const stored = {
    ...object,
    metadata: { ...object.metadata, uid: "u", managedFields: [] },
    binaryData: {},
    status: { a: 1 },
  };
  assert.equal(fingerprint(stored), fingerprint(object));
  for (const drifted of [
    { ...stored, data: { more: "x" } },
    { ...stored, binaryData: { x: "eA==" } },
    { ...stored, immutable: true },
    { ...stored, metadata: { ...object.metadata, labels: {} } },
  ]) {
    assert.notEqual(fingerprint(drifted), fingerprint(object));
  }
});

test("keys that are ours by the API server's notes", () => {
  const entry = (manager: string, operation: string, key: string): object => ({
    manager,
    operation,
    fieldsV1: { "f:data": { ".": {}, [`f:${key}`]: {} } },
  });
  const managedFields = [
    entry("sluice-controller", "Apply", "ours.yaml"),
    entry("kubectl", "Apply", "a"),
    entry("sluice-controller", "Update", "b"),
    null,
    { manager: "sluice-controller", operation: "Apply", fieldsV1: 7 },
  ];
  assert.deepEqual([...(ownedKeys({ metadata: { managedFields } }) ?? [])], ["ours.yaml"]);
  for (const body of [undefined, {}, { metadata: 1 }, { metadata: { managedFields: "x" } }])
    assert.equal(ownedKeys(body), undefined);
});

test("since when a condition holds changes with its status alone; what is not ours stays as it is", () => {
  const since = "2026-01-01T00:00:00Z";
  const theirs = { type: "Approved", status: "True", lastTransitionTime: since, extra: [1] };
  const before = [
    theirs,
    { type: "Ready", status: "False", reason: "A", message: "a", lastTransitionTime: since },
    { type: "Old", status: "True" },
  ];
  const facts = { now: epochMillis(Date.UTC(2026, 10, 21)), generation: 3 };
  const ready = (status: "True" | "False") => ({ type: "Ready", status, reason: "B", message: "b\u001b" }) as const;
  const made = (status: "True" | "False"): unknown =>
    mergedConditions(before, ["Ready", "Old"], [ready(status)], facts);
  const common = { type: "Ready", reason: "B", message: "b\\u001b", observedGeneration: 3 };
  assert.deepEqual(made("False"), [theirs, { ...common, status: "False", lastTransitionTime: since }]);
  assert.deepEqual(made("True"), [theirs, { ...common, status: "True", lastTransitionTime: "2026-11-21T00:00:00Z" }]);
});

test("the trust directory as the kubelet mounts it, or why not", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-trust-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const problem = async (): Promise<string> => {
    const read = await readTrustFiles(directory);
    return read.ok ? JSON.stringify(read.value.data) : read.problem;
  };
  assert.match(await problem(), /has no signers\.yaml/);
  mkdirSync(join(directory, "..data"));
  writeFileSync(join(directory, "..data/signers.yaml"), "kind: SignerPolicy\n");
  symlinkSync("..data/signers.yaml", join(directory, "signers.yaml"));
  assert.equal(await problem(), '{"signers.yaml":"kind: SignerPolicy\\n"}');
  const rows = [
    ["binary.pub", Buffer.from([0xff, 0xfe]), /not UTF-8/],
    ["big.pub", "x".repeat(1_100_000), /big\.pub/],
    ["sp ace", "x", /whose name/],
  ] as const;
  for (const [name, content, expected] of rows) {
    writeFileSync(join(directory, name), content);
    assert.match(await problem(), expected);
    rmSync(join(directory, name));
  }
  assert.equal((await readTrustFiles(join(directory, "gone"))).ok, false);
});
