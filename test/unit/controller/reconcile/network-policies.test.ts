import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { needsOfTexts, urlPorts } from "../../../../controller/reconcile/egress-needs.ts";
import {
  type NetworkPolicySettings,
  networkPolicy,
  NO_NEEDS,
} from "../../../../controller/reconcile/network-policies.ts";

const SETTINGS: NetworkPolicySettings = {
  namespace: "sluice-system",
  monitoringNamespaces: [],
  ingress: "allow",
  egressCidrs: [],
  resolverServers: [],
  resolverPort: 53,
};

const rule = (id: string, members: object): object => ({ id, ...members });
const policy = (allow: readonly object[], mode = "enforce"): string =>
  JSON.stringify({
    apiVersion: "sluice.dev/v1alpha1",
    kind: "EgressPolicy",
    metadata: { name: "p" },
    spec: {
      version: 1,
      issuedAt: "2026-11-20T00:00:00Z",
      expiresAt: "2026-12-20T00:00:00Z",
      audience: { namespaces: ["*"], agents: ["*"] },
      mode,
      allow,
    },
  });

const WEB = needsOfTexts([
  policy([
    rule("web", { hosts: ["api.example.com"], ports: [443, 8443, 8444, 8445] }),
    rule("warehouse", { addresses: ["10.1.2.3:5432", "[fd00::1]:5432", "169.254.169.254:80"], protocol: "tcp" }),
  ]),
]);

// After a change that is meant: SLUICE_UPDATE_GOLDEN=1 node --test <this file>, and read the difference.
const GOLDEN = [
  ["no-policy", NO_NEEDS, SETTINGS],
  ["policy", WEB, SETTINGS],
  ["learn", needsOfTexts([policy([rule("web", { hosts: ["a.example"], ports: [443] })], "learn")]), SETTINGS],
  [
    "cidrs",
    WEB,
    {
      ...SETTINGS,
      egressCidrs: ["10.0.0.0/8", "169.254.0.0/16", "fd00::/8"],
      resolverServers: ["169.254.1.1", "[fd00::53]:5353"],
    },
  ],
  ["dns-over-tls", WEB, { ...SETTINGS, resolverServers: ["10.0.0.53", "[fd00::53]:5353"], resolverPort: 853 }],
  ["deny-ingress", NO_NEEDS, { ...SETTINGS, ingress: "deny", monitoringNamespaces: ["monitoring"] }],
  ["allow-monitored", NO_NEEDS, { ...SETTINGS, monitoringNamespaces: ["monitoring", "sluice-system"] }],
] as const;

for (const [name, needs, settings] of GOLDEN) {
  test(`golden: ${name}`, () => {
    const file = new URL(`../../../golden/network-policies/${name}.json`, import.meta.url);
    const text = `${JSON.stringify(networkPolicy("research", "sluice-policy", needs, settings), null, 2)}\n`;
    if (process.env["SLUICE_UPDATE_GOLDEN"] === "1") writeFileSync(file, text);
    assert.equal(text, readFileSync(file, "utf8"));
  });
}

test("no block of any policy holds a metadata service, unless a rule names its very address", () => {
  for (const [, needs, settings] of GOLDEN) {
    const { spec } = networkPolicy("research", "p", { ...needs, addresses: [] }, settings) as { spec?: unknown } as {
      spec: { egress: { to: { ipBlock?: { cidr: string; except?: string[] } }[] }[] };
    };
    for (const { ipBlock } of spec.egress.flatMap(({ to }) => to)) {
      if (ipBlock?.cidr === "0.0.0.0/0") assert.ok(ipBlock.except?.includes("169.254.0.0/16"));
      if (ipBlock?.cidr === "::/0") assert.ok(ipBlock.except?.includes("fd00:ec2::/32"));
    }
  }
});

test("so many ports that no policy could hold them are all of them", () => {
  const ports = new Set(Array.from({ length: 2_500 }, (_, index) => 1 + index * 2));
  const text = JSON.stringify(networkPolicy("n", "p", { ports, addresses: [] }, SETTINGS));
  assert.ok(text.includes('"port":1,"endPort":65535'));
  assert.ok(text.length < 4_000);
});

test("ports of URLs, wherever they stand", () => {
  const found = urlPorts({
    a: ["https://x.example", { b: "http://y.example:8080/v1" }],
    c: "rediss://[::1]:7000",
    d: "ftp://z:21",
    e: "https://%",
  });
  assert.deepEqual(
    [...found].toSorted((one, other) => one - other),
    [443, 7000, 8080],
  );
});

test("a text that is no policy needs nothing", () => {
  for (const text of ["", "kind: EgressPolicy", "[", "https://evil.example:22", "\u0000", "a: &a [*a]"]) {
    assert.deepEqual(needsOfTexts([text]), NO_NEEDS, text);
  }
});
