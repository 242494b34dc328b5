import type { Actor } from "./record.ts";

const PREFIX = "sluice.dev/audit/";
const STREAM = /\/(?<stream>[0-9a-f]{32})$/;

/**
 * The origin of a stream's log, which is the name of its key too (C2SP tlog-checkpoint): unique among all pods and all
 * their starts, since the stream is a nonce. Without spaces and plus signs, as a key name must be.
 */
export function logOrigin({ namespace, pod }: Actor, stream: string): string {
  return `${PREFIX}${namespace}/${pod}/${stream}`;
}

/** The stream of an origin; undefined where it is none of ours. */
export function streamOfOrigin(origin: string): string | undefined {
  return origin.startsWith(PREFIX) ? STREAM.exec(origin)?.groups?.["stream"] : undefined;
}
