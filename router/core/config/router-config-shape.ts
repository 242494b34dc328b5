import type { Bytes } from "../base/quantity.ts";
import { boolean } from "../document/boolean-shape.ts";
import { choice } from "../document/choice-shape.ts";
import { type DocumentKind, envelope } from "../document/document-kind.ts";
import { entryOf } from "../document/document-node.ts";
import { duration } from "../document/duration-shape.ts";
import { defaulted, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { list } from "../document/list-shape.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { port } from "../document/port-shape.ts";
import { record } from "../document/record-shape.ts";
import { refined } from "../document/refined-shape.ts";
import { size } from "../document/size-shape.ts";
import { text } from "../document/text-shape.ts";
import { ipAddress } from "../document/ip-address-shape.ts";
import { hostname, network, serverAddress } from "./config-shapes.ts";
import type { ListenerConfig, RouterConfig } from "./router-config.ts";

const identityName = text({
  code: "bad_name",
  pattern: /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/,
  hint: "a name is made of letters, digits and . _ - and begins and ends with a letter or a digit.",
});

const path = text({ maximum: 4096 });

const listener = (addresses: readonly string[], number: number) =>
  object({
    addresses: defaulted(list(ipAddress, { unique: true }), addresses, "Addresses to listen on."),
    port: defaulted(port, number, "Port to listen on."),
  });

const segmentFits: Condition<{ segmentBytes: Bytes; maximumBytes: Bytes }> = {
  check({ segmentBytes, maximumBytes }, map, report) {
    if (segmentBytes === undefined || maximumBytes === undefined || segmentBytes <= maximumBytes) return;
    const place = entryOf(map, "segmentBytes")?.value ?? entryOf(map, "maximumBytes")?.value ?? map;
    report.add(place, "segment_too_large", "audit.segmentBytes must not be more than audit.maximumBytes.");
  },
};

const portsDiffer: Condition<{ forward: ListenerConfig; admin: ListenerConfig }> = {
  check({ forward, admin }, map, report) {
    if (forward === undefined || admin === undefined || forward.port !== admin.port) return;
    report.add(map, "port_twice", `Two listeners cannot share the port ${admin.port}.`);
  },
};

/** Every setting of the sidecar, with the one place where its default stands. */
export const routerConfigSpec = object({
  identity: required(
    object({
      namespace: required(identityName, "The pod's namespace."),
      pod: required(identityName, "The pod's name."),
      agent: required(identityName, "The agent's name; policies are addressed to it."),
    }),
    "Who this pod is: from the downward API, never from a request.",
  ),
  listeners: defaulted(
    object(
      {
        forward: defaulted(listener(["127.0.0.1", "::1"], 18_080), {}, "The forward proxy."),
        admin: defaulted(listener(["0.0.0.0", "::"], 18_090), {}, "Probes, metrics and status."),
      },
      portsDiffer,
    ),
    {},
    "Where to listen.",
  ),
  policy: defaulted(
    object({
      directory: defaulted(path, "/etc/sluice/policy", "Where the signed policy is mounted."),
      expiryGrace: defaulted(duration({ zero: true }), "0s", "How long an expired policy still counts."),
    }),
    {},
    "The policy.",
  ),
  trust: defaulted(
    object({ directory: defaulted(path, "/etc/sluice/trust", "Where signers.yaml and what it names are mounted.") }),
    {},
    "Who may sign policy.",
  ),
  state: defaulted(
    object({ directory: defaulted(path, "/var/lib/sluice", "Where high-water marks are kept.") }),
    {},
    "What survives a restart.",
  ),
  audit: defaulted(
    object(
      {
        directory: defaulted(path, "/var/log/sluice/audit", "Where audit segments are written."),
        mode: defaulted(
          choice("strict", "blocking", "best_effort"),
          "strict",
          "strict: nothing is allowed without its durable record.",
        ),
        segmentBytes: defaulted(size, "16Mi", "A segment is closed at this size."),
        segmentAge: defaulted(duration(), "24h", "A segment is closed at this age."),
        maximumBytes: defaulted(
          size,
          "1Gi",
          "Over this total nothing more is written, and strict mode refuses traffic.",
        ),
      },
      segmentFits,
    ),
    {},
    "The audit log.",
  ),
  limits: defaulted(
    object({
      connections: defaulted(integer({ minimum: 1, maximum: 1_000_000 }), 1024, "Open connections from the agent."),
      headBytes: defaulted(size, "16Ki", "Octets in the head of a request."),
      headTimeout: defaulted(duration(), "10s", "How long the head of a request may take."),
      connectTimeout: defaulted(duration(), "10s", "How long connecting to an origin may take."),
      idle: defaulted(duration(), "5m", "How long a connection may carry nothing, unless its rule says otherwise."),
      lifetime: defaulted(duration(), "1h", "Longest life of a connection, unless its rule says otherwise."),
      drain: defaulted(duration({ zero: true }), "25s", "How long open connections may go on after SIGTERM."),
    }),
    {},
    "Limits.",
  ),
  resolver: defaulted(
    object({
      servers: defaulted(
        list(serverAddress, { mayBeEmpty: true, unique: true }),
        [],
        "DNS servers, as address or address:port; none: those of the pod's resolv.conf.",
      ),
      timeout: defaulted(duration(), "5s", "How long resolving a name may take."),
      hosts: defaulted(
        record(hostname, list(ipAddress, { unique: true })),
        {},
        "Names that the operator pins to addresses; /etc/hosts is not read.",
      ),
    }),
    {},
    "How names are resolved.",
  ),
  network: defaulted(
    object({
      deny: defaulted(
        list(network, { mayBeEmpty: true, unique: true }),
        [],
        "Refused besides the special-use ranges: pod, node and service networks.",
      ),
      nat64: defaulted(
        object({
          prefixes: defaulted(list(network, { mayBeEmpty: true, unique: true }), [], "Prefixes of the NAT64 in use."),
          discover: defaulted(boolean, true, "Whether to look for more of them (RFC 7050)."),
        }),
        {},
        "Addresses that carry IPv4 ones.",
      ),
    }),
    {},
    "The network around the pod.",
  ),
  guard: defaulted(
    object({
      expected: defaulted(boolean, true, "Whether the sidecar stays unready until the guard is proved."),
      proofFile: defaulted(path, "/run/sluice/guard-proof.json", "Written by the init container sluice-prove."),
    }),
    {},
    "The init container's iptables rules.",
  ),
  log: defaulted(
    object({
      level: defaulted(choice("debug", "info", "warn", "error", "silent"), "info", "The least that is logged."),
    }),
    {},
    "The log.",
  ),
});

export const routerConfig: DocumentKind<RouterConfig> = {
  kind: "RouterConfig",
  description: "Static settings of the sidecar: /etc/sluice/router.yaml.",
  shape: refined(
    object({ ...envelope("RouterConfig"), spec: required(routerConfigSpec, "The settings.") }),
    (document): RouterConfig => document.spec,
  ),
};
