import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkRouterConfig,
  parseRouterConfig,
  routerConfigSettings,
  type SettingText,
} from "../../../../router/core/config/parse-router-config.ts";
import { changed, ROUTER_CONFIG } from "../../policies/documents.ts";
import { ROUTER_CONFIG_ROWS } from "../../policies/router-config-rows.ts";

test("INV-CONFIG-STRICT: every defect of a RouterConfig is a problem, at its place", () => {
  for (const row of ROUTER_CONFIG_ROWS) {
    const parsed = parseRouterConfig("r.yaml", changed(ROUTER_CONFIG, row));
    const found = parsed.ok ? [] : parsed.problem.map(({ line, column, code }) => `${line}:${column} ${code}`);
    assert.deepEqual(found, row.problems, row.name);
  }
});

const IDENTITY: readonly SettingText[] = [
  { path: "identity.namespace", text: "research", origin: "SLUICE_IDENTITY_NAMESPACE" },
  { path: "identity.pod", text: "agent-0", origin: "SLUICE_IDENTITY_POD" },
  { path: "identity.agent", text: "true", origin: "SLUICE_IDENTITY_AGENT" },
];

test("without a file, what is not set has the defaults of contract.md", () => {
  assert.deepEqual(parseRouterConfig("settings", undefined, IDENTITY), {
    ok: true,
    value: {
      identity: { namespace: "research", pod: "agent-0", agent: "true", image: undefined },
      listeners: {
        forward: { addresses: ["127.0.0.1", "::1"], port: 18_080 },
        agent: { addresses: ["127.0.0.1", "::1"], port: 18_084 },
        admin: { addresses: ["0.0.0.0", "::"], port: 18_090 },
        tls: { addresses: ["127.0.0.1", "::1"], port: 18_443 },
        http: { addresses: ["127.0.0.1", "::1"], port: 18_081 },
        dns: { addresses: ["127.0.0.1", "::1"], port: 18_053 },
      },
      inspection: {
        directory: undefined,
        caFile: undefined,
        certificateFile: undefined,
        keyFile: undefined,
        lifetime: 86_400_000,
        leaves: 1024,
      },
      dns: {
        answers: "resolved",
        synthetic: "198.18.0.0/15",
        synthetic6: "100::/64",
        ttl: 60_000,
        queriesPerSecond: 100,
        namesPerHour: 500,
      },
      blocklists: [],
      proxies: [],
      learning: { entries: 4096 },
      fetch: {
        enabled: true,
        requestBytes: 2 ** 20,
        answerBytes: 2 * 2 ** 20,
        redirects: 5,
        timeout: 30_000,
        concurrent: 8,
      },
      policy: { directory: "/etc/sluice/policy", expiryGrace: 0 },
      trust: { directory: "/etc/sluice/trust" },
      state: { directory: "/var/lib/sluice" },
      audit: {
        directory: "/var/log/sluice/audit",
        mode: "strict",
        segmentBytes: 16 * 2 ** 20,
        segmentAge: 86_400_000,
        maximumBytes: 2 ** 30,
        heartbeat: 600_000,
        checkpoint: { keyFile: undefined, records: 10_000, interval: 10_000, files: [], witnesses: [] },
        redact: { fields: [], keyFile: undefined },
        exports: [],
      },
      limits: {
        connections: 1024,
        headBytes: 16_384,
        headTimeout: 10_000,
        connectTimeout: 10_000,
        idle: 300_000,
        lifetime: 3_600_000,
        drain: 25_000,
      },
      resolver: {
        servers: [],
        timeout: 5000,
        over: "plain",
        serverName: undefined,
        path: "/dns-query",
        caFile: undefined,
        hosts: new Map(),
      },
      network: { deny: [], nat64: { prefixes: [], discover: true } },
      inference: {
        secrets: "/run/secrets/sluice",
        bodyBytes: 32 * 2 ** 20,
        heldBytes: 64 * 2 ** 20,
        sharedLedger: undefined,
      },
      governance: {
        required: false,
        labelsFile: undefined,
        approvals: "/etc/sluice/approvals",
        identityKeyFile: undefined,
        cardFile: undefined,
      },
      kubernetes: {
        watch: false,
        server: undefined,
        tokenFile: "/run/secrets/sluice/kubernetes/token",
        caFile: "/run/secrets/sluice/kubernetes/ca.crt",
        requests: "denied",
      },
      tracing: { endpoint: undefined, headersFile: undefined, percent: 100, latestNames: false },
      guard: { expected: true, proofFile: "/run/sluice/guard-proof.json" },
      log: { level: "info" },
    },
  });
});

