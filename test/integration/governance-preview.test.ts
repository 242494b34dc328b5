import assert from "node:assert/strict";
import { test } from "node:test";
import { startModelOrigin } from "../fakes/model-origin.ts";
import { modelPolicy, PROVIDER_KEY } from "../fakes/model-policy.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { cardSigner } from "../fakes/agent-card.ts";
import { startSidecar } from "../fakes/sidecar.ts";

/** What `evaluate` says of what passes the router is what the router then does. */
const key = cardSigner("EdDSA", "k1").key;
const EGRESS = "  - { id: all, effect: allow, actions: [egress], unless: { host: { names: [no.example] } } }";
const REST = [
  "trust:",
  `  peers: [{ id: island, keys: [{ kid: ${key.kid}, algorithm: ${key.algorithm}, spki: "${key.spki}" }], endpoints: ["island.example:443"] }]`,
  "  graph: []",
];
const DELEGATED = ["delegate: [egress, inference]", "rules: []", ...REST];
const RULED = ["delegate: [inference]", "rules:", EGRESS, ...REST];

const tls = (host: string, port = 443): object => ({ kind: "egress", host, port, protocol: "tls" });
const http = (host: string, path: string): object => ({
  kind: "egress",
  host,
  port: 80,
  protocol: "http",
  method: "GET",
  path,
});

/** `decision reason rule`; of what is allowed the decision alone. */
const table: readonly (readonly [name: string, action: object, delegated: string, ruled: string])[] = [
  ["a host of a rule", tls("web.example"), "allow", "allow"],
  ["a host that no rule names", tls("evil.example"), "deny host_not_allowed null", "deny host_not_allowed null"],
  ["a host that is denied", tls("bad.example"), "deny denied_by_rule no", "deny denied_by_rule no"],
  ["another port", tls("web.example", 444), "deny port_not_allowed web", "deny port_not_allowed web"],
  ["a metadata service", tls("169.254.169.254", 80), "deny host_not_allowed null", "deny host_not_allowed null"],
  ["a request", http("plain.example", "/a"), "allow", "allow"],
  ["another path", http("plain.example", "/b"), "deny path_not_allowed plain", "deny path_not_allowed plain"],
  ["a host that only governance refuses", tls("no.example"), "allow", "deny governance_denied null"],
  ["a peer that is not connected", tls("island.example"), "deny governance_denied null", "deny governance_denied null"],
  ["a provider of models", tls("127.0.0.1", 0), "deny inference_only null", "deny inference_only null"],
  [
    "not all of it",
    { kind: "egress", host: "web.example" },
    "deny malformed_request null",
    "deny malformed_request null",
  ],
  ["a model", { kind: "inference", model: "test-model" }, "allow", "allow"],
  ["a model by its alias", { kind: "inference", model: "other-name", provider: "main" }, "allow", "allow"],
  [
    "another provider of it",
    { kind: "inference", model: "test-model", provider: "x" },
    "deny model_not_allowed null",
    "deny model_not_allowed null",
  ],
  [
    "a model that there is not",
    { kind: "inference", model: "none" },
    "deny model_not_allowed null",
    "deny model_not_allowed null",
  ],
  ["no model", { kind: "inference" }, "deny model_not_allowed null", "deny model_not_allowed null"],
];

for (const [column, governance] of [DELEGATED, RULED].entries()) {
  test(`evaluate says what the router does, where ${column === 0 ? "egress is delegated" : "rules allow egress"}`, async () => {
    await using origin = await startModelOrigin(() => ({}));
    await using sidecar = await startSidecar({
      allow: [
        "{ id: web, hosts: [web.example, no.example, bad.example, island.example], ports: [443] }",
        "{ id: plain, hosts: [plain.example], ports: [80], protocol: http, http: { methods: [GET], paths: [/a] } }",
      ],
      deny: ["{ id: no, hosts: [bad.example] }"],
      governance,
      models: modelPolicy(origin),
      secrets: { "provider-key": PROVIDER_KEY },
      settings: ["limits: { drain: 200ms }"],
    });
    for (const [name, action, delegated, ruled] of table) {
      const isProvider = name === "a provider of models";
      const response = await fetch(`http://127.0.0.1:${sidecar.agentPort}/governance/v1/evaluate`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ action: isProvider ? { ...action, port: origin.port } : action }),
      });
      const { decision, reason, rule } = (await response.json()) as Record<string, unknown>;
      const said = decision === "allow" ? "allow" : `${String(decision)} ${String(reason)} ${String(rule)}`;
      assert.equal(said, column === 0 ? delegated : ruled, name);
      const { host, port, protocol } = action as { host?: string; port?: number; protocol?: string };
      if (decision === "allow" || protocol !== "tls" || isProvider) continue;
      const { text } = await rawRequest(
        sidecar.port,
        `CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`,
      );
      assert.match(text, new RegExp(`^Sluice-Reason: ${String(reason)}\r$`, "m"), name);
    }
  });
}
