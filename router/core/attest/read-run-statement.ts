import { fail, ok, type Result } from "../base/result.ts";
import type { AuditValue } from "../audit/audit-event.ts";
import { canonicalJson, isCanonical } from "../audit/canonical-json.ts";
import type { AttestCode, AttestProblem } from "./attest-problem.ts";
import { anything, count, listOf, matching, members, nullOr, object, text, truth } from "./members.ts";
import { RUN_PREDICATE_TYPE, type RunFacts, type RunStatement, STATEMENT_TYPE, subjectsOf } from "./run-facts.ts";
import { decodeUtf8 } from "./decode-utf8.ts";

const DIGEST = matching(/^sha256:[0-9a-f]{64}$/);
const TIME = matching(/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/);
/** Names of pods, agents and namespaces, as `RouterConfig` takes them: no `/`, so an origin is read in one way only. */
const IDENTITY = matching(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/);
const LINE = text(1024);

const policy = members({
  kind: matching(/^[A-Z][A-Za-z0-9]{0,62}$/),
  name: text(253),
  version: count,
  digest: DIGEST,
  signers: listOf(text(253), 32),
  loadedAt: TIME,
});

/** A checkpoint may carry cosignatures of witnesses, of some 3 KiB each where they are post-quantum. */
const LARGEST_CHECKPOINT = 64 * 1024;

const facts = members({
  router: members({
    version: LINE,
    node: LINE,
    image: nullOr(members({ name: matching(/^[\x21-\x7e]{1,512}$/), digest: DIGEST })),
  }),
  identity: members({ namespace: IDENTITY, pod: IDENTITY, agent: IDENTITY }),
  policies: listOf(policy, 64),
  audit: members({
    origin: LINE,
    stream: matching(/^[0-9a-f]{32}$/),
    size: count,
    root: matching(/^[0-9a-f]{64}$/),
    checkpoint: text(LARGEST_CHECKPOINT),
    key: LINE,
    mode: matching(/^(?:strict|blocking|best_effort)$/),
  }),
  guard: members({
    expected: truth,
    proved: truth,
    uid: nullOr(count),
    families: listOf(matching(/^ipv[46]$/), 2),
  }),
  budgets: listOf(object, 64),
  configuration: DIGEST,
  startedAt: TIME,
  madeAt: TIME,
});

const statementMembers = members({
  _type: anything,
  subject: anything,
  predicateType: anything,
  predicate: object,
});

/**
 * Reads what a verified signature covers; call it before, and nothing of the result is true. In-toto Statement v1 in
 * RFC 8785 form, so that a repeated member cannot say one thing here and another elsewhere; this predicate type, every
 * member of it and no other; exactly the subjects that follow from it, each by SHA-256 in lower case, no name twice.
 */
export function readRunStatement(octets: Uint8Array): Result<RunStatement, AttestProblem> {
  const source = decodeUtf8(octets);
  const value = source === undefined ? undefined : parse(source);
  if (source === undefined || value === undefined) return refuse("statement_malformed", "The payload is not JSON.");
  if (!isCanonical(source, value)) {
    return refuse("not_canonical", "The payload is not in RFC 8785 form, in which a statement has one spelling only.");
  }
  if (statementMembers(value) !== undefined)
    return refuse("statement_malformed", "The payload is no in-toto statement.");
  const { _type, subject, predicateType, predicate } = value as { readonly [name: string]: AuditValue };
  if (_type !== STATEMENT_TYPE) return refuse("statement_type", `The payload's _type is not ${STATEMENT_TYPE}.`);
  if (predicateType !== RUN_PREDICATE_TYPE) {
    return refuse("predicate_type", `The statement is of another type than ${RUN_PREDICATE_TYPE}.`);
  }
  const flaw = facts(predicate);
  if (flaw !== undefined)
    return refuse("predicate_malformed", `The predicate is not as it must be; see predicate${flaw}.`);
  return consistent(predicate as unknown as RunFacts, subject ?? null);
}

function parse(source: string): AuditValue | undefined {
  try {
    return JSON.parse(source) as AuditValue;
  } catch {
    return undefined;
  }
}

/** The parts of a statement that follow from others do. */
function consistent(predicate: RunFacts, subject: AuditValue): Result<RunStatement, AttestProblem> {
  const subjects = subjectsOf(predicate);
  if (subjects.length === 0) return refuse("no_subject", "The statement is about nothing: no policy, and no image.");
  if (new Set(subjects.map(({ name }) => name)).size !== subjects.length) {
    return refuse("name_repeated", "Two policies of one kind, or an image, share a name.");
  }
  if (canonicalJson(subjects as unknown as AuditValue) !== canonicalJson(subject)) {
    return refuse(
      "subject_mismatch",
      "The subjects are not exactly the policies and the image of the predicate, by SHA-256.",
    );
  }
  const { identity, audit } = predicate;
  if (audit.origin !== `sluice.dev/audit/${identity.namespace}/${identity.pod}/${audit.stream}`) {
    return refuse("origin_mismatch", "The log's origin does not follow from namespace, pod and stream.");
  }
  return ok({ subjects, predicate });
}

function refuse(code: AttestCode, message: string): Result<never, AttestProblem> {
  return fail({ code, message });
}
