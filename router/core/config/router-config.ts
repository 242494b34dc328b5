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
