import { boolean } from "../document/boolean-shape.ts";
import { choice } from "../document/choice-shape.ts";
import { atLeastOneOf, needs, onlyWith } from "../document/conditions.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { list } from "../document/list-shape.ts";
import { object } from "../document/object-shape.ts";
import { port } from "../document/port-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import type { AllowRule, DenyRule, HttpConstraint } from "./egress-policy.ts";
import { hostPattern } from "./host-pattern.ts";
import { NO_LIMITS } from "./limits.ts";
import { addresses, http, limits, ruleId, tls } from "./rule-parts.ts";

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

/** Interception of TLS is not built yet; a policy that counts on it must not load. */
const inspect: Shape<boolean> = refined(
  boolean,
  (value, node, report) => {
    if (!value) return value;
    report.add(node, "inspect_unavailable", "This version cannot look into TLS: leave inspect out, and with it http.");
    return undefined;
  },
  { const: false },
);

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
    inspect: defaulted(inspect, false, "Whether TLS is terminated to apply http; not available in this version."),
    tls: optional(tls, "Exceptions for ClientHellos that hide or omit the host."),
    http: optional(http, "What requests may be made; protocol http only."),
    limits: optional(limits, "What the rule grants at most; without it, the router's own limits."),
  },
  matchesNothing,
  needs("hosts", "ports", "missing_ports", 'A rule with "hosts" needs "ports": no port is allowed by default.'),
  portsNeedHosts,
  onlyWith(
    "http",
    "protocol",
    { value: "http", isDefault: false },
    "http_not_enforceable",
    'Methods and paths can be seen with "protocol: http" only.',
  ),
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
  http: rule.http ?? unconstrained,
  limits: rule.limits ?? NO_LIMITS,
  line: report.lineOf(node.at),
}));

const denyFields = object(
  {
    id,
    hosts: optional(list(hostPattern({ wide: true }), { unique: true }), "Hosts, as in allow rules."),
    addresses: addressField,
    ports: optional(ports, "Ports of the hosts; without it, every port."),
    http: optional(http, "Deny these requests only; a tunnel whose requests cannot be seen is denied altogether."),
  },
  matchesNothing,
  portsNeedHosts,
);

export const denyRule: Shape<DenyRule> = refined(denyFields, (rule, node, report) => ({
  id: rule.id,
  hosts: rule.hosts ?? [],
  addresses: rule.addresses ?? [],
  ports: rule.ports,
  http: rule.http ?? unconstrained,
  line: report.lineOf(node.at),
}));

const unconstrained: HttpConstraint = { methods: undefined, paths: undefined };
