import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fail, ok, type Result } from "../../router/core/base/result.ts";
import { readCapped } from "../../router/edge/trust/read-capped.ts";
import { decodeUtf8 } from "../../router/edge/trust/utf8.ts";
import type { TrustFiles } from "./namespace-objects.ts";

/** As a ConfigMap takes it, with room for its metadata. */
const MOST_OCTETS = 1_000_000;
const MOST_FILES = 128;
const KEY = /^[-._a-zA-Z0-9]{1,253}$/;

/** The files of the trust directory, those that begin with a dot (and the kubelet's own) left out. The problem is one sentence. */
export async function readTrustFiles(directory: string): Promise<Result<TrustFiles, string>> {
  const names = await readdir(directory).catch(() => undefined);
  if (names === undefined) return fail(`The trust directory ${directory} cannot be read.`);
  const files = names.filter((name) => !name.startsWith(".")).toSorted();
  if (files.length > MOST_FILES) return fail(`The trust directory ${directory} has more than ${MOST_FILES} files.`);
  const data: Record<string, string> = {};
  let octets = 0;
  for (const name of files) {
    if (!KEY.test(name)) return fail(`The trust directory ${directory} has a file whose name no ConfigMap can hold.`);
    const read = await readCapped(join(directory, name), MOST_OCTETS);
    if (!read.ok) return fail(`${name} of the trust directory: ${read.problem.message}`);
    const text = decodeUtf8(read.value);
    if (text === undefined) return fail(`${name} of the trust directory is not UTF-8 text.`);
    octets += read.value.length + name.length;
    if (octets > MOST_OCTETS) return fail(`The trust directory ${directory} has more than ${MOST_OCTETS} octets.`);
    data[name] = text;
  }
  if (data["signers.yaml"] === undefined) return fail(`The trust directory ${directory} has no signers.yaml.`);
  return ok({ data });
}
