import { fail, ok, type Result } from "../base/result.ts";
import type { AuditValue } from "../audit/audit-event.ts";
import { canonicalJson } from "../audit/canonical-json.ts";
import { utf8 } from "../tlog/utf8.ts";
import type { AttestProblem } from "./attest-problem.ts";
import { readRunStatement } from "./read-run-statement.ts";
import { RUN_PREDICATE_TYPE, type RunFacts, STATEMENT_TYPE, subjectsOf } from "./run-facts.ts";

/**
 * The in-toto Statement v1 of a run in RFC 8785 form: what is signed. A problem where the reader of this build would
 * refuse it, since nobody should sign what nobody accepts: `no_subject` while no policy is in force and no image is known.
 */
export function runStatement(facts: RunFacts): Result<Uint8Array, AttestProblem> {
  const form = canonicalJson({
    _type: STATEMENT_TYPE,
    subject: subjectsOf(facts).map(({ name, digest }) => ({ name, digest: { ...digest } })),
    predicateType: RUN_PREDICATE_TYPE,
    predicate: facts as unknown as AuditValue,
  });
  if (form === undefined) {
    return fail({ code: "predicate_malformed", message: "A fact has no JSON form: no number, or a lone surrogate." });
  }
  const statement = utf8(form);
  const read = readRunStatement(statement);
  return read.ok ? ok(statement) : read;
}
