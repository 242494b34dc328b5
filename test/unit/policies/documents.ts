/** Valid documents of every kind, from which tests make invalid ones. */
export const EGRESS_POLICY = `apiVersion: sluice.dev/v1alpha1
kind: EgressPolicy
metadata: { name: research-agent }
spec:
  version: 7
  issuedAt: "2026-11-20T00:00:00Z"
  expiresAt: "2027-02-20T00:00:00Z"
  audience: { namespaces: [research], agents: ["*"] }
  mode: enforce
  allow:
    - id: github
      hosts: [api.github.com, "*.githubusercontent.com"]
      ports: [443]
      protocol: tls
      inspect: false
      limits: { bytesOut: 10Mi, bytesIn: 1Gi, lifetime: 1h, idle: 5m, connectionsPerMinute: 60 }
    - id: docs
      hosts: ["**.docs.example"]
      ports: [80, 8080]
      protocol: http
      http: { methods: [GET], paths: ["/repos/**"] }
    - id: old-client
      hosts: [legacy.example]
      ports: [8443]
      tls: { missingSni: allow, ech: refuse }
    - id: warehouse
      addresses: ["10.1.2.3:5432", "[fd00::1]:5432"]
      protocol: tcp
  deny:
    - { id: no-gists, hosts: [gist.github.com] }
    - { id: no-writes, hosts: ["*.com"], ports: [80], http: { methods: [POST] } }
`;

export const SIGNER_POLICY = `apiVersion: sluice.dev/v1alpha1
kind: SignerPolicy
metadata: { name: production }
spec:
  signers:
    - id: release
      key: { file: release.pub }
    - id: pipeline
      certificate:
        identity: { pattern: "^https://github\\\\.com/example/policies/.*$" }
        issuer: { exact: "https://token.actions.githubusercontent.com" }
  trustedRoots: [trusted_root.json]
  requirements:
    - kind: EgressPolicy
      signers: [release, pipeline]
      threshold: 2
`;

export const ROUTER_CONFIG = `apiVersion: sluice.dev/v1alpha1
kind: RouterConfig
spec:
  identity: { namespace: research, pod: agent-0, agent: research-agent }
  listeners:
    forward: { addresses: [127.0.0.1], port: 18080 }
    admin: { port: 18090 }
  policy: { directory: /etc/sluice/policy, expiryGrace: 10m }
  audit: { mode: strict, segmentBytes: 8Mi, segmentAge: 1h, maximumBytes: 536870912 }
  limits: { connections: 512, headTimeout: 5s, idle: 1h30m }
  resolver:
    servers: [10.0.0.10, "[fd00::a]:53"]
    hosts: { origin.example: [127.0.0.1, "::1"] }
  network:
    deny: [10.244.0.0/16, "fd00::/8"]
    nat64: { prefixes: ["64:ff9b::/96"], discover: false }
  guard: { expected: false }
  log: { level: debug }
`;

/** One change to a valid document, and all the problems that it makes. */
export interface Row {
  readonly name: string;
  /** A part of the document that stands in it once. */
  readonly replace: string;
  readonly by: string;
  /** `line:column code`, in order; empty: the document stays valid. */
  readonly problems: readonly string[];
  /** The JSON Schema accepts the change: it is about the text, or more than a schema can say. */
  readonly beyondSchema?: true;
}

export function changed(document: string, { name, replace, by }: Row): string {
  if (document.split(replace).length !== 2)
    throw new Error(`${name}: ${JSON.stringify(replace)} does not stand there once`);
  return document.replace(replace, () => by);
}
