import type { CliIo } from "../cli-io.ts";
import type { LocalCa } from "./local-ca.ts";
import type { Signer } from "./signer.ts";
import type { Steps } from "./steps.ts";

/** What both parts of the tour share. */
export interface TourRun {
  readonly io: CliIo;
  readonly steps: Steps;
  /** Aborted where somebody wants the tour to end: every process of it is then killed. */
  readonly signal: AbortSignal;
  /** Of this run alone, unreadable to others, removed at the end. */
  readonly directory: string;
  /** PEM: who the agents trust. */
  readonly authorityFile: string;
  /** The origins' certificate, of that authority, for every name that the tour reaches over TLS. */
  readonly certificate: ReturnType<LocalCa["issue"]>;
  readonly signer: Signer;
}
