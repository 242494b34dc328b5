import type { Bytes, Millis, Port } from "../base/quantity.ts";
import type { Hostname } from "../wire/hostname.ts";
import type { IpAddress } from "../wire/ip-address.ts";

export interface ListenerConfig {
  readonly addresses: readonly IpAddress[];
  readonly port: Port;
}

export type AuditMode = "strict" | "blocking" | "best_effort";

/** Static settings of the sidecar, complete: every default is already filled in (`router-config-shape.ts` is their one place). */
export interface RouterConfig {
  /** Who this pod is: from the downward API, never from a request. */
  readonly identity: { readonly namespace: string; readonly pod: string; readonly agent: string };
  readonly listeners: { readonly forward: ListenerConfig; readonly admin: ListenerConfig };
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
