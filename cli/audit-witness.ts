import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { parsePort } from "../router/core/base/quantity.ts";
import type { LogTrust } from "../router/core/tlog/log-trust.ts";
import { isKeyName } from "../router/core/tlog/signed-note.ts";
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from "../router/core/tlog/verifier-key.ts";
import { parseIpAddress } from "../router/core/wire/ip-address.ts";
import { safeText } from "../router/core/wire/safe-text.ts";
import { cosignerFromPrivateKey, publicKeyFromPem, sha256 } from "../router/edge/audit/ed25519.ts";
import { Witness } from "../router/edge/audit/witness.ts";
import type { WitnessDecision } from "../router/edge/audit/witness-answer.ts";
import { witnessKey } from "../router/edge/audit/witness-key.ts";
import { openWitnessServer, type WitnessServer } from "../router/edge/audit/witness-server.ts";
import { WitnessStore } from "../router/edge/audit/witness-store.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { endSoon } from "./end-soon.ts";

interface WitnessArguments {
  readonly listen: { readonly host: string; readonly port: number };
  readonly state: string;
  readonly name: string;
  readonly key: string | undefined;
  readonly trust: LogTrust;
  readonly maximumLogs: number;
}

const DEFAULT_LISTEN = "127.0.0.1:18099";
const DEFAULT_NAME = "sluice.dev/witness";
const DEFAULT_ORIGINS = "10000";
/** Of an origin in a line of the log. */
const MAXIMUM_SHOWN = 400;
const MAXIMUM_PENDING = 1024 * 1024;

/**
 * `sluice audit witness --state DIR [--listen ADDRESS:PORT] [--name NAME] [--key FILE] [--log VKEY]... [--log-key PEM
 * --origin-prefix P] [--enroll P]... [--origins N]`: a C2SP witness. One JSON line at the start, with its address and
 * verifier key, and one a decision. SIGTERM and SIGINT end it with 0; 2 for the arguments, 64 for its key, 69 where the
 * directory or the address cannot be used.
 */
export async function auditWitness(argv: readonly string[], io: CliIo): Promise<number> {
  const say = (exit: number, problem: string): number => {
    io.stderr(`sluice audit witness: ${problem}\n`);
    return exit;
  };
  const given = await readArguments(argv, io.cwd);
  if (!given.ok) return say(EXIT.usage, given.problem);
  const { listen, state, name, key, trust, maximumLogs } = given.value;
  const opened = await WitnessStore.open(state);
  if (!opened.ok) return say(EXIT.unavailable, opened.problem);
  const store = opened.value;
  let lost = 0;
  // Whoever asks for decisions must not be able to fill the memory with lines that nobody reads.
  const tell = (line: object): void => {
    if ((io.pending?.() ?? 0) > MAXIMUM_PENDING) {
      lost += 1;
      return;
    }
    const lines = lost > 0 ? [{ event: "lines-lost", count: lost }, line] : [line];
    lost = 0;
    for (const one of lines) io.stdout(`${JSON.stringify(one)}\n`);
  };
  try {
    const privateKey = await witnessKey(store, key);
    if (!privateKey.ok) return say(EXIT.badConfiguration, privateKey.problem);
    const cosigner = cosignerFromPrivateKey(name, privateKey.value);
    const witness = new Witness({ store, cosigner, trust, maximumLogs, now: () => io.now() });
    let server: WitnessServer;
    try {
      server = await openWitnessServer(
        listen,
        async (body, offeredKey) => {
          const answer = await witness.addCheckpoint(body, offeredKey);
          tell(lineOf(answer.decision, new Date(io.now()).toISOString()));
          return answer;
        },
        (thrown) => void say(EXIT.unavailable, String(thrown)),
      );
    } catch (error) {
      return say(EXIT.unavailable, messageOf(error));
    }
    const { pinned, others } = store.held;
    const start = {
      event: "start",
      address: server.bound,
      key: formatVerifierKey(cosigner.key),
      logs: pinned + others,
    };
    tell(start);
    await new Promise<void>((end) => {
      process.once("SIGTERM", end);
      process.once("SIGINT", end);
    });
    await server[Symbol.asyncDispose]();
    endSoon(EXIT.yes);
    return EXIT.yes;
  } finally {
    store.close();
  }
}

