/** A valid GovernancePolicy, from which tests make invalid ones: each part that a row replaces stands in it once. */
export const GOVERNANCE_POLICY = `apiVersion: sluice.dev/v1alpha1
kind: GovernancePolicy
metadata: { name: coding-agent }
spec:
  version: 5
  issuedAt: "2026-11-20T00:00:00Z"
  expiresAt: "2027-02-20T00:00:00Z"
  audience: { namespaces: [research], agents: ["*"] }
  mode: enforce
  delegate: [inference]
  rules:
    - id: no-secrets
      effect: deny
      actions: [tool]
      when:
        server: { in: [files, function] }
        arguments:
          - { at: /path, glob: ["*/.ssh/*"], pattern: ["^.*[.]pem$"] }
      message: Keys are nobody's to read.
    - id: ask-for-writes
      effect: require_approval
      actions: [tool]
      when: { server: { in: [github] }, tool: { glob: ["create_*", "delete_*"] } }
      unless: { arguments: [{ at: /draft, is: true }, { at: /count, from: 1, to: 2.5 }, { at: /kind~1x, in: [a, "1"] }, { at: /n, in: [1, -2] }] }
    - id: github
      effect: rate_limit
      actions: [tool]
      when: { server: { in: [github] } }
      limit: { per: tool, rate: { count: 30, window: 1m, burst: 5 }, concurrent: 2 }
      obligations: { redact: [/body], resultBytes: 64Ki, log: full }
    - id: builds
      effect: allow
      actions: [exec]
      when:
        program: { in: [/usr/bin/git, /usr/bin/make], glob: ["/opt/tools/*"] }
        argv: { every: { pattern: ["^[a-z0-9./_-]+$"] } }
        directory: { glob: ["/workspace/*"] }
        labels: [{ name: example.com/team, in: [build] }]
        time: { days: [mon, tue, wed, thu, fri], from: "08:00", to: "18:00", offset: "+01:00" }
    - id: docs
      effect: allow
      actions: [egress]
      when:
        host: { names: ["**.docs.example", api.example], ranges: [10.0.0.0/8] }
        port: { in: [443, 80], from: 80 }
        protocol: { in: [http] }
        method: { in: [GET] }
        path: { glob: ["/v1/**"] }
    - id: small-calls
      effect: allow
      actions: [inference]
      when: { model: { in: [gpt-5] }, provider: { in: [openai] }, api: { in: [chat] }, stream: true, bytes: { to: 1Mi } }
    - id: workers
      effect: allow
      actions: [spawn]
      when: { agent: { in: [worker] }, image: { glob: ["registry.example/*"] }, depth: { to: 2 } }
    - id: planner
      effect: allow
      actions: [mesh.send]
      when: { peer: { in: [planner] }, topic: { glob: ["plan.*"] }, tier: { from: known, below: sovereign } }
    - { id: status, effect: allow, actions: [admin], when: { operation: { in: [status] }, target: { in: [self] } } }
  limits:
    - { id: overall, per: action, rate: { count: 50, window: 1s } }
    - { id: hosts, actions: [egress], per: destination, concurrent: 8 }
  deniedTools: refuse
  mcp:
    - id: github
      url: https://mcp.github.example/mcp
      credential: { file: github-token, header: x-api-key }
      caFile: corp.pem
      resultBytes: 2Mi
      timeout: 20s
    - id: files
      url: http://files.tools.svc:8000/mcp/
      addresses: ["10.0.0.7:8000"]
  behavior:
    - { id: burst, detector: burst }
    - { id: failing, detector: failures, count: 5, window: 2m, response: { kind: throttle, perMinute: 6, for: 1h } }
    - { id: refused, detector: denials, actions: [tool, exec], response: { kind: require_approval }, quiet: 1m }
    - { id: wandering, detector: new_destinations, actions: [egress], count: 7, window: 30m, memory: 2d }
    - { id: at-night, detector: off_hours, hours: { from: "07:00", to: "20:00" } }
    - { id: leak, detector: volume, bytes: 100Mi, perDestination: true, response: { kind: quarantine } }
  liftBefore: "2026-11-19T00:00:00Z"
  trust:
    rates: { initial: 400, penalty: 60 }
    peers:
      - id: planner
        keys:
          - { kid: k1, algorithm: EdDSA, spki: MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE= }
        card: { endpoint: "planner.example:443" }
        endpoints: ["planner.example:443", "10.0.0.9:8443"]
        addresses: ["10.0.0.9:8443"]
      - id: critic
        keys:
          - { kid: k1, algorithm: ES256, spki: MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU8UTQoIxGQ9YHMpGsn83bVCXGtOBQdFGm5oBGHEXkLkw== }
        endpoints: ["critic.example:443"]
    graph:
      - { from: self, to: planner }
      - { from: critic, to: self }
  requests: { pending: 8, perMinute: 3, ttl: 5m, grant: 30m }
`;
