import type { Row } from "./documents.ts";

/** A valid EgressApproval, from which tests make invalid ones: each part that a row replaces stands in it once. */
export const EGRESS_APPROVAL = `apiVersion: sluice.dev/v1alpha1
kind: EgressApproval
metadata: { name: fetch-report }
spec:
  action: { kind: egress, host: api.example.com, port: 443, protocol: tls }
  reason: The report is published there only.
  requestedBy: system:serviceaccount:research:agent
  target: { namespace: research, agent: research-agent, pod: agent-0 }
  uses: 1
  duration: 10m
  revoked: false
status:
  conditions:
    - { type: Approved, status: "True", lastTransitionTime: "2026-11-20T10:00:00Z", reason: Reviewed, message: Fine. }
    - { type: Ready, status: Unknown, lastTransitionTime: "2026-11-20T10:00:00Z", observedGeneration: 1 }
`;

const ACTION = "{ kind: egress, host: api.example.com, port: 443, protocol: tls }";

const action = (name: string, by: string, problems: readonly string[], beyondSchema?: true): Row => ({
  name: `action: ${name}`,
  replace: ACTION,
  by,
  problems,
  ...(beyondSchema === undefined ? {} : { beyondSchema }),
});

const host = (name: string, by: string, code: string): Row => ({
  name: `host: ${name}`,
  replace: "host: api.example.com",
  by: `host: ${by}`,
  problems: code === "" ? [] : [`5:11 ${code}`],
  ...(code === "" ? {} : { beyondSchema: true }),
});

const duration = (by: string, problems: readonly string[], beyondSchema?: true): Row => ({
  name: `duration: ${by}`,
  replace: "duration: 10m",
  by: `duration: ${by}`,
  problems,
  ...(beyondSchema === undefined ? {} : { beyondSchema }),
});

const DIGEST = `sha256:${"0a".repeat(32)}`;

