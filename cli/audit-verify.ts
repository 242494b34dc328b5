import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { parseCheckpoint } from "../router/core/tlog/checkpoint.ts";
import { MAXIMUM_PROOF_TEXT } from "../router/core/tlog/proof-text.ts";
import { readShortText } from "../router/edge/audit/short-text.ts";
import { shownText } from "./shown-text.ts";
import { listSegments, readLines } from "../router/edge/audit/read-segments.ts";
import { type Anchor, readAnchors } from "./anchor-file.ts";
import { PROOF_EXIT, verifyProofFile } from "./audit-proof-verify.ts";
import { isKarsLine, karsText, type KarsVerdict, listKarsFiles, verifyKarsFiles } from "./audit-verify-kars.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { judgeNote, type LogKey, readLogKeys } from "./log-key.ts";
import { judgeLog, type Log, type LogExit, type LogVerdict, worstExit } from "./log-verdict.ts";
import { verdictText } from "./log-verdict-text.ts";

const MOST_STRAYS = 5;
const MOST_SHOWN = 400;

interface Question {
  readonly paths: readonly string[];
  readonly keys: readonly LogKey[];
  readonly anchors: readonly Anchor[];
  readonly proof: string | undefined;
  readonly json: boolean;
}

/**
 * `sluice audit verify PATH... [--key K]... [--anchor F]... [--json]`: each directory is one chain, and so are all files
 * named, in their order; a log of the reference system is told by its first line. `--proof F` instead of paths: one proof. Exit codes (contract.md): 0 verified to an anchor,
 * 1 tampered, 2 unreadable, 3 shorter than an anchor or inconsistent with it, 4 intact, but unsigned or unanchored.
 */
export async function auditVerify(argv: readonly string[], io: CliIo): Promise<number> {
  const question = await readQuestion(argv, io.cwd);
  if (!question.ok) {
    io.stderr(`sluice audit verify: ${question.problem}\n`);
    if (argv.includes("--json")) io.stdout(`${JSON.stringify({ exit: EXIT.usage, error: question.problem })}\n`);
    return EXIT.usage;
  }
  const { paths, keys, anchors, proof, json } = question.value;
  if (proof !== undefined) return verifyProof(proof, question.value, io);

  const verdicts: LogVerdict[] = [];
  const logs = await logsOf(paths, io.cwd);
  const foreign: KarsLog[] = [];
  for (const log of logs) {
    try {
      const kars = log.ok ? await karsFiles(log.value) : [];
      if (!log.ok) verdicts.push({ ...log.problem, exit: EXIT.usage });
      else if (kars.length > 0) foreign.push({ path: log.value.path, verdict: await verifyKarsFiles(kars) });
      else verdicts.push(await judgeLog(log.value, keys, anchors, logs.length === 1));
    } catch (error) {
      const path = log.ok ? log.value.path : log.problem.path;
      verdicts.push({ path, exit: EXIT.usage, error: error instanceof Error ? error.message : String(error) });
    }
  }
  const exits: LogExit[] = [...verdicts, ...foreign.map(({ verdict }) => verdict)].map(({ exit }) => exit);
  const found = new Set(verdicts.flatMap((verdict) => verdict.anchors ?? []).map(placeOf));
  const strays = anchors.filter((anchor) => !found.has(placeOf(anchor)));
  // What is another log altogether, or of another kind, is not what was signed.
  const isElsewhere = strays.length > 0 && (logs.length > 1 || foreign.length > 0);
  if (isElsewhere) exits.push(3);
  const exit = worstExit(exits);
  if (json) {
    io.stdout(
      `${JSON.stringify({ exit, logs: verdicts, kars: foreign, strayAnchors: strays.map(({ file }) => file) })}\n`,
    );
    return exit;
  }
  for (const verdict of verdicts) io.stdout(verdictText(verdict));
  for (const { path, verdict } of foreign) io.stdout(karsText(path, verdict));
  for (const { file, checkpoint } of isElsewhere ? strays.slice(0, MOST_STRAYS) : []) {
    io.stdout(`${file}: no log here is ${shownText(checkpoint.origin, MOST_SHOWN)}\n`);
  }
  return exit;
}

