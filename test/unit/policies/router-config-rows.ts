import type { Row } from "./documents.ts";

export const ROUTER_CONFIG_ROWS: readonly Row[] = [
  { name: "a section left out", replace: "  log: { level: debug }\n", by: "", problems: [] },
  { name: "an unknown section", replace: "log:", by: "logs:", problems: ["18:3 unknown_key"] },
  { name: "an unknown key", replace: "headTimeout", by: "headTimeOut", problems: ["10:31 unknown_key"] },
  { name: "metadata", replace: "spec:", by: "metadata: { name: x }\nspec:", problems: ["3:1 unknown_key"] },
  {
    name: "no identity",
    replace: "  identity: { namespace: research, pod: agent-0, agent: research-agent }\n",
    by: "",
    problems: ["4:3 missing_key"],
  },
  { name: "an empty agent", replace: "agent: research-agent", by: 'agent: ""', problems: ["4:57 empty_text"] },
  { name: "every agent", replace: "agent: research-agent", by: 'agent: "*"', problems: ["4:57 bad_name"] },
  // The API server.
  ...(
    [
      ["an API server to follow", "{ watch: true, server: 'https://10.96.0.1', requests: asked }", [], false],
      ["an API server on loopback in clear", "{ watch: true, server: 'http://127.0.0.1:8001' }", [], false],
      ["an API server in clear", "{ watch: true, server: 'http://10.96.0.1' }", ["19:38 credential_in_clear"], true],
      ["an API server with a query", "{ server: 'https://10.96.0.1/?a=b' }", ["19:25 bad_endpoint"], true],
      ["requests now and then", "{ requests: sometimes }", ["19:27 unknown_value"], false],
      ["a watch of something", "{ watch: egressapprovals }", ["19:24 wrong_type"], false],
    ] as const
  ).map(([name, section, problems, beyondSchema]) => ({
    name,
    replace: "  log: { level: debug }\n",
    by: `  log: { level: debug }\n  kubernetes: ${section}\n`,
    problems,
    ...(beyondSchema ? { beyondSchema } : {}),
  })),
  // Listeners.
  { name: "port 0", replace: "port: 18090", by: "port: 0", problems: ["7:20 bad_port"] },
  {
    name: "one port for two listeners",
    replace: "port: 18090",
    by: "port: 18080",
    problems: ["6:5 port_twice"],
    beyondSchema: true,
  },
  {
    name: "a name to listen on",
    replace: "[127.0.0.1], port",
    by: "[localhost], port",
    problems: ["6:28 bad_address"],
  },
  {
    name: "an address in another spelling",
    replace: "[127.0.0.1], port",
    by: '["::0001"], port',
    problems: ["6:28 address_not_canonical"],
    beyondSchema: true,
  },
  { name: "no addresses", replace: "[127.0.0.1], port", by: "[], port", problems: ["6:27 empty_list"] },
  // Policy and audit.
  { name: "no grace", replace: "expiryGrace: 10m", by: "expiryGrace: 0s", problems: [] },
  {
    name: "a grace without a unit",
    replace: "expiryGrace: 10m",
    by: "expiryGrace: 600",
    problems: ["8:57 bad_duration"],
  },
  {
    name: "an empty directory",
    replace: "directory: /etc/sluice/policy",
    by: 'directory: ""',
    problems: ["8:24 empty_text"],
  },
  {
    name: "a directory with a line break",
    replace: "directory: /etc/sluice/policy",
    by: 'directory: "a\\nb"',
    problems: ["8:24 control_character"],
    beyondSchema: true,
  },
  { name: "an unknown mode", replace: "mode: strict", by: "mode: lenient", problems: ["9:18 unknown_value"] },
  {
    name: "segments over the total",
    replace: "segmentBytes: 8Mi",
    by: "segmentBytes: 1Gi",
    problems: ["9:40 segment_too_large"],
    beyondSchema: true,
  },
  // Limits.
  { name: "no connections", replace: "connections: 512", by: "connections: 0", problems: ["10:26 out_of_range"] },
  {
    name: "an idle time of nothing",
    replace: "idle: 1h30m",
    by: "idle: 0s",
    problems: ["10:54 out_of_range"],
    beyondSchema: true,
  },
  {
    name: "an idle time that overflows timers",
    replace: "idle: 1h30m",
    by: "idle: 600h",
    problems: ["10:54 out_of_range"],
    beyondSchema: true,
  },
  // Resolver and network.
  { name: "a server by name", replace: "[10.0.0.10,", by: "[dns.example,", problems: ["12:15 bad_address"] },
  {
    name: "a server with port 0",
    replace: "[10.0.0.10,",
    by: "['10.0.0.10:0',",
    problems: ["12:15 bad_address"],
    beyondSchema: true,
  },
  {
    name: "a server in another spelling",
    replace: "[fd00::a]:53",
    by: "[FD00::a]:53",
    problems: ["12:26 address_not_canonical"],
  },
  {
    name: "a pinned name in capitals",
    replace: "origin.example",
    by: "Origin.example",
    problems: ["13:14 host_not_canonical"],
  },
  { name: "a pinned wildcard", replace: "origin.example", by: '"*.example"', problems: ["13:14 bad_host"] },
  {
    name: "a pinned name without addresses",
    replace: '[127.0.0.1, "::1"] }',
    by: "[] }",
    problems: ["13:30 empty_list"],
  },
  {
    name: "a network with bits beyond its prefix",
    replace: "10.244.0.0/16",
    by: "10.244.0.1/16",
    problems: ["15:12 bad_network"],
    beyondSchema: true,
  },
  { name: "an address for a network", replace: "10.244.0.0/16", by: "10.244.0.0", problems: ["15:12 bad_network"] },
  {
    name: "a NAT64 prefix with bits beyond it",
    replace: "64:ff9b::/96",
    by: "64:ff9b::1/96",
    problems: ["16:25 bad_network"],
    beyondSchema: true,
  },
  // Guard and log.
  { name: "a text for a boolean", replace: "expected: false", by: "expected: off", problems: ["17:22 wrong_type"] },
  { name: "a level in capitals", replace: "level: debug", by: "level: DEBUG", problems: ["18:17 unknown_value"] },
];
