import type { EpochMillis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { parseAddCheckpoint } from "../../core/tlog/add-checkpoint.ts";
import { formatTreeSize, SIZE_MEDIA_TYPE } from "../../core/tlog/add-checkpoint-reply.ts";
import { parseCheckpoint } from "../../core/tlog/checkpoint.ts";
import { type LogTrust, type TrustedKeys, trustedKeys } from "../../core/tlog/log-trust.ts";
import {
  formatSignatureLines,
  formatSignedNote,
  type NoteSignature,
  parseSignedNote,
  type SignedNote,
} from "../../core/tlog/signed-note.ts";
import { judgeAddCheckpoint, type NoteTrust, type WitnessRefusal, type WitnessRequest } from "../../core/tlog/witness.ts";
import { type NoteCosigner, sha256, verifySignature } from "./ed25519.ts";
import { nodeHash } from "./node-hash.ts";
import type { WitnessStore } from "./witness-store.ts";

export interface WitnessOptions {
  readonly store: WitnessStore;
  readonly cosigner: NoteCosigner;
  readonly trust: LogTrust;
  /** So many enrolled logs, and so many below the shared prefix; those named one by one always have their place. */
  readonly maximumLogs: number;
  readonly now: () => EpochMillis;
}

/**
 * What was decided about one request; `null` is not known. `origin` is hostile text. `full`: no more logs are taken;
 * `busy`: too many requests wait for the disk; `not_stored`: the disk did not take the new head.
 */
export interface WitnessDecision {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 503;
  readonly reason: "cosigned" | WitnessRefusal | "malformed" | "full" | "busy" | "not_stored";
  /** What exactly was malformed, or what the disk said. */
  readonly detail: string | null;
  readonly origin: string | null;
  readonly oldSize: number | null;
  readonly size: number | null;
  readonly trustedBy: TrustedKeys["by"] | null;
  /** A note signed by the log that is no continuation of what it signed before: perhaps the proof of a fork. */
  readonly evidence: string | null;
}

export interface WitnessAnswer {
  readonly contentType: string;
  readonly body: string;
  readonly decision: WitnessDecision;
}

interface ReadRequest extends WitnessRequest {
  readonly note: SignedNote;
}

/** In UTF-16 units: it is kept, and an unknown log may have written it. */
const MAXIMUM_CHECKPOINT = 4096;
/** Requests that wait for the disk or for each other. */
const MAXIMUM_WAITING = 256;
const TEXT = "text/plain; charset=utf-8";
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A C2SP witness (tlog-witness) without its HTTP. */
export class Witness {
  readonly #options: WitnessOptions;
  /** The last request for each origin: between the look at the head and its replacement there is no other. */
  readonly #turns = new Map<string, Promise<unknown>>();
  #waiting = 0;

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  /** `offeredKey` is a verifier key in text. What is cosigned is durable when this resolves; it never rejects. */
  async addCheckpoint(body: Uint8Array, offeredKey: string | undefined): Promise<WitnessAnswer> {
    const request = readRequest(body);
    if (!request.ok) return refuse(undefined, null, 400, "malformed", request.problem);
    const { value } = request;
    if (this.#waiting >= MAXIMUM_WAITING) return refuse(value, null, 503, "busy");
    const { origin } = value.checkpoint;
    const before = this.#turns.get(origin);
    const turn = (before ?? Promise.resolve()).then(() => this.#judge(value, offeredKey));
    this.#turns.set(origin, turn);
    this.#waiting += 1;
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
      if (this.#turns.get(origin) === turn) this.#turns.delete(origin);
    }
  }

  async #judge(request: ReadRequest, offeredKey: string | undefined): Promise<WitnessAnswer> {
    const { store, trust, maximumLogs } = this.#options;
    const { origin } = request.checkpoint;
    const log = store.get(origin);
    const trusted = trustedKeys(trust, origin, log.pinned, offeredKey, sha256);
    const by = trusted?.by ?? null;
    const judged = judgeAddCheckpoint(request, trustIn(request.note, trusted), log.head, nodeHash);
    if (judged.status !== 200) return refuse(request, by, judged.status, judged.reason, null, sizeOf(judged));
    if (log.head === undefined && trusted !== undefined) {
      const { pinned, others } = store.held;
      const isFull = { named: false, pinned: false, shared: others >= maximumLogs, enrolled: pinned >= maximumLogs };
      if (isFull[trusted.by]) return refuse(request, by, 503, "full");
    }
    try {
      return await this.#cosign(request, trusted, judged);
    } catch (error) {
      return refuse(request, by, 503, "not_stored", error instanceof Error ? error.message : String(error));
    }
  }
}
