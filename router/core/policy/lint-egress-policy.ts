import type { DocumentProblem } from "../base/problem.ts";
import type { Port } from "../base/quantity.ts";
import { quoted } from "../document/quoted.ts";
import type { AddressAndPort, AllowRule, DenyRule, EgressPolicyDocument, HostPattern } from "./egress-policy.ts";

/**
 * Warnings: allow rules that never decide anything, because for each of their destinations a deny rule or an
 * earlier allow rule answers first. The policy means what it says without them; its author may have meant more.
 */
export function lintEgressPolicy(file: string, document: EgressPolicyDocument): readonly DocumentProblem[] {
  const denied = new Coverage();
  const tunnels = new Coverage();
  const requests = new Coverage();
  const inspected = new Coverage();
  for (const rule of document.deny) if (isUnconstrained(rule)) denied.add(rule, rule.ports ?? "all");
  const warnings: DocumentProblem[] = [];
  for (const rule of document.allow) {
    // A tunnel takes the first rule for its host and port, whatever its protocol; a plain-HTTP request only `http`
    // rules whose methods and paths fit, and one inside inspected TLS only inspected ones.
    const earlier = rule.protocol === "http" ? requests : rule.inspect ? inspected : tunnels;
    const before = firstBefore(rule, denied, earlier);
    if (before !== undefined) {
      const message = `The rule ${quoted(rule.id)} never counts: ${quoted(before)} answers first for all that it names.`;
      warnings.push({ file, line: rule.line, column: 1, code: "unreachable_rule", message });
    }
    tunnels.add(rule, rule.ports);
    if (rule.protocol === "http" && isUnconstrained(rule)) requests.add(rule, rule.ports);
    if (!rule.inspect || isUnconstrained(rule)) inspected.add(rule, rule.ports);
  }
  return warnings;
}

type Destinations = Pick<AllowRule, "id" | "hosts" | "addresses">;

function isUnconstrained({ http }: Pick<AllowRule | DenyRule, "http">): boolean {
  const { methods, paths } = http;
  return methods === undefined && paths === undefined && !("headers" in http && http.headers.length > 0);
}

/** The id of a rule that answers first, where each destination has one; undefined where one is left. */
function firstBefore(rule: AllowRule, ...coverages: readonly Coverage[]): string | undefined {
  let found: string | undefined;
  const covered = (find: (coverage: Coverage) => string | undefined): boolean => {
    const id = coverages.map(find).find((candidate) => candidate !== undefined);
    found ??= id;
    return id !== undefined;
  };
  const hosts = rule.hosts.every((host) => rule.ports.every((port) => covered((table) => table.ofHost(host, port))));
  const addresses = rule.addresses.every((address) => covered((table) => table.ofAddress(address)));
  return hosts && addresses ? found : undefined;
}

/** Which destinations some rules answer for, and the first of them for each. */
class Coverage {
  readonly #hosts = new Map<string, Map<Port | "all", string>>();
  readonly #addresses = new Map<string, string>();

  add({ id, hosts, addresses }: Destinations, ports: readonly Port[] | "all"): void {
    for (const { kind, name } of hosts) {
      const key = `${kind} ${name}`;
      const table = this.#hosts.get(key) ?? new Map<Port | "all", string>();
      this.#hosts.set(key, table);
      for (const port of ports === "all" ? (["all"] as const) : ports) if (!table.has(port)) table.set(port, id);
    }
    for (const { address, port } of addresses) {
      const key = `${address} ${port}`;
      if (!this.#addresses.has(key)) this.#addresses.set(key, id);
    }
  }

  ofHost(host: HostPattern, port: Port): string | undefined {
    for (const key of keysCovering(host)) {
      const table = this.#hosts.get(key);
      const id = table?.get("all") ?? table?.get(port);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  ofAddress({ address, port }: AddressAndPort): string | undefined {
    return this.#addresses.get(`${address} ${port}`);
  }
}

/** The pattern itself, and every pattern that matches at least the same names. */
function* keysCovering({ kind, name }: HostPattern): Generator<string> {
  yield `${kind} ${name}`;
  if (kind === "one-label") yield `deep ${name}`;
  const dot = name.indexOf(".");
  if (kind === "exact" && dot !== -1) yield `one-label ${name.slice(dot + 1)}`;
  for (let at = dot; at !== -1; at = name.indexOf(".", at + 1)) yield `deep ${name.slice(at + 1)}`;
}
