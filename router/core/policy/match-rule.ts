import { assertNever } from "../base/assert-never.ts";
import type { Port } from "../base/quantity.ts";
import type { Host } from "../wire/host.ts";
import type { AddressAndPort } from "./egress-policy.ts";
import type { EgressRequest } from "./egress-request.ts";
import { allowsPath, deniesPath, type PathSegments, readPath } from "./path-pattern.ts";
import type { CompiledAllowRule, CompiledDenyRule } from "./snapshot.ts";

/** A request whose path has been cut and decoded, once for all rules. */
export interface JudgedRequest {
  readonly host: Host;
  readonly port: Port;
  /** Undefined: a tunnel. */
  readonly http:
    | {
        readonly method: string;
        readonly path: PathSegments;
        readonly secure: boolean;
        readonly header: ((name: string) => readonly string[]) | undefined;
      }
    | undefined;
}

export function judged(request: EgressRequest): JudgedRequest {
  const http =
    request.via === "http"
      ? {
          method: request.method,
          path: readPath(request.path),
          secure: request.secure === true,
          header: request.header,
        }
      : undefined;
  return { host: request.host, port: request.port, http };
}

/** How far a request gets in an allow rule that names its host: `match`, or the reason it stops for. */
export type Standing = "match" | "header" | "path_not_allowed" | "method_not_allowed" | "not_tls" | "port_not_allowed";

/**
 * A tunnel needs host and port; what flows in it is judged by the rule's protocol afterwards. A plain-HTTP request
 * matches rules of protocol `http` only. To a `tls` rule it is not TLS; to a `tcp` rule its method is wrong, because
 * only CONNECT leads there. One inside TLS matches `tls` rules only: an inspected one asks for its method, path and
 * fields, an opaque one for nothing (whether its tunnel would have been opaque is `decide`'s to say).
 */
export function standing(rule: CompiledAllowRule, request: JudgedRequest): Standing {
  if (!namesPort(rule, rule.ports, request.host, request.port)) return "port_not_allowed";
  if (request.http === undefined) return "match";
  const { secure } = request.http;
  const { protocol } = rule.obligations;
  switch (protocol) {
    case "tls":
      return secure ? meets(rule, request.http) : "not_tls";
    case "tcp":
      return "method_not_allowed";
    case "http":
      return secure ? "method_not_allowed" : meets(rule, request.http);
    default:
      return assertNever(protocol);
  }
}

function meets(rule: CompiledAllowRule, http: NonNullable<JudgedRequest["http"]>): Standing {
  const { method, path, header } = http;
  if (rule.methods !== undefined && !rule.methods.includes(method)) return "method_not_allowed";
  if (rule.paths !== undefined && !rule.paths.some((pattern) => allowsPath(pattern, path))) return "path_not_allowed";
  return unmetField(rule, header) === undefined ? "match" : "header";
}

/** The name of the first field that the rule asks for and that was not sent as it asks; undefined: none. */
export function unmetField(
  rule: CompiledAllowRule,
  header: ((name: string) => readonly string[]) | undefined,
): string | undefined {
  for (const { name, values } of rule.headers) {
    const sent = header?.(name) ?? [];
    const [only] = sent;
    if (sent.length !== 1 || only === undefined || !values.includes(only)) return name;
  }
  return undefined;
}

/**
 * Whether a deny rule that names the host denies this request. In a tunnel that stays opaque nobody will see methods
 * and paths, so a rule about them denies the tunnel; in one whose requests are judged one by one it waits for them.
 * Methods are compared without case here: an origin that does the same must not be reachable around the rule.
 */
export function denies(rule: CompiledDenyRule, request: JudgedRequest, opaque: boolean): boolean {
  if (!namesPort(rule, rule.ports, request.host, request.port)) return false;
  if (rule.methods === undefined && rule.paths === undefined) return true;
  if (request.http === undefined) return opaque;
  const { method, path } = request.http;
  if (rule.methods !== undefined && !rule.methods.includes(method.toUpperCase())) return false;
  return rule.paths === undefined || rule.paths.some((pattern) => deniesPath(pattern, path));
}

/** `ports` goes with host patterns; each address of a rule has a port of its own. */
function namesPort(
  rule: { readonly addresses: readonly AddressAndPort[] },
  ports: readonly Port[] | undefined,
  host: Host,
  port: Port,
): boolean {
  if (host.kind === "name") return ports === undefined || ports.includes(port);
  return rule.addresses.some((entry) => entry.address === host.text && entry.port === port);
}