/** A log of the reference system, read for whoever comes from there. */
interface KarsLog {
  readonly path: string;
  readonly verdict: KarsVerdict;
}

/** Its files, where this is one. */
async function karsFiles({ directory, files }: Log): Promise<readonly string[]> {
  const [first] = files;
  if (directory !== undefined) return first === undefined ? listKarsFiles(directory) : [];
  if (first === undefined) return [];
  let text: string | undefined;
  await readLines(first, (line) => {
    ({ text } = line);
    return false;
  }).catch(() => false);
  return text !== undefined && isKarsLine(text) ? files : [];
}

async function readQuestion(argv: readonly string[], cwd: string): Promise<Result<Question, string>> {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      options: {
        json: { type: "boolean" },
        key: { type: "string", multiple: true },
        anchor: { type: "string", multiple: true },
        proof: { type: "string" },
      },
      allowPositionals: true,
    });
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
  const { positionals: paths, values } = parsed;
  if (paths.length === 0 && values.proof === undefined) return fail("name at least one directory or segment");
  if (paths.length > 0 && values.proof !== undefined) return fail("a proof is verified without the log: name no path");
  const keys: LogKey[] = [];
  for (const argument of values.key ?? []) {
    const read = await readLogKeys(cwd, argument);
    if (!read.ok) return read;
    keys.push(...read.value);
  }
  const anchors: Anchor[] = [];
  for (const argument of values.anchor ?? []) {
    const read = await readAnchors(cwd, argument);
    if (!read.ok) return read;
    anchors.push(...read.value);
  }
  return ok({ paths, keys, anchors, proof: values.proof, json: values.json === true });
}

async function logsOf(paths: readonly string[], cwd: string): Promise<Result<Log, { path: string; error: string }>[]> {
  const logs: Result<Log, { path: string; error: string }>[] = [];
  const files: string[] = [];
  for (const path of paths.map((name) => resolve(cwd, name))) {
    try {
      if ((await stat(path)).isDirectory()) logs.push(ok({ path, directory: path, files: await listSegments(path) }));
      else files.push(path);
    } catch (error) {
      logs.push(fail({ path, error: error instanceof Error ? error.message : String(error) }));
    }
  }
  if (files.length > 0) logs.push(ok({ path: files.join(" "), directory: undefined, files }));
  return logs;
}

/** One proof, without the log that it is of. */
async function verifyProof(file: string, { keys, anchors, json }: Question, io: CliIo): Promise<number> {
  let text: string | undefined;
  try {
    text = await readShortText(resolve(io.cwd, file), MAXIMUM_PROOF_TEXT);
    if (text === undefined) throw new Error("it is too long for a proof, or not UTF-8");
  } catch (error) {
    const problem = `${file}: ${error instanceof Error ? error.message : String(error)}`;
    io.stderr(`sluice audit verify: ${problem}\n`);
    if (json) io.stdout(`${JSON.stringify({ exit: EXIT.usage, error: problem })}\n`);
    return EXIT.usage;
  }
  const report = verifyProofFile(text, {
    anchors: anchors.map((anchor) => anchor.text),
    checkSignature(note) {
      const verdict = judgeNote(note, parseCheckpoint(note.text)?.origin ?? "", keys);
      return verdict === "verified" || verdict === "wrong" ? verdict : "unverified";
    },
  });
  const exit = PROOF_EXIT[report.result];
  if (json) io.stdout(`${JSON.stringify({ exit, ...report })}\n`);
  else io.stdout(`${file}: ${report.result.toUpperCase()}\n${report.says.map((line) => `  ${line}\n`).join("")}`);
  return exit;
}

function placeOf({ file, stream }: { readonly file: string; readonly stream: string }): string {
  return `${stream} ${file}`;
}
