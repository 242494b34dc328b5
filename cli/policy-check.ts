import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type DocumentProblem, formatProblem } from "../router/core/base/problem.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { safeText } from "../router/core/wire/safe-text.ts";
import { type CheckedDocument, checkDocument, POLICY_KINDS, problem } from "./check-document.ts";
import { checkTogether } from "./check-together.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { type DocumentGroup, findDocuments } from "./find-documents.ts";

/** Checks the signature of a document of this kind by what stands beside the file: the ids of its signers. */
export type CheckSignature = (kind: string, file: string) => Promise<Result<readonly string[], DocumentProblem>>;

/** Makes that check ready from a trust directory, or says everything that is wrong with it. */
export type OpenTrust = (directory: string) => Promise<Result<CheckSignature, readonly DocumentProblem[]>>;

interface Verdict extends CheckedDocument {
  /** Undefined: not checked. */
  readonly signers: readonly string[] | undefined;
}

/**
 * `sluice policy check PATH... [--trust DIR] [--json]`: every problem of every document. 0: there is none; 1: there
 * are; 2: wrong usage, or a path that cannot be read. Without a trust directory signatures are not checked, and the
 * output says so.
 */
export async function policyCheck(
  argv: readonly string[],
  io: CliIo,
  openTrust: OpenTrust = openTrustDirectory,
): Promise<number> {
  const options = parseOptions(argv);
  if (!options.ok) return unusable(io, options.problem);
  const { paths, json, trust } = options.value;
  const groups: DocumentGroup[] = [];
  for (const path of paths) {
    const found = await findDocuments(io.cwd, path);
    if (!found.ok) return unusable(io, found.problem);
    groups.push(...found.value);
  }
  const opened = trust === undefined ? undefined : await openTrust(resolve(io.cwd, trust));
  const trustProblems = opened === undefined || opened.ok ? [] : opened.problem;
  const check = opened?.ok === true ? opened.value : undefined;
  const verdicts: Verdict[] = [];
  for (const group of groups) verdicts.push(...(await judgeGroup(group, io, check)));
  const problems = [...trustProblems, ...verdicts.flatMap((verdict) => verdict.problems)];
  if (json) {
    const documents = verdicts.map(({ policy, ...verdict }) => ({
      ...verdict,
      name: policy?.name,
      version: policy?.version,
    }));
    io.stdout(
      `${JSON.stringify({ ok: problems.length === 0, signatures_checked: check !== undefined, trust: trustProblems, documents })}\n`,
    );
  } else {
    for (const line of linesOf(trustProblems, verdicts)) io.stdout(`${safeText(line, LONGEST_LINE)}\n`);
    if (trust === undefined) io.stdout("Signatures were not checked: --trust DIR names the trust directory.\n");
  }
  if (problems.some(({ code }) => code === "unreadable" || code === "missing")) return EXIT.usage;
  return problems.length === 0 ? EXIT.yes : EXIT.no;
}

/** Paths and messages hold text that others chose; none of it is longer. */
const LONGEST_LINE = 8192;

interface Options {
  readonly paths: readonly string[];
  readonly json: boolean;
  readonly trust: string | undefined;
}

function parseOptions(argv: readonly string[]): Result<Options, string> {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { json: { type: "boolean", default: false }, trust: { type: "string" } },
      allowPositionals: true,
    });
    if (positionals.length === 0) return fail("a path is missing");
    return ok({ paths: positionals, json: values.json, trust: values.trust });
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function unusable(io: CliIo, message: string): number {
  io.stderr(
    `sluice policy check: ${safeText(message, LONGEST_LINE)}\nusage: sluice policy check PATH... [--trust DIR] [--json]\n`,
  );
  return EXIT.usage;
}

async function judgeGroup(
  group: DocumentGroup,
  io: CliIo,
  check: CheckSignature | undefined,
): Promise<readonly Verdict[]> {
  const documents: CheckedDocument[] = [];
  for (const file of group.files) documents.push(await checkDocument(io.cwd, file, io.now()));
  const together = group.directory ? checkTogether(documents) : [];
  const verdicts: Verdict[] = [];
  for (const document of documents) {
    // Other kinds are not signed: a SignerPolicy is trusted for where it is mounted.
    const { kind } = document;
    const isSigned = kind !== undefined && POLICY_KINDS.includes(kind);
    const signed = isSigned ? await check?.(kind, resolve(io.cwd, document.file)) : undefined;
    const signers = signed?.ok === true ? signed.value : undefined;
    const problems = [
      ...document.problems,
      ...together.filter(({ file }) => file === document.file),
      ...(signed === undefined || signed.ok ? [] : [{ ...signed.problem, file: document.file }]),
    ];
    const warnings = [...document.warnings, ...(signers?.length === 0 ? unsignedGraph(document) : [])];
    verdicts.push({ ...document, problems, warnings, signers });
  }
  return verdicts;
}

/** What the trust directory lets pass unsigned counts, but for the graph of peers. */
function unsignedGraph({ file, policy }: CheckedDocument): readonly DocumentProblem[] {
  if (policy === undefined || !("trust" in policy) || policy.trust.graph.length === 0) return [];
  const message = "The graph of peers counts in a signed document only: unsigned, nobody is connected.";
  return [problem(file, "unsigned_graph", message)];
}

function* linesOf(trustProblems: readonly DocumentProblem[], verdicts: readonly Verdict[]): Generator<string> {
  yield* trustProblems.map(formatProblem);
  for (const { file, kind, policy, problems, warnings, signers } of verdicts) {
    yield* problems.map(formatProblem);
    yield* warnings.map((warning) => `${formatProblem(warning)} (warning)`);
    if (problems.length > 0) continue;
    const what = policy === undefined ? kind : `${kind} ${policy.name} version ${policy.version}`;
    const by =
      signers === undefined ? "" : signers.length === 0 ? ", may be unsigned" : `, signed by ${signers.join(", ")}`;
    yield `${file}: ${what}: good${by}`;
  }
}

async function openTrustDirectory(directory: string): Promise<Result<CheckSignature, readonly DocumentProblem[]>> {
  // Loaded here, because it brings the Sigstore library with it.
  const [{ loadKeyring }, { checkSignature }] = await Promise.all([
    import("../router/edge/trust/keyring.ts"),
    import("../router/edge/trust/check-signature.ts"),
  ]);
  const keyring = await loadKeyring(directory);
  if (!keyring.ok) return keyring;
  return ok(async (kind, file) => {
    const verified = await checkSignature(keyring.value, kind, file);
    return verified.ok ? ok(verified.value.signers) : verified;
  });
}
