import type { Bytes } from "../base/quantity.ts";
import { boolean } from "../document/boolean-shape.ts";
import { choice } from "../document/choice-shape.ts";
import { type DocumentKind, envelope } from "../document/document-kind.ts";
import { entryOf } from "../document/document-node.ts";
import { duration } from "../document/duration-shape.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { list } from "../document/list-shape.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { port } from "../document/port-shape.ts";
import { record } from "../document/record-shape.ts";
import { refined } from "../document/refined-shape.ts";
import { size } from "../document/size-shape.ts";
import { text } from "../document/text-shape.ts";
import { uniqueIds } from "../document/unique-ids.ts";
import { ipAddress } from "../document/ip-address-shape.ts";
import { hostname, isLoopback, network, path, plainName, serverAddress } from "./config-shapes.ts";
import { endpoint } from "./endpoint-shape.ts";
import { blocklist, proxy } from "./ways-out-shapes.ts";
import { standIns4, standIns6 } from "./stand-ins-shape.ts";
import type {
  ExportConfig,
  KubernetesConfig,
  RedactConfig,
  RouterConfig,
  SharedLedgerConfig,
} from "./router-config.ts";

const identityName = text({
  code: "bad_name",
  pattern: /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/,
  hint: "a name is made of letters, digits and . _ - and begins and ends with a letter or a digit.",
});

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

const image = text({
  code: "bad_image",
  maximum: 512,
  pattern: /^[A-Za-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}$/,
  hint: "an image by digest is needed: name@sha256:...",
});

const redactField = text({
  code: "bad_field",
  maximum: 64,
  pattern: /^(?:target|detail\.[A-Za-z][A-Za-z0-9]*)$/,
  hint: "a field is target, or detail. and the name of a member of it.",
});

const verifierKey = text({
  code: "bad_key",
  pattern: /^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$/,
  hint: "a C2SP verifier key is needed: name+hash+base64.",
});

const redactNeedsKey: Condition<RedactConfig> = {
  check({ fields, keyFile }, map, report) {
    if (fields === undefined || fields.length === 0 || keyFile !== undefined) return;
    report.add(map, "key_missing", "Fields can be hidden only with a key: name it in redact.keyFile.");
  },
};

const exportIsWhole: Condition<ExportConfig> = {
  check({ kind, format, endpoint: url, caFile, tokenFile, headersFile, signatureKeyFile }, map, report) {
    if (kind === undefined) return;
    if (kind !== "stdout" && url === undefined && entryOf(map, "endpoint") === undefined) {
      report.add(map, "endpoint_missing", `An export of kind ${kind} needs an endpoint.`);
    }
    const remote = [url, caFile, tokenFile, headersFile, signatureKeyFile].filter((value) => value !== undefined);
    if (kind === "stdout" && remote.length > 0) {
      report.add(map, "not_for_stdout", "An export to stdout has neither endpoint nor files of its own.");
    }
    const hasCredential = tokenFile !== undefined || headersFile !== undefined;
    if (hasCredential && url?.scheme === "http" && !isLoopback(url)) {
      report.add(
        map,
        "credential_in_clear",
        "A token or header fields go over https, or over loopback, and never in clear.",
      );
    }
    if (kind === "otlp" && format !== undefined && format !== "jsonl") {
      report.add(map, "not_for_otlp", "An export of kind otlp has a form of its own: leave format out.");
    }
  },
};

const exportTarget = object(
  {
    name: required(plainName, "Of its cursor and in metrics."),
    kind: required(choice("stdout", "webhook", "otlp"), "Where to."),
    format: defaulted(choice("jsonl", "cloudevents", "ocsf"), "jsonl", "jsonl: the records as they stand in the log."),
    endpoint: optional(endpoint, "An http or https URL; for otlp without /v1/logs."),
    caFile: optional(path, "Certificates (PEM) to trust instead of the platform's."),
    tokenFile: optional(path, "A file with a bearer token; read anew for each delivery."),
    headersFile: optional(path, "A file with header fields, a line each: Name: value."),
    signatureKeyFile: optional(path, "A file with the key of an HMAC-SHA-256 over each body."),
    timeout: defaulted(duration(), "10s", "How long one delivery may take."),
  },
  exportIsWhole,
);

const portsDiffer: Condition<RouterConfig["listeners"]> = {
  check({ forward, agent, admin, tls, http, dns }, map, report) {
    const ports = [forward, agent, admin, tls, http, dns].flatMap((one) => (one === undefined ? [] : [one.port]));
    const twice = ports.find((one, at) => ports.indexOf(one) !== at);
    if (twice !== undefined) report.add(map, "port_twice", `Two listeners cannot share the port ${twice}.`);
  },
};

