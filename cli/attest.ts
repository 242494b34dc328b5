import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { readAttestationBundle } from "../router/core/attest/attestation-bundle.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { getLocal } from "../router/edge/upstream/get-local.ts";
import { type LogKey, readLogKeys } from "./log-key.ts";
import { type CheckLog, checkLog as checkLogFiles } from "./attest-log.ts";
import { attestationReport } from "./attest-report.ts";
import { verifyAttestation } from "./attest-verify.ts";
import { type CliIo, EXIT } from "./cli-io.ts";

const DEFAULT_FROM = "http://127.0.0.1:18090";

/**
 * `sluice attest [--from URL] [--out FILE]`: what a running router says of itself, signed, as a sigstore bundle; 69
 * where none answers, 2 where the answer is no such bundle.
 *
 * `sluice attest --verify BUNDLE [--key VKEY|FILE]... [--policy FILE]... [--checkpoint NOTE]... [--audit PATH]... [--json]`:
 * 0: signed with a key that was given, and everything holds; 1: something does not; 2: something cannot be read or
 * compared; 4: everything holds, by the word of the key that the statement names itself.
 */
export async function attest(argv: readonly string[], io: CliIo, checkLog: CheckLog = checkLogFiles): Promise<number> {
  const options = parseOptions(argv);
  if (!options.ok) return unusable(io, options.problem);
  const {
    verify,
    json = false,
    from = DEFAULT_FROM,
    out,
    key,
    policy = [],
    checkpoint = [],
    audit = [],
  } = options.value;
  if (verify === undefined) return fetchBundle(io, from, out);
  const keys: LogKey[] = [];
  for (const argument of key ?? []) {
    const read = await readLogKeys(io.cwd, argument);
    if (!read.ok) return unusable(io, `--key ${argument}: ${read.problem}`);
    // A witness's key signs checkpoints that it has seen, and no statement.
    const ofLogs = read.value.filter((one) => one.name === undefined || one.algorithm === "ed25519");
    if (ofLogs.length < read.value.length) return unusable(io, `--key ${argument}: This is the key of a witness.`);
    keys.push(...ofLogs);
  }
  const answer = await verifyAttestation({
    cwd: io.cwd,
    bundle: verify,
    keys,
    policies: policy,
    checkpoints: checkpoint,
    logs: audit,
    checkLog,
  });
  io.stdout(json ? `${JSON.stringify({ bundle: verify, ...answer })}\n` : attestationReport(verify, answer));
  return answer.exit;
}

const many = { type: "string", multiple: true } as const;
const VERIFYING = { key: many, policy: many, checkpoint: many, audit: many, json: { type: "boolean" } } as const;
const ASKING = { from: { type: "string" }, out: { type: "string" } } as const;

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: { verify: { type: "string" }, ...VERIFYING, ...ASKING } }).values;
}

function parseOptions(argv: readonly string[]): Result<ReturnType<typeof parse>, string> {
  try {
    const values = parse(argv);
    // Half of what was asked for must not be left out in silence.
    const foreign = Object.keys(values).find((name) =>
      Object.hasOwn(values.verify === undefined ? VERIFYING : ASKING, name),
    );
    if (foreign === undefined) return ok(values);
    return fail(`--${foreign} goes ${values.verify === undefined ? "with" : "without"} --verify only`);
  } catch (error) {
    return fail(messageOf(error));
  }
}

async function fetchBundle(io: CliIo, from: string, out: string | undefined): Promise<number> {
  const answer = await getLocal(from, "/attestation");
  if (!answer.ok) {
    if (answer.problem.code === "bad_url") return unusable(io, `--from: ${answer.problem.message}`);
    io.stderr(`sluice attest: ${from}: ${answer.problem.message}\n`);
    return EXIT.unavailable;
  }
  if (answer.value.status !== 200) {
    io.stderr(`sluice attest: ${from} answers with status ${answer.value.status}: it attests nothing now\n`);
    return EXIT.unavailable;
  }
  const bundle = new TextDecoder().decode(answer.value.body).trim();
  const envelope = readAttestationBundle(bundle);
  if (!envelope.ok) return unusable(io, `${from} answered with something else: ${envelope.problem.message}`);
  if (out === undefined) {
    io.stdout(`${bundle}\n`);
    return EXIT.yes;
  }
  try {
    await writeFile(resolve(io.cwd, out), `${bundle}\n`);
  } catch (error) {
    return unusable(io, messageOf(error));
  }
  return EXIT.yes;
}

function unusable(io: CliIo, what: string): number {
  io.stderr(`sluice attest: ${what}\n`);
  return EXIT.usage;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
