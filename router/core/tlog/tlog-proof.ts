import { ok, type Result } from "../base/result.ts";
import { parseBase64 } from "./base64.ts";
import {
  formatProofBody,
  lineAt,
  MAXIMUM_EXTRA,
  MAXIMUM_PROOF_TEXT,
  parseProofBody,
  problem,
  type ProofBody,
  type ProofTextProblem,
} from "./proof-text.ts";
import { parseTreeSize } from "./tree-size.ts";

/** That one entry is in a log: all that it takes to check, in one file (C2SP tlog-proof). */
export interface TlogProof extends ProofBody {
  /** Of the application, and not authenticated by the format; not empty. */
  readonly extra: Uint8Array | undefined;
  readonly index: number;
}

/** The first line of the format. */
export const TLOG_PROOF_HEAD = "c2sp.org/tlog-proof@v1";
const EXTRA = "extra ";
const INDEX = "index ";
/** "index " and 16 digits, the newline not counted. */
const INDEX_LINE = INDEX.length + 16;

/** Strict: every text that is accepted is what `formatTlogProof` gives for what was read. */
export function parseTlogProof(text: string): Result<TlogProof, ProofTextProblem> {
  if (text.length > MAXIMUM_PROOF_TEXT) {
    return problem("too_long", `A proof has at most ${MAXIMUM_PROOF_TEXT} characters.`);
  }
  if (!text.startsWith(`${TLOG_PROOF_HEAD}\n`)) return problem("bad_head", `The first line is not ${TLOG_PROOF_HEAD}.`);
  let at = TLOG_PROOF_HEAD.length + 1;
  let extra: Uint8Array | undefined;
  if (text.startsWith(EXTRA, at)) {
    const line = lineAt(text, at, MAXIMUM_PROOF_TEXT) ?? "";
    extra = parseBase64(line.slice(EXTRA.length));
    if (extra === undefined || extra.length === 0 || extra.length > MAXIMUM_EXTRA) {
      return problem("bad_extra", `The extra data is not base64 of 1 to ${MAXIMUM_EXTRA} octets.`);
    }
    at += line.length + 1;
  }
  const line = lineAt(text, at, INDEX_LINE);
  const index = line?.startsWith(INDEX) === true ? parseTreeSize(line.slice(INDEX.length)) : undefined;
  if (line === undefined || index === undefined) {
    return problem("bad_number", 'The line before the hashes is not "index" and a number below 2^53.');
  }
  const body = parseProofBody(text, at + line.length + 1);
  return body.ok ? ok({ extra, index, ...body.value }) : body;
}

/** Throws on what `parseTlogProof` would not read back. */
export function formatTlogProof(proof: TlogProof): string {
  const extra = proof.extra === undefined ? "" : `${EXTRA}${proof.extra.toBase64()}\n`;
  const text = `${TLOG_PROOF_HEAD}\n${extra}${INDEX}${proof.index}\n${formatProofBody(proof)}`;
  const parsed = parseTlogProof(text);
  if (!parsed.ok) throw new Error(`not a proof: ${parsed.problem.message}`);
  return text;
}
