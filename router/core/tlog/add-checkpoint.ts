import { ok, type Result } from "../base/result.ts";
import {
  formatProofBody,
  lineAt,
  MAXIMUM_PROOF_TEXT,
  parseProofBody,
  problem,
  type ProofBody,
  type ProofTextProblem,
} from "./proof-text.ts";
import { parseTreeSize } from "./tree-size.ts";

/** A checkpoint, and that the tree of `oldSize` leaves is its beginning: what a witness is asked (C2SP tlog-witness). */
export interface AddCheckpoint extends ProofBody {
  readonly oldSize: number;
}

export const ADD_CHECKPOINT_HEAD = "old ";
/** The head and 16 digits, the newline not counted. */
const OLD_LINE = ADD_CHECKPOINT_HEAD.length + 16;

/** The body of an `add-checkpoint` request. Strict: every text that is accepted is what `formatAddCheckpoint` gives. */
export function parseAddCheckpoint(text: string): Result<AddCheckpoint, ProofTextProblem> {
  if (text.length > MAXIMUM_PROOF_TEXT) {
    return problem("too_long", `A proof has at most ${MAXIMUM_PROOF_TEXT} characters.`);
  }
  if (!text.startsWith(ADD_CHECKPOINT_HEAD)) return problem("bad_head", 'The first line does not begin with "old ".');
  const line = lineAt(text, 0, OLD_LINE);
  const oldSize = line === undefined ? undefined : parseTreeSize(line.slice(ADD_CHECKPOINT_HEAD.length));
  if (line === undefined || oldSize === undefined) {
    return problem("bad_number", 'The first line is not "old" and a number below 2^53.');
  }
  const body = parseProofBody(text, line.length + 1);
  return body.ok ? ok({ oldSize, ...body.value }) : body;
}

/** Throws on what `parseAddCheckpoint` would not read back. */
export function formatAddCheckpoint(request: AddCheckpoint): string {
  const text = `${ADD_CHECKPOINT_HEAD}${request.oldSize}\n${formatProofBody(request)}`;
  const parsed = parseAddCheckpoint(text);
  if (!parsed.ok) throw new Error(`not an add-checkpoint request: ${parsed.problem.message}`);
  return text;
}