const passwordInClear: Condition<SharedLedgerConfig> = {
  check({ endpoint: url, passwordFile }, map, report) {
    if (url !== undefined && (url.path.length > 1 || url.query !== "")) {
      report.add(map, "bad_endpoint", "The shared ledger's endpoint has neither path nor query.");
    }
    if (passwordFile === undefined || url?.scheme !== "http" || isLoopback(url)) return;
    report.add(map, "credential_in_clear", "A password goes over https, or over loopback, and never in clear.");
  },
};

const tokenInClear: Condition<KubernetesConfig> = {
  check({ server }, map, report) {
    if (server === undefined) return;
    const place = entryOf(map, "server")?.value ?? map;
    if (server.query !== "") report.add(place, "bad_endpoint", "The API server's endpoint has no query.");
    if (server.scheme !== "http" || isLoopback(server)) return;
    report.add(place, "credential_in_clear", "A token goes over https, or over loopback, and never in clear.");
  },
};

const headersInClear: Condition<RouterConfig["tracing"]> = {
  check({ endpoint: url, headersFile }, map, report) {
    if (headersFile === undefined || url?.scheme !== "http" || isLoopback(url)) return;
    report.add(map, "credential_in_clear", "Header fields go over https, or over loopback, and never in clear.");
  },
};

const bodyFits: Condition<{ bodyBytes: Bytes; heldBytes: Bytes }> = {
  check({ bodyBytes, heldBytes }, map, report) {
    if (bodyBytes === undefined || heldBytes === undefined || bodyBytes <= heldBytes) return;
    report.add(map, "body_too_large", "inference.bodyBytes must not be more than inference.heldBytes.");
  },
};

const caIsWhole: Condition<RouterConfig["inspection"]> = {
  check({ certificateFile, keyFile }, map, report) {
    if ((certificateFile === undefined) === (keyFile === undefined)) return;
    report.add(map, "ca_incomplete", "A CA is given by certificateFile and keyFile together, or by neither.");
  },
};

const serverIsNamed: Condition<RouterConfig["resolver"]> = {
  check({ over, serverName, servers }, map, report) {
    if (over === undefined || over === "plain") return;
    if (serverName === undefined) {
      report.add(map, "server_name_missing", "Over TLS the servers' certificate is checked: say resolver.serverName.");
    }
    if (servers?.length === 0) {
      report.add(map, "servers_missing", "Servers that answer over TLS must be named in resolver.servers.");
    }
  },
};