/** The note goes as base64: exact, and nothing that a terminal obeys. */
function lineOf({ origin, evidence, ...decision }: WitnessDecision, time: string): object {
  return {
    event: "add-checkpoint",
    time,
    ...decision,
    origin: origin === null ? null : safeText(origin, MAXIMUM_SHOWN),
    ...(evidence === null ? {} : { evidence: Buffer.from(evidence).toString("base64") }),
  };
}

async function readArguments(argv: readonly string[], cwd: string): Promise<Result<WitnessArguments, string>> {
  let values;
  try {
    const options = {
      listen: { type: "string" },
      state: { type: "string" },
      name: { type: "string" },
      key: { type: "string" },
      log: { type: "string", multiple: true },
      "log-key": { type: "string" },
      "origin-prefix": { type: "string" },
      enroll: { type: "string", multiple: true },
      origins: { type: "string" },
    } as const;
    ({ values } = parseArgs({ args: [...argv], options }));
  } catch (error) {
    return fail(messageOf(error));
  }
  const { state, name = DEFAULT_NAME, key, origins = DEFAULT_ORIGINS } = values;
  const listen = parseListen(values.listen ?? DEFAULT_LISTEN);
  if (listen === undefined) return fail("--listen is not ADDRESS:PORT, with [ ] around an IPv6 address.");
  if (state === undefined || state === "") return fail("--state names the directory that remembers the logs.");
  if (!isKeyName(name)) return fail("--name is not the name of a key: no blanks, no plus sign.");
  if (!/^[1-9][0-9]{0,6}$/.test(origins)) return fail("--origins is a number from 1 to 9999999.");
  const named = namedLogs(values.log ?? []);
  if (!named.ok) return named;
  const shared = await sharedLog(values["log-key"], values["origin-prefix"], cwd);
  if (!shared.ok) return shared;
  const enroll = values.enroll ?? [];
  if (!enroll.every(isPrefix))
    return fail('--enroll is the beginning of origins up to a "/", such as example.com/logs/.');
  if (named.value.size === 0 && shared.value === undefined && enroll.length === 0) {
    return fail("no log is trusted: give --log, --log-key with --origin-prefix, or --enroll.");
  }
  return ok({
    listen,
    state: resolve(cwd, state),
    name,
    key: key === undefined ? undefined : resolve(cwd, key),
    trust: { named: named.value, shared: shared.value, enroll },
    maximumLogs: Number(origins),
  });
}

function namedLogs(texts: readonly string[]): Result<LogTrust["named"], string> {
  const named = new Map<string, readonly VerifierKey[]>();
  for (const text of texts) {
    const key = parseVerifierKey(text, sha256);
    if (key?.algorithm !== "ed25519") return fail("--log is not a verifier key of a log: name+hash+base64.");
    named.set(key.name, [...(named.get(key.name) ?? []), key]);
  }
  return ok(named);
}

async function sharedLog(
  file: string | undefined,
  prefix: string | undefined,
  cwd: string,
): Promise<Result<LogTrust["shared"], string>> {
  if (file === undefined && prefix === undefined) return ok(undefined);
  if (file === undefined || prefix === undefined) return fail("--log-key and --origin-prefix belong together.");
  if (!isPrefix(prefix))
    return fail('--origin-prefix is the beginning of origins up to a "/", such as example.com/logs/.');
  try {
    const publicKey = publicKeyFromPem(await readFile(resolve(cwd, file), "utf8"));
    if (publicKey !== undefined) return ok({ prefix, publicKey });
    return fail('--log-key is not one PEM block "PUBLIC KEY" with an Ed25519 key.');
  } catch (error) {
    return fail(`--log-key cannot be read: ${messageOf(error)}`);
  }
}

/** Up to a slash: otherwise "team" would cover "team-of-others" too. */
function isPrefix(text: string): boolean {
  return isKeyName(text) && text.endsWith("/");
}

function parseListen(text: string): WitnessArguments["listen"] | undefined {
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, colon);
  const isBracketed = host.startsWith("[") && host.endsWith("]");
  const address = parseIpAddress(isBracketed ? host.slice(1, -1) : host);
  const port = text.slice(colon + 1) === "0" ? 0 : parsePort(text.slice(colon + 1));
  if (colon === -1 || address === undefined || port === undefined) return undefined;
  return isBracketed === address.includes(":") ? { host: address, port } : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
