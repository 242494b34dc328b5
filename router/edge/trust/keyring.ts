import { join } from "node:path";
import type { DocumentProblem } from "../../core/base/problem.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { quoted } from "../../core/document/quoted.ts";
import { parseSignerPolicy } from "../../core/policy/parse-signer-policy.ts";
import type { Signer, SigningRequirement } from "../../core/policy/signer-policy.ts";
import { type CertificateSigner, textMatcher } from "./certificate-signer.ts";
import { type KeySigner, keySigner } from "./key-signer.ts";
import { loadSigstore, type Sigstore } from "./load-sigstore.ts";
import { readPublicKey } from "./public-key.ts";
import { readCapped } from "./read-capped.ts";
import { type CertificateRoot, readTrustedRoot } from "./trusted-root.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Who may sign a kind, with keys and matchers made ready. Keys and certificates never share a verifier. */
export interface KindRequirement {
  /** False only where the operator wrote that this kind may be unsigned. */
  readonly required: boolean;
  /** At least 1. */
  readonly threshold: number;
  readonly keys: readonly KeySigner[];
  readonly certificates: readonly CertificateSigner[];
}

/** The trust directory, read and checked. Without one there is nothing to verify with, so nothing verifies. */
export interface Keyring {
  readonly sigstore: Sigstore;
  readonly requirements: ReadonlyMap<string, KindRequirement>;
  readonly roots: readonly CertificateRoot[];
}

const SIGNERS_FILE = "signers.yaml";
const MAXIMUM_SIGNERS_FILE = 256 * 1024;
const MAXIMUM_KEY_FILE = 16 * 1024;
const MAXIMUM_ROOT_FILE = 1024 * 1024;

/**
 * Reads `signers.yaml` and every file it names in the trust directory. All problems at once; any problem
 * refuses the whole, because trust that is partly broken must not quietly become less trust.
 */
export async function loadKeyring(directory: string): Promise<Result<Keyring, readonly DocumentProblem[]>> {
  const loading = new KeyringLoading(directory, await loadSigstore());
  const source = await loading.text(SIGNERS_FILE, MAXIMUM_SIGNERS_FILE);
  if (source === undefined) return fail(loading.problems);
  const policy = parseSignerPolicy(join(directory, SIGNERS_FILE), source);
  if (!policy.ok) return policy;
  const { signers, requirements, trustedRootFiles } = policy.value;
  for (const file of trustedRootFiles) await loading.root(file);
  for (const signer of signers) await loading.signer(signer);
  if (loading.problems.length > 0) return fail(loading.problems);
  return ok({
    sigstore: loading.sigstore,
    requirements: new Map(requirements.map((one) => [one.documentKind, loading.requirement(one)])),
    roots: loading.roots,
  });
}

/** Collects what is found, and what is wrong, until the whole directory has been looked at. */
class KeyringLoading {
  readonly sigstore: Sigstore;
  readonly problems: DocumentProblem[] = [];
  readonly roots: CertificateRoot[] = [];
  readonly #directory: string;
  readonly #keys = new Map<string, KeySigner>();
  readonly #certificates = new Map<string, CertificateSigner>();

  constructor(directory: string, sigstore: Sigstore) {
    this.#directory = directory;
    this.sigstore = sigstore;
  }

  /** The text of a file of the directory; undefined, with the problem noted, where it cannot be read. */
  async text(file: string, limit: number): Promise<string | undefined> {
    const read = await readCapped(join(this.#directory, file), limit);
    if (!read.ok) return this.#note(file, `file_${read.problem.code}`, read.problem.message);
    return decodeUtf8(read.value) ?? this.#note(file, "not_utf8", "The file is not UTF-8 text.");
  }

  async root(file: string): Promise<void> {
    const text = await this.text(file, MAXIMUM_ROOT_FILE);
    if (text === undefined) return;
    const root = readTrustedRoot(this.sigstore, text);
    if (root.ok) this.roots.push(root.value);
    else this.#note(file, "bad_trusted_root", root.problem);
  }

  async signer(signer: Signer): Promise<void> {
    if (signer.kind === "certificate") return this.#certificate(signer);
    const text = await this.text(signer.publicKeyFile, MAXIMUM_KEY_FILE);
    if (text === undefined) return;
    const key = readPublicKey(text);
    if (!key.ok) return this.#note(signer.publicKeyFile, key.problem.code, key.problem.message);
    // The parser compares file names only; the same key may lie in two files.
    const twin = [...this.#keys.values()].find(({ hint }) => hint === key.value.hint);
    if (twin === undefined) return void this.#keys.set(signer.id, keySigner(this.sigstore, signer.id, key.value));
    const message = `The signers ${quoted(twin.id)} and ${quoted(signer.id)} have the same key, so its holder would count twice.`;
    this.#note(signer.publicKeyFile, "duplicate_key", message);
  }

  /** The parser has seen to it that every id is defined and the threshold can be met. */
  requirement({ required, threshold, signers }: SigningRequirement): KindRequirement {
    return {
      required,
      threshold,
      keys: signers.flatMap((id) => this.#keys.get(id) ?? []),
      certificates: signers.flatMap((id) => this.#certificates.get(id) ?? []),
    };
  }

  #certificate({ id, identity, issuer }: Signer & { readonly kind: "certificate" }): void {
    const matchers = { identity: textMatcher(identity), issuer: textMatcher(issuer) };
    for (const matcher of Object.values(matchers)) {
      if (!matcher.ok) this.#note(SIGNERS_FILE, "bad_pattern", `Signer ${quoted(id)}: ${matcher.problem}`);
    }
    if (!matchers.identity.ok || !matchers.issuer.ok) return;
    this.#certificates.set(id, { id, identity: matchers.identity.value, issuer: matchers.issuer.value });
  }

  #note(file: string, code: string, message: string): undefined {
    this.problems.push({ file: join(this.#directory, file), line: 0, column: 0, code, message });
  }
}