/** Every setting of the sidecar, with the one place where its default stands. */
export const routerConfigSpec = object(
  {
    identity: required(
      object({
        namespace: required(identityName, "The pod's namespace."),
        pod: required(identityName, "The pod's name."),
        agent: required(identityName, "The agent's name; policies are addressed to it."),
        image: optional(image, "The image of this container by digest, for the start record and attestations."),
      }),
      "Who this pod is: from the downward API, never from a request.",
    ),
    listeners: defaulted(
      object(
        {
          forward: defaulted(listener(["127.0.0.1", "::1"], 18_080), {}, "The forward proxy."),
          agent: defaulted(listener(["127.0.0.1", "::1"], 18_084), {}, "The agent API: models, budgets, governance."),
          admin: defaulted(listener(["0.0.0.0", "::"], 18_090), {}, "Probes, metrics and status."),
          tls: defaulted(listener(["127.0.0.1", "::1"], 18_443), {}, "Port 443, redirected: TLS by its SNI."),
          http: defaulted(listener(["127.0.0.1", "::1"], 18_081), {}, "Port 80, redirected: HTTP by its Host."),
          dns: defaulted(listener(["127.0.0.1", "::1"], 18_053), {}, "Port 53, redirected: DNS by policy."),
        },
        portsDiffer,
      ),
      {},
      "Where to listen.",
    ),
    inspection: defaulted(
      object(
        {
          directory: optional(path, "Where ca.pem and bundle.pem are written for the agent."),
          caFile: optional(path, "Certificates (PEM) that origins may have theirs from, besides the platform's."),
          certificateFile: optional(
            path,
            "The certificate (PEM) of a CA that is given; without it, one is made at each start.",
          ),
          keyFile: optional(path, "Its private key (PEM)."),
          lifetime: defaulted(duration(), "24h", "Of what is minted."),
          leaves: defaulted(integer({ minimum: 1, maximum: 65_536 }), 1024, "Certificates kept at the same time."),
        },
        caIsWhole,
      ),
      {},
      "Rules with inspect: true.",
    ),
    dns: defaulted(
      object({
        answers: defaulted(
          choice("resolved", "synthetic"),
          "resolved",
          "resolved: what the resolver says, as far as it may be dialled; synthetic: stand-ins, and nobody is asked.",
        ),
        synthetic: defaulted(standIns4, "198.18.0.0/15", "Where IPv4 stand-ins come from."),
        synthetic6: defaulted(standIns6, "100::/64", "Where IPv6 stand-ins come from."),
        ttl: defaulted(duration(), "60s", "The longest that an answer may be kept."),
        queriesPerSecond: defaulted(integer({ minimum: 1, maximum: 100_000 }), 100, "Questions a second."),
        namesPerHour: defaulted(
          integer({ minimum: 1, maximum: 1_000_000 }),
          500,
          "Distinct names below one wildcard in an hour.",
        ),
      }),
      {},
      "What the agent's questions of the DNS are answered.",
    ),
    blocklists: defaulted(list(blocklist, { mayBeEmpty: true }), [], "Lists of hosts that nobody may reach."),
    proxies: defaulted(list(proxy, { mayBeEmpty: true }), [], "Parent proxies that rules may lead through."),
    learning: defaulted(
      object({
        entries: defaulted(integer({ minimum: 16, maximum: 16_384 }), 4096, "Distinct requests that are remembered."),
      }),
      {},
      "What policies with mode: learn learn.",
    ),
    fetch: defaulted(
      object({
        enabled: defaulted(boolean, true, "Whether POST /egress/v1/fetch is there."),
        requestBytes: defaulted(size, "1Mi", "Octets of a request's body."),
        answerBytes: defaulted(size, "2Mi", "Octets of an answer's body."),
        redirects: defaulted(integer({ minimum: 0, maximum: 20 }), 5, "Redirects that are followed."),
        timeout: defaulted(duration(), "30s", "For the whole, redirects included."),
        concurrent: defaulted(integer({ minimum: 1, maximum: 1024 }), 8, "Fetches at the same time."),
      }),
      {},
      "The fetch tool of the agent API.",
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
          heartbeat: defaulted(duration(), "10m", "Where nothing was recorded for so long, a heartbeat is."),
          checkpoint: defaulted(
            object({
              keyFile: optional(path, "A private Ed25519 key (PKCS#8 PEM); without it, one is made at each start."),
              records: defaulted(
                integer({ minimum: 1, maximum: 1_000_000 }),
                10_000,
                "A checkpoint is signed after so many records.",
              ),
              interval: defaulted(duration(), "10s", "A checkpoint is signed so long after something was recorded."),
              files: defaulted(
                list(path, { mayBeEmpty: true, unique: true }),
                [],
                "Each is kept to be the newest checkpoint: on a volume that outlives the pod.",
              ),
              witnesses: defaulted(
                list(
                  object({
                    url: required(endpoint, "The witness's submission prefix; add-checkpoint is posted below it."),
                    key: required(verifierKey, "The witness's public key: name+hash+base64."),
                  }),
                  { mayBeEmpty: true },
                ),
                [],
                "C2SP witnesses that keep what they saw of the log, and cosign it.",
              ),
            }),
            {},
            "Signed heads of the log.",
          ),
          redact: defaulted(
            object(
              {
                fields: defaulted(
                  list(redactField, { mayBeEmpty: true, unique: true }),
                  [],
                  "Replaced by their HMAC-SHA-256: target, or detail.<name>.",
                ),
                keyFile: optional(path, "The HMAC's key, at least 16 octets; keep it apart from the log."),
              },
              redactNeedsKey,
            ),
            {},
            "What the log shall not say in clear.",
          ),
          exports: defaulted(list(exportTarget, { mayBeEmpty: true }), [], "Where records go besides the log."),
        },
        segmentFits,
        uniqueIds(["exports"], "name"),
      ),
      {},
      "The audit log.",
    ),
    inference: defaulted(
      object(
        {
          secrets: defaulted(path, "/run/secrets/sluice", "Where credentials and projected tokens are mounted."),
          bodyBytes: defaulted(size, "32Mi", "Octets of one request's body."),
          heldBytes: defaulted(size, "64Mi", "Octets of all bodies that are held at the same time."),
          sharedLedger: optional(
            object(
              {
                endpoint: required(endpoint, "Valkey or Redis: http://host:port in clear, https://host:port over TLS."),
                username: optional(text({ maximum: 256 }), "Its ACL user."),
                passwordFile: optional(path, "A file with its password."),
                caFile: optional(path, "Certificates (PEM) to trust instead of the platform's."),
                whenDown: defaulted(
                  choice("deny", "lease"),
                  "deny",
                  "What calls find while it does not answer: a refusal, or a bounded lease of this pod.",
                ),
                leasePercent: defaulted(
                  integer({ minimum: 1, maximum: 100 }),
                  5,
                  "Of what was left at its last answer, what this pod may use alone.",
                ),
              },
              passwordInClear,
            ),
            "Where budgets of scope agent and namespace are counted.",
          ),
        },
        bodyFits,
      ),
      {},
      "The inference router.",
    ),
    governance: defaulted(
      object({
        required: defaulted(
          boolean,
          false,
          "Without a GovernancePolicy everything is denied. Otherwise only one that this pod has followed must be there.",
        ),
        labelsFile: optional(path, "The pod's labels, a file of the downward API, for rules about labels."),
        approvals: defaulted(path, "/etc/sluice/approvals", "Where an operator's approvals are mounted."),
        identityKeyFile: optional(
          path,
          "The agent's private Ed25519 key (PKCS#8 PEM), which signs its card; without it, one is made at each start.",
        ),
        cardFile: optional(path, "The agent's own A2A AgentCard, JSON without signatures; it is signed and served."),
      }),
      {},
      "What the agent may do.",
    ),
    kubernetes: defaulted(
      object(
        {
          watch: defaulted(boolean, false, "Whether EgressApprovals are followed in the API server."),
          server: optional(endpoint, "The API server; without it, the one of KUBERNETES_SERVICE_HOST and _PORT."),
          tokenFile: defaulted(
            path,
            "/run/secrets/sluice/kubernetes/token",
            "The pod's own token, read again each minute.",
          ),
          caFile: defaulted(
            path,
            "/run/secrets/sluice/kubernetes/ca.crt",
            "Certificates (PEM) that vouch for the API server.",
          ),
          requests: defaulted(
            choice("denied", "asked", "off"),
            "denied",
            "Unapproved EgressApprovals are created for what is denied and could be approved, for what is asked for, or never.",
          ),
        },
        tokenInClear,
      ),
      {},
      "The API server.",
    ),
    tracing: defaulted(
      object(
        {
          endpoint: optional(endpoint, "An OTLP/HTTP collector, without /v1/traces; without it no span is made."),
          headersFile: optional(path, "A file with header fields, a line each: Name: value."),
          percent: defaulted(
            integer({ minimum: 0, maximum: 100 }),
            100,
            "Traces that are kept where no caller decided.",
          ),
          latestNames: defaulted(
            boolean,
            false,
            "The newest OpenTelemetry GenAI names instead of the established ones.",
          ),
        },
        headersInClear,
      ),
      {},
      "OpenTelemetry.",
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
      object(
        {
          servers: defaulted(
            list(serverAddress, { mayBeEmpty: true, unique: true }),
            [],
            "DNS servers, as address or address:port; none: those of the pod's resolv.conf.",
          ),
          timeout: defaulted(duration(), "5s", "How long resolving a name may take."),
          over: defaulted(
            choice("plain", "tls", "https"),
            "plain",
            "How servers are asked: UDP and TCP, over TLS, over HTTPS.",
          ),
          serverName: optional(hostname, "The name in the servers' certificate, over TLS and HTTPS."),
          path: defaulted(
            text({ maximum: 256, pattern: /^\/[!-~]*$/, code: "bad_path", hint: "a path begins with /." }),
            "/dns-query",
            "Of questions over HTTPS.",
          ),
          caFile: optional(path, "Certificates (PEM) to trust instead of the platform's."),
          hosts: defaulted(
            record(hostname, list(ipAddress, { unique: true })),
            {},
            "Names that the operator pins to addresses; /etc/hosts is not read.",
          ),
        },
        serverIsNamed,
      ),
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
  },
  uniqueIds(["blocklists"], "name"),
  uniqueIds(["proxies"], "name"),
);

export const routerConfig: DocumentKind<RouterConfig> = {
  kind: "RouterConfig",
  description: "Static settings of the sidecar: /etc/sluice/router.yaml.",
  shape: refined(
    object({ ...envelope("RouterConfig"), spec: required(routerConfigSpec, "The settings.") }),
    (document): RouterConfig => document.spec,
  ),
};
