import type { EpochMillis } from "../../router/core/base/quantity.ts";
import type { Pair } from "./pair.ts";

/** The webhook's certificate, kept in order by somebody: replicas and a Secret, or whoever writes a directory. */
export interface KeptCertificate extends AsyncDisposable {
  /** What is served now, the last good one; undefined: there was none yet. */
  served(): Pair | undefined;
  /** Whether the API server can be expected to trust it. `degraded`: yes, but somebody should look. */
  condition(): CertificateCondition;
  /** Looks at once; resolves when it has looked. Looks never overlap. */
  look(): Promise<void>;
}

export interface CertificateCondition {
  readonly state: "ok" | "degraded" | "failed";
  /** One sentence; empty for `ok`. */
  readonly reason: string;
}

export interface KeeperEvents {
  /** A pair to serve from now on. */
  serve(pair: Pair): void;
  /** For the log: what was done, or could not be. No key in it. */
  event(level: "info" | "warn" | "error", event: string, facts: Readonly<Record<string, string | number>>): void;
}

/** The wall clock, for what certificates say; the monotonic one in milliseconds, for how long something was seen. */
export interface KeeperClock {
  wall(): EpochMillis;
  monotonic(): number;
}