test("a file is read", () => {
  const parsed = parseRouterConfig("r.yaml", ROUTER_CONFIG);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problem));
  const { listeners, policy, audit, limits, resolver, network, guard, log } = parsed.value;
  assert.deepEqual(listeners.forward, { addresses: ["127.0.0.1"], port: 18_080 });
  assert.deepEqual(listeners.admin, { addresses: ["0.0.0.0", "::"], port: 18_090 });
  assert.equal(policy.expiryGrace, 600_000);
  assert.equal(audit.maximumBytes, 536_870_912);
  assert.equal(limits.idle, 5_400_000);
  assert.deepEqual(resolver.servers, ["10.0.0.10", "[fd00::a]:53"]);
  assert.deepEqual(resolver.hosts, new Map([["origin.example", ["127.0.0.1", "::1"]]]));
  assert.deepEqual(network, {
    deny: ["10.244.0.0/16", "fd00::/8"],
    nat64: { prefixes: ["64:ff9b::/96"], discover: false },
  });
  assert.equal(guard.expected, false);
  assert.equal(log.level, "debug");
});

test("settings win over the file, later ones over earlier ones, and over what is wrong there", () => {
  const settings: readonly SettingText[] = [
    { path: "audit.mode", text: "blocking", origin: "SLUICE_AUDIT_MODE" },
    { path: "audit.mode", text: "best_effort", origin: "--audit-mode" },
    { path: "limits.idle", text: "30s", origin: "SLUICE_LIMITS_IDLE" },
    { path: "resolver.servers", text: "10.0.0.1, [::1]:53", origin: "SLUICE_RESOLVER_SERVERS" },
    { path: "network.deny", text: "", origin: "SLUICE_NETWORK_DENY" },
    { path: "guard.expected", text: "true", origin: "SLUICE_GUARD_EXPECTED" },
    { path: "state.directory", text: "/tmp/state", origin: "--state-directory" },
  ];
  const parsed = parseRouterConfig("r.yaml", ROUTER_CONFIG.replace("idle: 1h30m", "idle: soon"), settings);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problem));
  const { audit, limits, resolver, network, guard, state } = parsed.value;
  assert.equal(audit.mode, "best_effort");
  assert.equal(audit.segmentBytes, 8 * 2 ** 20);
  assert.equal(limits.idle, 30_000);
  assert.equal(limits.headTimeout, 5000);
  assert.deepEqual(resolver.servers, ["10.0.0.1", "[::1]:53"]);
  assert.equal(resolver.hosts.size, 1);
  assert.deepEqual(network.deny, []);
  assert.equal(guard.expected, true);
  assert.equal(state.directory, "/tmp/state");
});

test("problems of settings are reported under their own names, together with those of the file", () => {
  const settings: readonly SettingText[] = [
    { path: "audit.mode", text: "best-effort", origin: "SLUICE_AUDIT_MODE" },
    { path: "guard.expected", text: "no", origin: "--guard-expected" },
    { path: "audit.segmentBytes", text: "1Gi", origin: "SLUICE_AUDIT_SEGMENT_BYTES" },
    { path: "resolver.servers", text: "10.0.0.1,dns", origin: "SLUICE_RESOLVER_SERVERS" },
  ];
  const parsed = parseRouterConfig("r.yaml", ROUTER_CONFIG.replace("log:", "logs:"), settings);
  const found = parsed.ok
    ? []
    : parsed.problem.map(({ file, line, column, code }) => `${file}:${line}:${column}: ${code}`);
  assert.deepEqual(found, [
    "SLUICE_AUDIT_MODE:0:0: unknown_value",
    "SLUICE_AUDIT_SEGMENT_BYTES:0:0: segment_too_large",
    "SLUICE_RESOLVER_SERVERS:0:0: bad_address",
    "--guard-expected:0:0: wrong_type",
    "r.yaml:18:3: unknown_key",
  ]);
});

