import { type McpAgent, mcpAgent } from "./mcp-agent.ts";
import { type McpOrigin, mcpOrigin } from "./mcp-origin.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";

/** A sidecar whose policy has three MCP servers, two of them scripted by the tests, and their agent. */
export interface McpWorld extends AsyncDisposable {
  readonly origin: McpOrigin;
  readonly other: McpOrigin;
  readonly sidecar: Sidecar;
  readonly files: McpAgent;
  readonly second: McpAgent;
  /** Lines of the policy as it stands. */
  readonly policy: readonly string[];
}

export const KEY = "mcp-key/Zq7+x9-secret";

/** `more`: further lines of the policy. */
export async function mcpWorld(more: readonly string[] = []): Promise<McpWorld> {
  const origin = await mcpOrigin();
  const other = await mcpOrigin("/other");
  const at = (port: number): string => `["127.0.0.1:${port}"]`;
  const policy = [
    ...more,
    "requests: { pending: 4 }",
    "rules:",
    "  - { id: reads, effect: allow, actions: [tool], when: { server: { in: [files, second] }, tool: { in: [read_file, count, slow] } } }",
    '  - { id: no-etc, effect: deny, actions: [tool], when: { tool: { in: [read_file] }, arguments: [{ at: /path, glob: ["/etc/*"] }] }, unless: { server: { in: [second] } }, message: Not that directory. }',
    "  - { id: careful, effect: require_approval, actions: [tool], when: { tool: { in: [delete_file] } } }",
    "  - { id: seldom, effect: rate_limit, actions: [tool], when: { tool: { in: [ping_tool] } }, limit: { rate: { count: 1, window: 1h, burst: 1 } } }",
    '  - { id: work, effect: allow, actions: [tool], when: { tool: { in: [resources/read] }, arguments: [{ at: /uri, glob: ["file:///work/*"] }] } }',
    "  - { id: small, effect: allow, actions: [tool], when: { tool: { in: [small] } }, obligations: { resultBytes: 1Ki } }",
    "  - { id: elicit, effect: allow, actions: [tool], when: { tool: { in: [elicitation/create] } } }",
    "mcp:",
    `  - { id: files, url: "http://files.example:${origin.port}/mcp", addresses: ${at(origin.port)}, credential: { file: key }, resultBytes: 16Ki, timeout: 1s }`,
    `  - { id: second, url: "http://second.example:${other.port}/other", addresses: ${at(other.port)}, credential: { file: key, header: x-own-key } }`,
    `  - { id: denied, url: "http://denied.example:${origin.port}/mcp", addresses: ${at(origin.port)} }`,
    `  - { id: keyless, url: "http://files.example:${origin.port}/mcp", addresses: ${at(origin.port)}, credential: { file: absent } }`,
  ];
  const sidecar = await startSidecar({
    allow: [
      `{ id: tunnels, hosts: [files.example, web.example], ports: [${origin.port}, ${other.port}], protocol: tcp, addresses: ${at(origin.port)} }`,
    ],
    deny: [`{ id: no-denied, hosts: [denied.example] }`],
    governance: ["delegate: [egress]", ...policy],
    secrets: { key: KEY },
    hosts: {
      "files.example": ["127.0.0.1"],
      "second.example": ["127.0.0.1"],
      "denied.example": ["127.0.0.1"],
      "web.example": ["127.0.0.1"],
    },
    settings: ["limits: { drain: 200ms }"],
  });
  return {
    origin,
    other,
    sidecar,
    policy: ["delegate: [egress]", ...policy],
    files: mcpAgent(sidecar.agentPort, "files"),
    second: mcpAgent(sidecar.agentPort, "second"),
    async [Symbol.asyncDispose]() {
      await sidecar[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
    },
  };
}