export const EGRESS_APPROVAL_ROWS: readonly Row[] = [
  action(
    "a tool with its arguments",
    `{ kind: tool, server: github, tool: create_issue, arguments: { title: "x", n: [1, 2.5, null, true] } }`,
    [],
  ),
  action(
    "a tool with the digest of its arguments",
    `{ kind: tool, server: github, tool: create_issue, argumentsDigest: "${DIGEST}" }`,
    [],
  ),
  action("a tool with both", `{ kind: tool, server: a, tool: b, arguments: {}, argumentsDigest: "${DIGEST}" }`, [
    "5:11 which_arguments",
  ]),
  action("a tool with neither", "{ kind: tool, server: a, tool: b }", ["5:11 which_arguments"]),
  action("a digest in capitals", `{ kind: tool, server: a, tool: b, argumentsDigest: "${DIGEST.toUpperCase()}" }`, [
    "5:62 bad_digest",
  ]),
  action("a tool of no server", "{ kind: tool, tool: b, arguments: {} }", ["5:11 missing_key"]),
  action(
    "a number that is two numbers to others",
    "{ kind: tool, server: a, tool: b, arguments: { n: 9007199254740993 } }",
    ["5:61 bad_number"],
    true,
  ),
  action("a number in octal", "{ kind: tool, server: a, tool: b, arguments: { n: 0o17 } }", ["5:61 bad_number"], true),
  action("an exec", "{ kind: exec, program: /usr/bin/git, argv: [push, --force], directory: /work }", []),
  action("an exec without its arguments", "{ kind: exec, program: /usr/bin/git }", ["5:11 missing_key"]),
  action("an exec with a number", "{ kind: exec, program: /bin/kill, argv: [9] }", ["5:11 bad_action"]),
  action("a spawn", "{ kind: spawn, agent: helper, image: registry.example/helper:1, depth: 1 }", []),
  action("a model", "{ kind: inference, model: gpt-5 }", []),
  action("a model's size, which nothing binds to", "{ kind: inference, model: gpt-5, bytes: 5 }", ["5:44 unknown_key"]),
  action("a message", "{ kind: mesh.send, peer: planner, topic: plans }", []),
  action("an admin's", "{ kind: admin, operation: restart }", []),
  action("an unknown kind", "{ kind: anything }", ["5:19 unknown_value"]),
  action("no kind", "{ host: api.example.com }", ["5:11 missing_key"]),
  action("a text", "egress", ["5:11 wrong_type"]),
  action("an http request", "{ kind: egress, host: a.example, port: 80, protocol: http, method: GET, path: /x }", []),
  action("an http request without a path", "{ kind: egress, host: a.example, port: 80, protocol: http, method: GET }", [
    "5:11 missing_key",
  ]),
  action("a tunnel with a path", "{ kind: egress, host: a.example, port: 443, protocol: tls, path: /x }", [
    "5:11 not_http",
  ]),
  action("a protocol of its own", "{ kind: egress, host: a.example, port: 443, protocol: ssh }", ["5:11 bad_action"]),
  action("no port", "{ kind: egress, host: a.example, protocol: tls }", ["5:11 missing_key"]),
  action("port 0", "{ kind: egress, host: a.example, port: 0, protocol: tls }", ["5:11 bad_action"]),
  host("another spelling", "API.Example.COM.", ""),
  host("a public address", "93.184.216.34", ""),
  host("a pattern", '"*.example.com"', "bad_action"),
  host("everything", '"*"', "bad_action"),
  host("loopback", "127.0.0.1", "address_not_approvable"),
  host("private use", "10.1.2.3", "address_not_approvable"),
  host("link-local", '"[fe80::1]"', "address_not_approvable"),
  host("a cloud's metadata", "169.254.169.254", "address_not_approvable"),
  host("a cloud's metadata as IPv6", '"[::ffff:169.254.169.254]"', "address_not_approvable"),
  host("a cloud's metadata by NAT64", '"[64:ff9b::a9fe:a9fe]"', "address_not_approvable"),
  host("a number that is an address", '"2852039166"', "bad_action"),
  host("full-width dots", '"api。example.com"', "bad_action"),
  duration("5s", []),
  duration("24h", []),
  duration("4999ms", ["10:13 out_of_range"], true),
  duration("25h", ["10:13 out_of_range"], true),
  duration("0s", ["10:13 out_of_range"], true),
  duration("10", ["10:13 bad_duration"]),
  { name: "no end", replace: "  uses: 1\n  duration: 10m\n", by: "", problems: ["5:3 unbounded"] },
  { name: "uses alone", replace: "  duration: 10m\n", by: "", problems: [] },
  { name: "no use", replace: "uses: 1", by: "uses: 0", problems: ["9:9 out_of_range"] },
  { name: "too many uses", replace: "uses: 1", by: "uses: 1001", problems: ["9:9 out_of_range"] },
  { name: "revoked", replace: "revoked: false", by: "revoked: true", problems: [] },
  { name: "revoked by a word", replace: "revoked: false", by: "revoked: yes", problems: ["11:12 wrong_type"] },
  {
    name: "for all agents",
    replace: "  target: { namespace: research, agent: research-agent, pod: agent-0 }\n",
    by: "",
    problems: [],
  },
  {
    name: "a reason over two lines",
    replace: "The report is published there only.",
    by: '"a\\nb"',
    problems: ["6:11 control_character"],
    beyondSchema: true,
  },
  {
    name: "a reason that is too long",
    replace: "The report is published there only.",
    by: "x".repeat(513),
    problems: ["6:11 too_long"],
  },
  {
    name: "no reason",
    replace: "  reason: The report is published there only.\n",
    by: "",
    problems: ["5:3 missing_key"],
  },
  { name: "an unquoted True", replace: '"True"', by: "True", problems: ["14:33 wrong_type"] },
  { name: "another word for it", replace: '"True"', by: '"yes"', problems: ["14:33 unknown_value"] },
  {
    name: "no time of it",
    replace: ', lastTransitionTime: "2026-11-20T10:00:00Z", reason: Reviewed',
    by: "",
    problems: ["14:7 missing_key"],
  },
  {
    name: "no time of day",
    replace: '"2026-11-20T10:00:00Z", reason',
    by: '"2026-11-20", reason',
    problems: ["14:61 bad_timestamp"],
  },
  {
    name: "two answers",
    replace: "type: Ready, status: Unknown",
    by: 'type: Approved, status: "False"',
    problems: ["15:15 duplicate_id"],
    beyondSchema: true,
  },
  { name: "an approval in the spec", replace: "revoked: false", by: "approved: true", problems: ["11:3 unknown_key"] },
  { name: "a name of its own", replace: "fetch-report", by: "Fetch_Report", problems: ["3:19 bad_name"] },
];