test("without a file, what is missing is reported as a whole", () => {
  const parsed = parseRouterConfig("settings", undefined, IDENTITY.slice(0, 2));
  assert.deepEqual(parsed.ok ? [] : parsed.problem, [
    { file: "settings", line: 0, column: 0, code: "missing_key", message: 'The key "agent" is missing here.' },
  ]);
});

test("settings do not repair a document of another kind, nor one that is no map", () => {
  for (const [text, code] of [
    [ROUTER_CONFIG.replace("RouterConfig", "EgressPolicy"), "wrong_kind"],
    ["[]", "wrong_type"],
    ["", "empty_document"],
    ["apiVersion: sluice.dev/v1alpha1\nkind: RouterConfig\nspec: []\n", "wrong_type"],
  ] as const) {
    const parsed = parseRouterConfig("r.yaml", text, IDENTITY);
    assert.deepEqual(parsed.ok ? [] : parsed.problem.map((problem) => problem.code), [code]);
  }
});

test("every setting has a name in the environment and on the command line, and no two share one", () => {
  const names = routerConfigSettings.map(({ path, environment, flag }) => `${path} ${environment} ${flag}`);
  assert.ok(names.includes("audit.directory SLUICE_AUDIT_DIRECTORY --audit-directory"));
  assert.ok(names.includes("audit.segmentBytes SLUICE_AUDIT_SEGMENT_BYTES --audit-segment-bytes"));
  assert.ok(names.includes("network.nat64.discover SLUICE_NETWORK_NAT64_DISCOVER --network-nat64-discover"));
  assert.ok(names.includes("listeners.forward.port SLUICE_LISTENERS_FORWARD_PORT --listeners-forward-port"));
  assert.equal(new Set(routerConfigSettings.map(({ environment }) => environment)).size, names.length);
  assert.equal(new Set(routerConfigSettings.map(({ flag }) => flag)).size, names.length);
  assert.equal(
    names.some((name) => name.startsWith("resolver.hosts")),
    false,
  );
});

test("a setting that is none is a bug of the caller", () => {
  assert.throws(
    () => parseRouterConfig("r.yaml", ROUTER_CONFIG, [{ path: "audit", text: "x", origin: "x" }]),
    /no setting/,
  );
});

const WITNESS = "{ url: https://witness.example/w, key: witness.example+00000000+AA== }";
const wrongAudit: readonly [name: string, yaml: string, code: string][] = [
  ["fields to hide without a key", "redact: { fields: [target] }", "key_missing"],
  ["a field that must stay", "redact: { fields: [seq], keyFile: /k }", "bad_field"],
  ["a field of the prototype", 'redact: { fields: ["detail.__proto__"], keyFile: /k }', "bad_field"],
  ["a webhook without an endpoint", "exports: [{ name: a, kind: webhook }]", "endpoint_missing"],
  ["stdout with a token", "exports: [{ name: a, kind: stdout, tokenFile: /t }]", "not_for_stdout"],
  ["otlp as ocsf", "exports: [{ name: a, kind: otlp, endpoint: 'http://c:4318', format: ocsf }]", "not_for_otlp"],
  [
    "a token in clear",
    "exports: [{ name: a, kind: webhook, endpoint: 'http://siem.example/', tokenFile: /t }]",
    "credential_in_clear",
  ],
  [
    "header fields in clear",
    "exports: [{ name: a, kind: otlp, endpoint: 'http://10.0.0.1:4318', headersFile: /h }]",
    "credential_in_clear",
  ],
  ["a name of two exports", "exports: [{ name: a, kind: stdout }, { name: a, kind: stdout }]", "duplicate_id"],
  ["a name that leaves its directory", "exports: [{ name: ../a, kind: stdout }]", "bad_name"],
  ["an endpoint with a password", "exports: [{ name: a, kind: webhook, endpoint: 'https://u:p@h/' }]", "bad_endpoint"],
  ["an endpoint of another scheme", "exports: [{ name: a, kind: webhook, endpoint: 'file:///etc' }]", "bad_endpoint"],
  ["a witness without a key", "checkpoint: { witnesses: [{ url: https://w }] }", "missing_key"],
  ["a witness whose key is none", "checkpoint: { witnesses: [{ url: https://w, key: abc }] }", "bad_key"],
  ["no records at all", "checkpoint: { records: 0 }", "out_of_range"],
  ["no heartbeat at all", "heartbeat: 0s", "out_of_range"],
];

