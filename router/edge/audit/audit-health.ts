import type { Bytes } from "../../core/base/quantity.ts";
import type { AuditProblem } from "./audit-problem.ts";
import type { SignedCheckpoint } from "./checkpoints.ts";

export interface AuditHealth {
  /** False: nothing is being recorded, for the reason in `problem`. */
  readonly writable: boolean;
  /** Nothing may be allowed now: not writable, in `strict` mode. */
  readonly refusing: boolean;
  readonly problem: AuditProblem | undefined;
  /** 80 % of `maximumBytes` are used. */
  readonly nearlyFull: boolean;
  /** Durable records of this process, without the one that begins each segment. */
  readonly records: number;
  /** Of all files in the directory. */
  readonly bytes: Bytes;
  readonly stream: string;
  /** The number of the segment being written; 0 before the first. */
  readonly segment: number;
  /** The newest signed head; undefined before the first batch. */
  readonly checkpoint: Pick<SignedCheckpoint, "size" | "root" | "at" | "note"> | undefined;
}

/** Whose heads are signed, and with what: what a verifier needs to know. */
export interface LogIdentity {
  readonly stream: string;
  /** The name of the log and of its key. */
  readonly origin: string;
  /** The public key as a C2SP vkey. */
  readonly key: string;
  /** Its id, eight hex digits. */
  readonly keyId: string;
}
