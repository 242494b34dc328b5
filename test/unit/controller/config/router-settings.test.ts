/** What an operator may say of the sidecars' settings, and that it reaches them; the rest is the injector's. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { parseControllerConfig } from "../../../../controller/config/parse-controller-config.ts";
import { resolverPort } from "../../../../controller/config/router-settings.ts";
import { routerConfigText } from "../../../../controller/reconcile/namespace-objects.ts";
import { parseRouterConfig } from "../../../../router/core/config/parse-router-config.ts";

const IMAGES = { routerImage: "registry.example/router:1", guardImage: "registry.example/guard:1" };
const IDENTITY = ["namespace", "pod", "agent"].map((name) => ({
  path: `identity.${name}`,
  text: "any",
  origin: "test",
}));

function parsed(router: unknown, injection: object = {}): ReturnType<typeof parseControllerConfig> {
  const spec = { namespace: "sluice-system", injection: { ...IMAGES, ...injection }, router };
  const document = { apiVersion: "sluice.dev/v1alpha1", kind: "ControllerConfig", spec };
  return parseControllerConfig("controller.yaml", JSON.stringify(document));
}

const problems = (router: unknown, injection?: object): readonly string[] => {
  const read = parsed(router, injection);
  return read.ok ? [] : read.problem.map(({ code }) => code);
};

test("every section about ways out reaches the sidecar as it was given", () => {
  const feed = { name: "ours", file: "/etc/sluice/trust/blocked.txt", refresh: "1h" };
  const corp = {
    name: "corp",
    endpoint: "http://127.0.0.1:3128",
    credentialFile: "/run/secrets/sluice/corp-proxy",
  };
  const config = parsed(
    {
      blocklists: [feed, { name: "oisd", url: "https://feeds.example/list", format: "wildcards" }],
      proxies: [corp],
      resolver: { over: "tls", serverName: "dns.corp.example", caFile: "/etc/sluice/trust/corp.pem" },
      dns: { answers: "synthetic", namesPerHour: 50 },
      inspection: { caFile: "/etc/sluice/trust/corp.pem", leaves: 64 },
      learning: { entries: 128 },
      fetch: { enabled: false },
      policy: { expiryGrace: "1h" },
      audit: { mode: "blocking" },
      kubernetes: { requests: "asked" },
      limits: { connections: 9 },
    },
    { resolverServers: ["10.0.0.53"], drain: "40s" },
  );
  assert.ok(config.ok, JSON.stringify(config));
  const read = parseRouterConfig("router.yaml", routerConfigText(config.value), IDENTITY);
  assert.ok(read.ok, JSON.stringify(read));
  const { blocklists, proxies, resolver, dns, inspection, learning, fetch, policy, audit, kubernetes, limits } =
    read.value;
  assert.deepEqual(
    blocklists.map(({ name, format }) => [name, format]),
    [
      ["ours", "auto"],
      ["oisd", "wildcards"],
    ],
  );
  assert.equal(blocklists[0]?.file, feed.file);
  assert.equal(proxies[0]?.credentialFile, corp.credentialFile);
  assert.deepEqual([resolver.over, resolver.servers], ["tls", ["10.0.0.53"]]);
  assert.equal(resolverPort(config.value.router), 853);
  assert.deepEqual([dns.answers, dns.namesPerHour], ["synthetic", 50]);
  assert.deepEqual(
    [inspection.caFile, inspection.leaves, inspection.directory],
    ["/etc/sluice/trust/corp.pem", 64, "/var/run/sluice/ca"],
  );
  assert.deepEqual([learning.entries, fetch.enabled, policy.expiryGrace], [128, false, 3_600_000]);
  assert.deepEqual([audit.mode, kubernetes.requests, kubernetes.watch], ["blocking", "asked", true]);
  assert.deepEqual([limits.connections, limits.drain], [9, 40_000]);
});

test("the example in the chart's README is taken", () => {
  const text = readFileSync(join(import.meta.dirname, "../../../../charts/sluice/README.md"), "utf8");
  const [, example = ""] = /^## Settings of the routers$.*?^```yaml$(.*?)^```$/ms.exec(text) ?? [];
  const { injection, router } = parse(example) as { injection: object; router: object };
  assert.deepEqual(Object.keys(router), ["resolver", "dns", "blocklists", "proxies", "inspection"]);
  assert.deepEqual(problems(router, injection), []);
});

const DECIDED: readonly (readonly [path: string, value: unknown])[] = [
  ["identity", { agent: "somebody-else" }],
  ["identity.image", `registry.example/other@sha256:${"1a".repeat(32)}`],
  ["listeners.forward", { addresses: ["0.0.0.0"] }],
  ["listeners.admin.port", 19_090],
  ["listeners", {}],
  ["guard.expected", false],
  ["guard.proofFile", "/var/lib/sluice/proof.json"],
  ["policy.directory", "/etc/sluice/trust"],
  ["trust.directory", "/etc/sluice/policy"],
  ["state.directory", "/tmp"],
  ["audit.directory", "/tmp"],
  ["inspection.directory", "/etc/sluice/policy"],
  ["inference.secrets", "/var/lib/sluice"],
  ["governance.labelsFile", "/run/secrets/sluice/labels"],
  ["kubernetes.watch", false],
  ["kubernetes.server", "https://elsewhere.example"],
  ["kubernetes.tokenFile", "/etc/sluice/policy/token"],
  ["kubernetes.caFile", "/etc/sluice/policy/ca.crt"],
  ["limits.drain", "1h"],
  ["resolver.servers", ["10.6.6.6"]],
];

for (const [path, value] of DECIDED) {
  test(`INV-CHART-ROUTER: router.${path} is decided by the injector`, () => {
    const router = path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
    assert.ok(problems(router).includes("decided_elsewhere"), String(problems(router)));
  });
}

const REFUSED: readonly (readonly [name: string, router: unknown, code: string, injection?: object])[] = [
  ["a text", "blocklists", "wrong_type"],
  ["a list", [], "wrong_type"],
  ["an unknown section", { blocklist: [] }, "unknown_key"],
  ["a section that is a text", { limits: "none" }, "wrong_type"],
  ["a section that is a list", { resolver: [] }, "wrong_type"],
  ["a prototype", JSON.parse('{"__proto__":{"guard":{"expected":false}}}') as unknown, "unknown_key"],
  ["two feeds of one name", { blocklists: ["a", "b"].map((file) => ({ name: "x", file })) }, "duplicate_id"],
  ["a CA without its key", { inspection: { certificateFile: "/etc/sluice/trust/ca.pem" } }, "ca_incomplete"],
  ["DNS over TLS without servers", { resolver: { over: "tls", serverName: "dns.example" } }, "servers_missing"],
  [
    "DNS over TLS without a name",
    { resolver: { over: "tls" } },
    "server_name_missing",
    { resolverServers: ["10.0.0.53"] },
  ],
];

for (const [name, router, code, injection] of REFUSED) {
  test(`refused: ${name}`, () => {
    assert.ok(problems(router, injection).includes(code), `${code} is not in ${String(problems(router, injection))}`);
  });
}

test("all that is wrong is said at once", () => {
  const codes = problems({ guard: {}, listeners: {}, blocklist: [] });
  assert.deepEqual(codes.toSorted(), ["decided_elsewhere", "decided_elsewhere", "unknown_key"]);
});

test("the port of a DNS server that is named without one", () => {
  for (const [over, port] of [
    ["plain", 53],
    ["tls", 853],
    ["https", 443],
  ] as const) {
    assert.equal(resolverPort({ resolver: { over } }), port);
  }
  assert.equal(resolverPort({}), 53);
  assert.equal(resolverPort({ resolver: "tls" }), 53);
});
