import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { parseCheckpoint } from "../router/core/tlog/checkpoint.ts";
import { MAXIMUM_PROOF_TEXT } from "../router/core/tlog/proof-text.ts";
import { listSegments, readLines } from "../router/edge/audit/read-segments.ts";
import { type Anchor, readAnchors } from "./anchor-file.ts";
import { PROOF_EXIT, verifyProofFile } from "./audit-proof-verify.ts";
import { isKarsLine, karsText, type KarsVerdict, listKarsFiles, verifyKarsFiles } from "./audit-verify-kars.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { judgeNote, type LogKey, readLogKeys } from "./log-key.ts";
import { judgeLog, type LogExit, type LogVerdict, worstExit } from "./log-verdict.ts";
import { verdictText } from "./log-verdict-text.ts";

/** One chain: what a directory holds, or all files that were named. */
interface Log {
  readonly path: string;
  /** Where checkpoints may lie beside the segments. */
  readonly directory: string | undefined;
  readonly files: readonly string[];
}

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
  const strays = anchors.filter((anchor) => verdicts.every((verdict) => isStray(verdict, anchor)));
  if (strays.length > 0 && logs.length > 1) exits.push(3);
  const exit = worstExit(exits);
  if (json) {
    io.stdout(
      `${JSON.stringify({ exit, logs: verdicts, kars: foreign, strayAnchors: strays.map(({ file }) => file) })}\n`,
    );
    return exit;
  }
  for (const verdict of verdicts) io.stdout(verdictText(verdict));
  for (const { path, verdict } of foreign) io.stdout(karsText(path, verdict));
  if (logs.length > 1) {
    for (const { file, checkpoint } of strays) io.stdout(`${file}: no log here is ${checkpoint.origin}\n`);
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
  let text: string;
  try {
    const path = resolve(io.cwd, file);
    if ((await stat(path)).size > MAXIMUM_PROOF_TEXT) throw new Error("it is too long for a proof");
    text = await readFile(path, "utf8");
  } catch (error) {
    io.stderr(`sluice audit verify: ${file}: ${error instanceof Error ? error.message : String(error)}\n`);
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

function isStray(verdict: LogVerdict, anchor: Anchor): boolean {
  return verdict.anchors?.some(({ file, stream }) => file === anchor.file && stream === anchor.stream) !== true;
}
