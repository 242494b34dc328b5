import type { Bytes, Millis, Port } from "../base/quantity.ts";
import type { Endpoint } from "./endpoint-shape.ts";
import type { Hostname } from "../wire/hostname.ts";
import type { IpAddress } from "../wire/ip-address.ts";

export interface ListenerConfig {
  readonly addresses: readonly IpAddress[];
  readonly port: Port;
}

export interface WitnessConfig {
  /** C2SP tlog-witness submission prefix: `add-checkpoint` is posted below it. */
  readonly url: Endpoint;
  /** The witness's public key, as a C2SP vkey. */
  readonly key: string;
}

export interface CheckpointConfig {
  /** A private Ed25519 key (PKCS#8 PEM); undefined: one made at boot, which ends with the process. */
  readonly keyFile: string | undefined;
  readonly records: number;
  readonly interval: Millis;
  /** Each holds the newest checkpoint. */
  readonly files: readonly string[];
  readonly witnesses: readonly WitnessConfig[];
}

export interface RedactConfig {
  /** `target` or `detail.<name>`. */
  readonly fields: readonly string[];
  /** At least 16 octets, which are the HMAC's key as they are. */
  readonly keyFile: string | undefined;
}

/** Where audit records go besides the log itself. */
export interface ExportConfig {
  /** Of its cursor and its metrics. */
  readonly name: string;
  readonly kind: "stdout" | "webhook" | "otlp";
  readonly format: "jsonl" | "cloudevents" | "ocsf";
  /** Undefined for stdout only. */
  readonly endpoint: Endpoint | undefined;
  /** Certificates (PEM) that the endpoint's may be issued by, instead of the platform's. */
  readonly caFile: string | undefined;
  /** A bearer token, read anew for each attempt. */
  readonly tokenFile: string | undefined;
  /** Header fields, lines of the form `Name: value`; read anew for each attempt. */
  readonly headersFile: string | undefined;
  /** The key of an HMAC-SHA-256 over each body, sent as `Sluice-Signature`. */
  readonly signatureKeyFile: string | undefined;
  /** For one delivery, from connecting to the end of the answer. */
  readonly timeout: Millis;
}

/** A Valkey or Redis that several pods share. */
export interface SharedLedgerConfig {
  /** http: in clear, https: over TLS; host and port only. */
  readonly endpoint: Endpoint;
  readonly username: string | undefined;
  readonly passwordFile: string | undefined;
  /** Certificates (PEM) that count instead of the platform's. */
  readonly caFile: string | undefined;
  /** What a call finds that the ledger does not answer: a refusal, or this pod's lease. */
  readonly whenDown: "deny" | "lease";
  /** The part of what was left at the last answer that this pod may use alone, in percent. */
  readonly leasePercent: number;
}

/** What follows approvals where they are made: in the API server. */
export interface KubernetesConfig {
  /** EgressApprovals of the pod's namespace count. */
  readonly watch: boolean;
  /** Undefined only where nothing is watched: `app/config.ts` takes it from the pod's environment. */
  readonly server: Endpoint | undefined;
  readonly tokenFile: string;
  readonly caFile: string;
  /** For what an unapproved EgressApproval is created: also for what was only denied, for what is asked, or never. */
  readonly requests: "denied" | "asked" | "off";
}

/** A list of hosts that nobody may reach. */
export interface BlocklistConfig {
  /** In metrics and records. */
  readonly name: string;
  /** Exactly one of the two. */
  readonly file: string | undefined;
  readonly url: Endpoint | undefined;
  readonly format: "auto" | "hosts" | "domains" | "wildcards";
  /** Of the whole feed, in lower-case hex. */
  readonly sha256: string | undefined;
  /** Where the feed's publisher says its SHA-256. */
  readonly sha256Url: Endpoint | undefined;
  /** Certificates (PEM) that count instead of the platform's. */
  readonly caFile: string | undefined;
  readonly refresh: Millis;
  readonly maximumBytes: Bytes;
}

/** A parent proxy: where rules that name it lead, and no other way. */
export interface ProxyConfig {
  readonly name: string;
  /** http: in clear, https: over TLS; host and port only. */
  readonly endpoint: Endpoint;
  readonly kind: "http" | "socks5";
  /** `user:password`. */
  readonly credentialFile: string | undefined;
  readonly caFile: string | undefined;
  /** What the parent is asked for: an address that this router vetted, or the name that policy allowed. */
  readonly send: "address" | "name";
}

export type AuditMode = "strict" | "blocking" | "best_effort";

