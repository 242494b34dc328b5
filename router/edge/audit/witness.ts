import type { EpochMillis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { parseAddCheckpoint } from "../../core/tlog/add-checkpoint.ts";
import { parseCheckpointNote } from "../../core/tlog/checkpoint-note.ts";
import { type LogTrust, type TrustedKeys, trustedKeys } from "../../core/tlog/log-trust.ts";
import { formatSignedNote, type SignedNote } from "../../core/tlog/signed-note.ts";
import { judgeAddCheckpoint, type NoteTrust } from "../../core/tlog/witness.ts";
import { type NoteCosigner, sha256, verifySignature } from "./ed25519.ts";
import { nodeHash } from "./node-hash.ts";
import {
  conflict,
  cosigned,
  malformed,
  type NoteRequest,
  refused,
  signaturesBy,
  type WitnessAnswer,
} from "./witness-answer.ts";
import type { WitnessStore } from "./witness-store.ts";

export interface WitnessOptions {
  readonly store: WitnessStore;
  readonly cosigner: NoteCosigner;
  readonly trust: LogTrust;
  /** So many enrolled logs are taken, and so many below the shared prefix; a log that is named has its place. */
  readonly maximumLogs: number;
  readonly now: () => EpochMillis;
}

/** How a log comes whose place is counted. */
type Arrival = "shared" | "enrolled";

/** In UTF-16 units: it is kept, and anyone who may enroll a log may write it. */
const MAXIMUM_CHECKPOINT = 4096;
/** Requests that wait for the disk or for each other. */
const MAXIMUM_WAITING = 256;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A C2SP witness (tlog-witness) without its HTTP. */
export class Witness {
  readonly #options: WitnessOptions;
  /** The last request for each origin: between the look at its head and the replacement of it there is no other. */
  readonly #turns = new Map<string, Promise<WitnessAnswer>>();
  #waiting = 0;
  /** Logs that the store does not count yet. */
  readonly #arriving = { shared: 0, enrolled: 0 };

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  /**
   * `offeredKey` is a verifier key in text, of use where a log may enroll itself. What is cosigned is durable when this
   * resolves.
   */
  async addCheckpoint(body: Uint8Array, offeredKey: string | undefined): Promise<WitnessAnswer> {
    const read = readRequest(body);
    if (!read.ok) return malformed(read.problem);
    const request = read.value;
    if (this.#waiting >= MAXIMUM_WAITING) return refused({ request }, 503, "busy");
    const { origin } = request.checkpoint;
    const before: Promise<unknown> = this.#turns.get(origin) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(() => this.#judge(request, offeredKey));
    this.#turns.set(origin, turn);
    this.#waiting += 1;
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
      if (this.#turns.get(origin) === turn) this.#turns.delete(origin);
    }
  }

  async #judge(request: NoteRequest, offeredKey: string | undefined): Promise<WitnessAnswer> {
    const { store, trust } = this.#options;
    const { origin } = request.checkpoint;
    const { head, pinned } = store.get(origin);
    const trusted = trustedKeys(trust, origin, pinned, offeredKey, sha256);
    const considered = { request, trusted };
    const judged = judgeAddCheckpoint(request, trustIn(request.note, trusted), head, nodeHash);
    if (judged.status === 409) return conflict(considered, judged.reason, judged.size);
    if (judged.status !== 200) return refused(considered, judged.status, judged.reason);
    if (trusted === undefined) throw new Error("cosigned for nobody");
    const arrivesAs = head === undefined ? arrivalBy(trusted.by) : undefined;
    if (arrivesAs !== undefined && this.#isFull(arrivesAs)) return refused(considered, 503, "full");
    try {
      return await this.#cosign(request, trusted, judged.isNew, arrivesAs);
    } catch (error) {
      return refused(considered, 503, "not_stored", error instanceof Error ? error.message : String(error));
    }
  }

  #isFull(by: Arrival): boolean {
    const { store, maximumLogs } = this.#options;
    const held = by === "enrolled" ? store.held.pinned : store.held.others;
    return held + this.#arriving[by] >= maximumLogs;
  }

  /** Throws what the disk throws: then no cosignature leaves. */
  async #cosign(
    request: NoteRequest,
    trusted: TrustedKeys,
    isNew: boolean,
    arrivesAs: Arrival | undefined,
  ): Promise<WitnessAnswer> {
    const { store, cosigner, now } = this.#options;
    const { origin, size, root } = request.checkpoint;
    const { text } = request.note;
    const [key] = trusted.keys;
    if (arrivesAs === "enrolled" && key !== undefined) await this.#arrive(arrivesAs, store.pin(origin, key));
    const cosignature = cosigner.cosign(text, Math.floor(now() / 1000));
    if (isNew) {
      const note = formatSignedNote(text, [...signaturesBy(request.note, trusted), cosignature]);
      const stored = store.advance(origin, { size, root }, note);
      await (arrivesAs === "shared" ? this.#arrive(arrivesAs, stored) : stored);
    }
    return cosigned({ request, trusted }, cosignature);
  }

  /** Keeps a place for a log until the store counts it, or did not take it. */
  async #arrive(by: Arrival, stored: Promise<void>): Promise<void> {
    this.#arriving[by] += 1;
    try {
      await stored;
    } finally {
      this.#arriving[by] -= 1;
    }
  }
}

/** The problem is one sentence, without anything of the request. */
function readRequest(body: Uint8Array): Result<NoteRequest, string> {
  let text;
  try {
    text = utf8.decode(body);
  } catch {
    return fail("The body is not UTF-8.");
  }
  const request = parseAddCheckpoint(text);
  if (!request.ok) return fail(request.problem.message);
  const { oldSize, path } = request.value;
  const read = parseCheckpointNote(request.value.checkpoint);
  if (!read.ok) return read;
  const { checkpoint, note } = read.value;
  if (note.text.length > MAXIMUM_CHECKPOINT) return fail(`A checkpoint has at most ${MAXIMUM_CHECKPOINT} characters.`);
  return ok({ oldSize, path, checkpoint, note });
}

/** One signature that is wrong speaks against the whole note (C2SP signed-note). */
function trustIn(note: SignedNote, trusted: TrustedKeys | undefined): NoteTrust {
  if (trusted === undefined) return "unknown_origin";
  const verdicts = trusted.keys.map((key) => verifySignature(note, key));
  return verdicts.includes("verified") && !verdicts.includes("wrong") ? "signed" : "not_signed";
}

function arrivalBy(by: TrustedKeys["by"]): Arrival | undefined {
  return by === "shared" || by === "enrolled" ? by : undefined;
}
