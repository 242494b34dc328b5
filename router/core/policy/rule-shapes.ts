import { boolean } from "../document/boolean-shape.ts";
import { choice } from "../document/choice-shape.ts";
import { atLeastOneOf, needs, onlyWith } from "../document/conditions.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { list } from "../document/list-shape.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { entryOf } from "../document/document-node.ts";
import { port } from "../document/port-shape.ts";
import { uniqueIds } from "../document/unique-ids.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import type { AllowRule, DenyRule, HttpConstraint } from "./egress-policy.ts";
import { hostPattern } from "./host-pattern.ts";
import { NO_LIMITS } from "./limits.ts";
import { addresses, deniedHttp, http, injection, limits, proxyName, ruleId, tls } from "./rule-parts.ts";

const id = required(ruleId, "Unique in the document; appears in audit, metrics and refusals.");
const addressField = optional(addresses, "Addresses with their port; the only way to name a special-use address.");
const ports = list(port, { unique: true });

const matchesNothing = atLeastOneOf<{ hosts: unknown; addresses: unknown }>(
  ["hosts", "addresses"],
  "empty_rule",
  'The rule names no destination: it needs "hosts" or "addresses".',
);
const portsNeedHosts = needs<{ ports: unknown; hosts: unknown }>(
  "ports",
  "hosts",
  "ports_without_hosts",
  '"ports" belongs to "hosts"; each of the "addresses" has a port of its own.',
);

interface Sight {
  readonly protocol: string;
  readonly inspect: boolean;
  readonly http: unknown;
  readonly inject: unknown;
  readonly tls: unknown;
}

/** What can be asked of requests or done to them needs somebody to see them. */
const seen: Condition<Sight> = {
  schema: {
    anyOf: [
      { not: { anyOf: [{ required: ["http"] }, { required: ["inject"] }] } },
      {
        properties: { protocol: { const: "http" } },
        required: ["protocol"],
        not: { required: ["inject"] },
      },
      { properties: { inspect: { const: true } }, required: ["inspect"] },
    ],
  },
  check({ protocol, inspect }, map, report) {
    const about = (key: keyof Sight, code: string, message: string): void => {
      const entry = entryOf(map, key);
      if (entry !== undefined) report.add({ ...entry.value, at: entry.keyAt }, code, message);
    };
    if (protocol === undefined || inspect === undefined) return;
    if (inspect && protocol !== "tls") {
      about("inspect", "inspect_not_applicable", '"inspect" belongs to "protocol: tls": there is nothing to open.');
    } else if (inspect) {
      about("tls", "tls_not_applicable", "An inspected ClientHello names its host: there are no exceptions.");
    } else {
      const needed = 'can be seen with "protocol: http" or "inspect: true" only.';
      if (protocol !== "http") about("http", "http_not_enforceable", `Methods and paths ${needed}`);
      about("inject", "inject_not_possible", 'Fields are written into inspected requests only: say "inspect: true".');
    }
  },
};

const allowFields = object(
  {
    id,
    hosts: optional(
      list(hostPattern({ wide: false }), { unique: true }),
      'Hosts: exact, "*." for one more label, "**." for one or more; never the apex.',
    ),
    addresses: addressField,
    ports: optional(ports, "Ports of the hosts."),
    protocol: defaulted(choice("tls", "http", "tcp"), "tls", "What must flow: TLS, plain HTTP, or anything over TCP."),
    inspect: defaulted(boolean, false, "Whether TLS ends at the router, so that http can be asked of requests."),
    tls: optional(tls, "Exceptions for ClientHellos that hide or omit the host."),
    http: optional(http, "What requests may be made; protocol http or inspected tls only."),
    inject: optional(list(injection), "Fields with secrets that the agent never sees; inspected tls only."),
    proxy: optional(proxyName, "The parent proxy of the RouterConfig that leads there, and no other way."),
    limits: optional(limits, "What the rule grants at most; without it, the router's own limits."),
  },
  matchesNothing,
  needs("hosts", "ports", "missing_ports", 'A rule with "hosts" needs "ports": no port is allowed by default.'),
  portsNeedHosts,
  seen,
  uniqueIds(["inject"], "header"),
  onlyWith(
    "tls",
    "protocol",
    { value: "tls", isDefault: true },
    "tls_not_applicable",
    '"tls" belongs to "protocol: tls".',
  ),
);

export const allowRule: Shape<AllowRule> = refined(allowFields, (rule, node, report) => ({
  id: rule.id,
  hosts: rule.hosts ?? [],
  addresses: rule.addresses ?? [],
  ports: rule.ports ?? [],
  protocol: rule.protocol,
  allowMissingSni: rule.tls?.missingSni === "allow",
  allowEch: rule.tls?.ech === "allow",
  inspect: rule.inspect,
  inject: rule.inject ?? [],
  proxy: rule.proxy,
  http: rule.http === undefined ? unconstrained : { ...rule.http, headers: rule.http.headers ?? [] },
  limits: rule.limits ?? NO_LIMITS,
  line: report.lineOf(node.at),
}));

const denyFields = object(
  {
    id,
    hosts: optional(list(hostPattern({ wide: true }), { unique: true }), "Hosts, as in allow rules."),
    addresses: addressField,
    ports: optional(ports, "Ports of the hosts; without it, every port."),
    http: optional(
      deniedHttp,
      "Deny these requests only; a tunnel whose requests cannot be seen is denied altogether.",
    ),
  },
  matchesNothing,
  portsNeedHosts,
);

export const denyRule: Shape<DenyRule> = refined(denyFields, (rule, node, report) => ({
  id: rule.id,
  hosts: rule.hosts ?? [],
  addresses: rule.addresses ?? [],
  ports: rule.ports,
  http: rule.http ?? { methods: undefined, paths: undefined },
  line: report.lineOf(node.at),
}));

const unconstrained: HttpConstraint = {
  methods: undefined,
  paths: undefined,
  headers: [],
  bodyBytes: undefined,
};
