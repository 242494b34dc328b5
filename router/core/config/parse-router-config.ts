import type { DocumentProblem } from "../base/problem.ts";
import type { Bytes } from "../base/quantity.ts";
import type { Result } from "../base/result.ts";
import { boolean } from "../document/boolean-shape.ts";
import { choice } from "../document/choice-shape.ts";
import { API_VERSION, type DocumentKind, envelope, readDocument } from "../document/document-kind.ts";
import { entryOf } from "../document/document-node.ts";
import { duration } from "../document/duration-shape.ts";
import { defaulted, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { list } from "../document/list-shape.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { port } from "../document/port-shape.ts";
import { nodeOf } from "../document/node-of.ts";
import { readYaml, type SourceTree } from "../document/read-yaml.ts";
import { record } from "../document/record-shape.ts";
import { refined } from "../document/refined-shape.ts";
import { Report } from "../document/report.ts";
import { nodeAt, overlay, type Setting, settingsOf } from "../document/settings.ts";
import { size } from "../document/size-shape.ts";
import { text } from "../document/text-shape.ts";
import { hostname, ipAddress, network, serverAddress } from "./config-shapes.ts";
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
const spec = object({
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
        segmentBytes: defaulted(size, "64Mi", "A segment is closed at this size."),
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
    object({ ...envelope("RouterConfig"), spec: required(spec, "The settings.") }),
    (document): RouterConfig => document.spec,
  ),
};

/** Every setting that the environment and the command line can give; `resolver.hosts` stands in the file only. */
export const routerConfigSettings: readonly Setting[] = settingsOf(spec);

/** A value from outside the file. `origin` is where its problems are reported: `SLUICE_AUDIT_MODE`, `--audit-mode`. */
export interface SettingText {
  readonly path: string;
  readonly text: string;
  readonly origin: string;
}

/**
 * The complete configuration: the file (undefined: there is none, and problems of the whole are reported under `file`
 * all the same), overlaid with the settings, later ones winning, and with every default filled in; or every problem
 * at once. A setting whose path is none of `routerConfigSettings` is a bug.
 */
export function parseRouterConfig(
  file: string,
  source: string | undefined,
  settings: readonly SettingText[] = [],
): Result<RouterConfig, readonly DocumentProblem[]> {
  return readConfig(source === undefined ? noFile(file) : readYaml(file, source), settings);
}

/** The problems of a file by itself: the identity, which a pod gets from its environment, may be missing. */
export function checkRouterConfig(file: string, source: string): readonly DocumentProblem[] {
  const tree = readYaml(file, source);
  const { root } = tree;
  const absent = routerConfigSettings.filter(({ path: setting }) => {
    return setting.startsWith("identity.") && root.kind === "map" && nodeAt(root, inSpec(setting)) === undefined;
  });
  const checked = readConfig(
    tree,
    absent.map(({ path: setting }) => ({ path: setting, text: "any", origin: file })),
  );
  return checked.ok ? [] : checked.problem;
}

function readConfig(
  tree: SourceTree,
  settings: readonly SettingText[],
): Result<RouterConfig, readonly DocumentProblem[]> {
  let { root } = tree;
  for (const { path: setting, text: given, origin } of settings) {
    const known = routerConfigSettings.find((candidate) => candidate.path === setting);
    if (known === undefined) throw new Error(`no setting is called ${setting}`);
    if (root.kind === "map") root = overlay(root, inSpec(setting), known.node(given, origin));
  }
  return readDocument(routerConfig, { ...tree, root });
}

function inSpec(setting: string): readonly string[] {
  return ["spec", ...setting.split(".")];
}

function noFile(origin: string): SourceTree {
  const document = { apiVersion: API_VERSION, kind: routerConfig.kind, spec: {} };
  return { root: nodeOf(document, origin), report: new Report(origin, "") };
}