for (const [name, yaml, code] of wrongAudit) {
  test(`refused: audit: ${name}`, () => {
    const source = `apiVersion: sluice.dev/v1alpha1\nkind: RouterConfig\nspec:\n  audit:\n    ${yaml}\n`;
    assert.deepEqual(
      checkRouterConfig("r.yaml", source).map((problem) => problem.code),
      [code],
    );
  });
}

for (const [name, yaml, code] of [
  ["two listeners on a port", "listeners: { agent: { port: 18080 } }", "port_twice"],
  ["the agent API on the admin's port", "listeners: { agent: { port: 18090 } }", "port_twice"],
  ["a body larger than all together", "inference: { bodyBytes: 65Mi }", "body_too_large"],
  [
    "a ledger's password in clear",
    "inference: { sharedLedger: { endpoint: 'http://valkey:6379', passwordFile: /p } }",
    "credential_in_clear",
  ],
  ["a ledger with a path", "inference: { sharedLedger: { endpoint: 'https://valkey:6379/0' } }", "bad_endpoint"],
  [
    "a collector's header in clear",
    "tracing: { endpoint: 'http://otel:4318', headersFile: /h }",
    "credential_in_clear",
  ],
  ["more than all traces", "tracing: { percent: 101 }", "out_of_range"],
] as const) {
  test(`refused: ${name}`, () => {
    const source = `apiVersion: sluice.dev/v1alpha1\nkind: RouterConfig\nspec:\n  ${yaml}\n`;
    assert.deepEqual(
      checkRouterConfig("r.yaml", source).map((problem) => problem.code),
      [code],
    );
  });
}

test("what audit can be told besides is read", () => {
  const yaml = `checkpoint: { keyFile: /k.pem, records: 5, interval: 1s, files: [/a, /b], witnesses: [${WITNESS}] }
    redact: { fields: [target, detail.addresses], keyFile: /hmac }
    exports:
      - { name: siem, kind: webhook, endpoint: https://siem.example/in, format: ocsf, tokenFile: /t, timeout: 3s }
      - { name: otel, kind: otlp, endpoint: "http://127.0.0.1:4318", headersFile: /h }
      - { name: out, kind: stdout, format: cloudevents }`;
  const source = `apiVersion: sluice.dev/v1alpha1\nkind: RouterConfig\nspec:\n  audit:\n    ${yaml}\n`;
  assert.deepEqual(checkRouterConfig("r.yaml", source), []);
});

test("a file is checked by itself without the identity that the pod brings, and only without that", () => {
  const without = ROUTER_CONFIG.replace(/ {2}identity: .*\n/, "");
  assert.deepEqual(checkRouterConfig("r.yaml", without), []);
  assert.deepEqual(checkRouterConfig("r.yaml", ROUTER_CONFIG), []);
  const codes = checkRouterConfig(
    "r.yaml",
    ROUTER_CONFIG.replace("agent: research-agent", 'agent: "*"').replace("log:", "logs:"),
  );
  assert.deepEqual(
    codes.map(({ code }) => code),
    ["bad_name", "unknown_key"],
  );
});
