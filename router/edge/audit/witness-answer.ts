import { formatTreeSize, SIZE_MEDIA_TYPE } from "../../core/tlog/add-checkpoint-reply.ts";
import type { TrustedKeys } from "../../core/tlog/log-trust.ts";
import {
  formatSignatureLines,
  formatSignedNote,
  type NoteSignature,
  type SignedNote,
} from "../../core/tlog/signed-note.ts";
import type { WitnessRefusal, WitnessRequest } from "../../core/tlog/witness.ts";

export interface NoteRequest extends WitnessRequest {
  readonly note: SignedNote;
}

/**
 * What was decided about one request; `null` is not known. `full`: no more logs are taken; `busy`: too many requests wait;
 * `not_stored`: the disk did not take the new head.
 */
export interface WitnessDecision {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 503;
  readonly reason: "cosigned" | WitnessRefusal | "malformed" | "full" | "busy" | "not_stored";
  /** What exactly was malformed, or what the disk said. */
  readonly detail: string | null;
  /** Hostile text. */
  readonly origin: string | null;
  readonly oldSize: number | null;
  readonly size: number | null;
  readonly trustedBy: TrustedKeys["by"] | null;
  /** A note that the log did sign, and that does not go on from what it signed before: perhaps the proof of a fork. */
  readonly evidence: string | null;
}

export interface WitnessAnswer {
  readonly contentType: string;
  readonly body: string;
  readonly decision: WitnessDecision;
}

const TEXT = "text/plain; charset=utf-8";

/** What the request said of itself, as far as it could be read, and whose keys counted. */
export interface Considered {
  readonly request?: NoteRequest;
  readonly trusted?: TrustedKeys | undefined;
}

export function cosigned(considered: Considered, cosignature: NoteSignature): WitnessAnswer {
  return answer(considered, 200, "cosigned", null, formatSignatureLines([cosignature]));
}

export function malformed(detail: string): WitnessAnswer {
  return answer({}, 400, "malformed", detail, `${detail}\n`);
}

/** `detail` is for the operator, not for the client. */
export function refused(
  considered: Considered,
  status: 400 | 403 | 404 | 422 | 503,
  reason: WitnessDecision["reason"],
  detail: string | null = null,
): WitnessAnswer {
  return answer(considered, status, reason, detail, `${reason}\n`);
}

export function conflict(considered: Considered, reason: "stale" | "fork", size: number): WitnessAnswer {
  return { ...answer(considered, 409, reason, null, formatTreeSize(size)), contentType: SIZE_MEDIA_TYPE };
}

/** The first signature of the note by each of these keys. */
export function signaturesBy(note: SignedNote, { keys }: TrustedKeys): readonly NoteSignature[] {
  return keys.flatMap(({ name, keyId }) => {
    const signature = note.signatures.find((other) => other.name === name && other.keyId === keyId);
    return signature === undefined ? [] : [signature];
  });
}

function answer(
  { request, trusted }: Considered,
  status: WitnessDecision["status"],
  reason: WitnessDecision["reason"],
  detail: string | null,
  body: string,
): WitnessAnswer {
  const isEvidence = (reason === "fork" || reason === "not_proved") && request !== undefined && trusted !== undefined;
  const decision: WitnessDecision = {
    status,
    reason,
    detail,
    origin: request?.checkpoint.origin ?? null,
    oldSize: request?.oldSize ?? null,
    size: request?.checkpoint.size ?? null,
    trustedBy: trusted?.by ?? null,
    evidence: isEvidence ? formatSignedNote(request.note.text, signaturesBy(request.note, trusted)) : null,
  };
  return { contentType: TEXT, body, decision };
}
