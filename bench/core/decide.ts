import { NO_LIMITS } from "../../router/core/policy/limits.ts";
import { epochMillis, millis, portOf, type Port } from "../../router/core/base/quantity.ts";
import { compilePolicy } from "../../router/core/policy/compile.ts";
import { decide } from "../../router/core/policy/decide.ts";
import type { EgressPolicyDocument, HostPattern } from "../../router/core/policy/egress-policy.ts";
import type { EgressRequest } from "../../router/core/policy/egress-request.ts";
import { parseHost } from "../../router/core/wire/host.ts";
import { type IpAddress, parseIpAddress } from "../../router/core/wire/ip-address.ts";

/**
 * Compile time of a policy and the time of one decision, for several numbers of rules. Run: `node bench/core/decide.ts`.
 * Prints one line of JSON and a table. Targets (issue 2): 10,000 rules compile in 200 ms, a decision takes 1 us.
 */

const port443 = portOf(443) as Port;
const port80 = portOf(80) as Port;
const now = epochMillis(Date.UTC(2026, 11, 1));

const hosts = (kind: HostPattern["kind"], name: string): readonly HostPattern[] => [{ kind, name }];

/** A fifth each: exact tls, exact http with method and paths, one label, deep, literal address; a tenth as many deny rules. */
function documentOf(rules: number): EgressPolicyDocument {
  const http = { methods: undefined, paths: undefined, headers: [], bodyBytes: undefined };
  const transport = { allowMissingSni: false, allowEch: false, inspect: false, inject: [], proxy: undefined };
  const common = { ...transport, limits: NO_LIMITS, line: 1 };
  return {
    name: "bench",
    version: 1,
    issuedAt: epochMillis(Date.UTC(2026, 10, 1)),
    expiresAt: epochMillis(Date.UTC(2027, 1, 1)),
    audience: { namespaces: ["*"], agents: ["*"] },
    mode: "enforce",
    allow: Array.from({ length: rules }, (_, index) => {
      const rule = { ...common, id: `rule-${index}`, addresses: [], ports: [port443], protocol: "tls" as const, http };
      switch (index % 5) {
        case 0:
          return { ...rule, hosts: hosts("exact", `api-${index}.service.example.com`) };
        case 1: {
          const web = { ...http, methods: ["GET", "POST"], paths: ["/v1/*/items/**", "/health"] };
          return {
            ...rule,
            hosts: hosts("exact", `web-${index}.example.org`),
            ports: [port80],
            protocol: "http" as const,
            http: web,
          };
        }
        case 2:
          return { ...rule, hosts: hosts("one-label", `cdn-${index}.example.net`) };
        case 3:
          return { ...rule, hosts: hosts("deep", `zone-${index}.example.net`) };
        default:
          return { ...rule, hosts: [], ports: [], addresses: [{ address: addressOf(index), port: port443 }] };
      }
    }),
    deny: Array.from({ length: Math.floor(rules / 10) }, (_, index) => ({
      id: `deny-${index}`,
      hosts: hosts("deep", `blocked-${index}.example.com`),
      addresses: [],
      ports: undefined,
      http,
      line: 1,
    })),
    notBlocked: [],
  };
}

function addressOf(index: number): IpAddress {
  const found = parseIpAddress(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
  if (found === undefined) throw new Error(`no address: ${index}`);
  return found;
}

function tunnel(text: string): EgressRequest {
  const host = parseHost(text);
  if (!host.ok) throw new Error(host.problem);
  return { via: "tunnel", host: host.value, port: port443 };
}

function web(text: string, path: string): EgressRequest {
  return { ...tunnel(text), via: "http", port: port80, method: "GET", path };
}

/** Requests spread over the whole policy, so that no cache of one answer flatters. */
function requestsOf(rules: number): Readonly<Record<string, readonly EgressRequest[]>> {
  const spread = (kind: number): readonly number[] =>
    Array.from({ length: 64 }, (_, index) => Math.floor((index * rules) / 64 / 5) * 5 + kind);
  return {
    "exact hit": spread(0).map((index) => tunnel(`api-${index}.service.example.com`)),
    "http hit": spread(1).map((index) => web(`web-${index}.example.org`, "/v1/abc/items/17/parts")),
    "http path miss": spread(1).map((index) => web(`web-${index}.example.org`, "/v2/abc")),
    "one-label hit": spread(2).map((index) => tunnel(`edge.cdn-${index}.example.net`)),
    "deep hit": spread(3).map((index) => tunnel(`a.b.zone-${index}.example.net`)),
    "address hit": spread(4).map((index) => tunnel(addressOf(index))),
    "deny hit": spread(0).map((index) => tunnel(`x.blocked-${index % Math.max(1, rules / 10)}.example.com`)),
    miss: spread(0).map((index) => tunnel(`nothing-${index}.elsewhere.example`)),
    "miss, 60 labels": spread(0).map((index) => tunnel(`${"a.".repeat(60)}n-${index}.example`)),
  };
}

/** The median of short rounds: a neighbour on the same cores disturbs some of them, and none of them much. */
function median(rounds: number, run: () => void): number {
  const times = Array.from({ length: rounds }, () => {
    const began = performance.now();
    run();
    return performance.now() - began;
  });
  return times.toSorted((one, other) => one - other)[rounds >> 1] ?? Number.NaN;
}

const rows: { readonly rules: number; readonly compileMs: number; readonly decideUs: Record<string, number> }[] = [];
for (const rules of [10, 100, 1_000, 10_000]) {
  const document = documentOf(rules);
  const compile = () => compilePolicy(document, `sha256:${"0".repeat(64)}`, millis(0));
  const compileMs = median(9, compile);
  const snapshot = compile();
  const decideUs: Record<string, number> = {};
  for (const [name, requests] of Object.entries(requestsOf(rules))) {
    const repeats = 10;
    let denied = 0;
    const elapsed = median(1_000, () => {
      for (let repeat = 0; repeat < repeats; repeat += 1) {
        for (const request of requests) if (decide(snapshot, request, now).effect === "deny") denied += 1;
      }
    });
    if (denied > 0 !== /miss|deny/.test(name)) throw new Error(`${name}: an unexpected verdict`);
    decideUs[name] = Number(((elapsed * 1_000) / (repeats * requests.length)).toFixed(3));
  }
  const all = Object.values(decideUs);
  decideUs["average"] = Number((all.reduce((sum, time) => sum + time, 0) / all.length).toFixed(3));
  rows.push({ rules, compileMs: Number(compileMs.toFixed(2)), decideUs });
}

console.log(JSON.stringify({ bench: "core/decide", node: process.version, rows }));
console.table(Object.fromEntries(rows.map((row) => [row.rules, { "compile ms": row.compileMs, ...row.decideUs }])));