/** Static settings of the sidecar, complete: every default is already filled in (`router-config-shape.ts` is their one place). */
export interface RouterConfig {
  /** Who this pod is: from the downward API, never from a request. */
  readonly identity: {
    readonly namespace: string;
    readonly pod: string;
    readonly agent: string;
    /** The image of this container, by digest: `name@sha256:...`. */
    readonly image: string | undefined;
  };
  readonly listeners: {
    readonly forward: ListenerConfig;
    /** Inference, governance, access requests. */
    readonly agent: ListenerConfig;
    readonly admin: ListenerConfig;
    /** Port 443 of everywhere, redirected. */
    readonly tls: ListenerConfig;
    /** Port 80 of everywhere, redirected. */
    readonly http: ListenerConfig;
    /** Port 53 of everywhere, redirected. */
    readonly dns: ListenerConfig;
  };
  readonly inspection: {
    /** Where the pod's CA is written for the agent; undefined: nowhere. */
    readonly directory: string | undefined;
    /** Certificates (PEM) that origins' may be issued by, besides the platform's. */
    readonly caFile: string | undefined;
    /** Both or neither: a CA that is given instead of one made at boot. */
    readonly certificateFile: string | undefined;
    readonly keyFile: string | undefined;
    /** Of what is minted. */
    readonly lifetime: Millis;
    /** Certificates kept at the same time. */
    readonly leaves: number;
  };
  readonly dns: {
    /** What an allowed name's A and AAAA are: what the resolver says, or stand-ins that reveal no question to it. */
    readonly answers: "resolved" | "synthetic";
    /** Where stand-ins come from (CIDR text, canonical). */
    readonly synthetic: string;
    readonly synthetic6: string;
    /** The longest that an answer may be kept. */
    readonly ttl: Millis;
    readonly queriesPerSecond: number;
    /** Distinct names below one wildcard in an hour. */
    readonly namesPerHour: number;
  };
  readonly blocklists: readonly BlocklistConfig[];
  readonly proxies: readonly ProxyConfig[];
  readonly learning: {
    /** Distinct requests that are remembered. */
    readonly entries: number;
  };
  readonly fetch: {
    readonly enabled: boolean;
    readonly requestBytes: Bytes;
    readonly answerBytes: Bytes;
    readonly redirects: number;
    /** For the whole, redirects included. */
    readonly timeout: Millis;
    readonly concurrent: number;
  };
  readonly policy: { readonly directory: string; readonly expiryGrace: Millis };
  readonly trust: { readonly directory: string };
  readonly state: { readonly directory: string };
  readonly audit: {
    readonly directory: string;
    readonly mode: AuditMode;
    readonly segmentBytes: Bytes;
    readonly segmentAge: Millis;
    /** Over this total nothing more is written, and strict mode refuses traffic. */
    readonly maximumBytes: Bytes;
    /** Where nothing else was recorded for so long, that is recorded. */
    readonly heartbeat: Millis;
    readonly checkpoint: CheckpointConfig;
    readonly redact: RedactConfig;
    readonly exports: readonly ExportConfig[];
  };
  readonly inference: {
    /** Where provider credentials and projected tokens are mounted. */
    readonly secrets: string;
    /** Octets of one request's body. */
    readonly bodyBytes: Bytes;
    /** Octets of all bodies that are held at the same time. */
    readonly heldBytes: Bytes;
    /** Where budgets of scope agent and namespace are counted; undefined: nowhere, so they cannot be used. */
    readonly sharedLedger: SharedLedgerConfig | undefined;
  };
  readonly governance: {
    /** Without a GovernancePolicy everything is denied; else only what this pod once followed must be there again. */
    readonly required: boolean;
    /** The pod's labels, as the downward API writes them; undefined: rules about labels find none. */
    readonly labelsFile: string | undefined;
    /** Where an operator's approvals are mounted. */
    readonly approvals: string;
    /** The agent's private Ed25519 key (PKCS#8 PEM); undefined: one made at boot, which ends with the process. */
    readonly identityKeyFile: string | undefined;
    /** The agent's own A2A AgentCard, without signatures; undefined: none is served. */
    readonly cardFile: string | undefined;
  };
  readonly kubernetes: KubernetesConfig;
  readonly tracing: {
    /** An OTLP/HTTP collector; undefined: no spans. */
    readonly endpoint: Endpoint | undefined;
    /** Header fields, lines of the form `Name: value`. */
    readonly headersFile: string | undefined;
    /** Of traces whose caller did not decide, how many are kept. */
    readonly percent: number;
    /** The newest GenAI names instead of those that dashboards know (`OTEL_SEMCONV_STABILITY_OPT_IN`). */
    readonly latestNames: boolean;
  };
  readonly limits: {
    readonly connections: number;
    readonly headBytes: Bytes;
    readonly headTimeout: Millis;
    readonly connectTimeout: Millis;
    readonly idle: Millis;
    readonly lifetime: Millis;
    readonly drain: Millis;
  };
  readonly resolver: {
    /** `address` or `address:port`; empty: the pod's own resolv.conf. */
    readonly servers: readonly string[];
    readonly timeout: Millis;
    /** How servers are asked: UDP and TCP, DNS over TLS (RFC 7858), or DNS over HTTPS (RFC 8484). */
    readonly over: "plain" | "tls" | "https";
    /** The name in their certificate; undefined only where `over` is plain. */
    readonly serverName: Hostname | undefined;
    /** Of the questions over HTTPS. */
    readonly path: string;
    /** Certificates (PEM) that count instead of the platform's. */
    readonly caFile: string | undefined;
    /** Names the operator pins. `/etc/hosts` is not read: kubelet shares one file with the agent's container. */
    readonly hosts: ReadonlyMap<Hostname, readonly IpAddress[]>;
  };
  readonly network: {
    /** Refused besides the IANA registry: pod, node and service ranges (CIDR text, canonical). */
    readonly deny: readonly string[];
    readonly nat64: { readonly prefixes: readonly string[]; readonly discover: boolean };
  };
  readonly guard: {
    readonly expected: boolean;
    /** Written by the init container `sluice-prove`; bound to this network namespace. */
    readonly proofFile: string;
  };
  readonly log: { readonly level: "debug" | "info" | "warn" | "error" | "silent" };
}
