import type { AuditValue } from "../../core/audit/audit-event.ts";
import { canonicalJson } from "../../core/audit/canonical-json.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { JsonObject } from "../../core/peer/agent-card.ts";
import { withoutDefaults } from "../../core/peer/card-defaults.ts";
import { readRegularFile } from "../../edge/sources/regular-file.ts";
import { type AgentIdentity, agentIdentity } from "./agent-identity.ts";
import { strictObject } from "./strict-json.ts";
import { MOST_CARD_OCTETS } from "./verify-card.ts";

export interface OwnCardOptions {
  readonly cardFile: string | undefined;
  readonly identityKeyFile: string | undefined;
  /** The key is there, for the first time. */
  known(identity: AgentIdentity): void;
  /** What is wrong has changed. */
  problem(sentence: string): void;
}

/** The kubelet needs up to a minute until a changed file is there. */
const LOOK_MILLIS = 15_000;

/** This agent's own card: the operator's file, signed with the agent's key; read again and again. */
export class OwnCard {
  /** With its `signatures`; undefined: none is served. */
  card: JsonObject | undefined;
  identity: AgentIdentity | undefined;
  /** Why none is served although one is configured. */
  problem: string | undefined;
  readonly #options: OwnCardOptions;
  #timer: NodeJS.Timeout | undefined;
  #signed: string | undefined;

  constructor(options: OwnCardOptions) {
    this.#options = options;
  }

  async begin(): Promise<void> {
    const { cardFile } = this.#options;
    if (cardFile === undefined) return;
    await this.#look(cardFile);
    this.#timer = setInterval(() => void this.#look(cardFile), LOOK_MILLIS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(file: string): Promise<void> {
    const made = await this.#make(file);
    const problem = made.ok ? undefined : made.problem;
    if (!made.ok) {
      this.card = undefined;
      this.#signed = undefined;
      if (made.problem !== this.problem) this.#options.problem(made.problem);
    }
    this.problem = problem;
  }

  async #make(file: string): Promise<Result<void, string>> {
    if (this.identity === undefined) {
      const identity = await agentIdentity(this.#options.identityKeyFile);
      if (!identity.ok) return identity;
      this.identity = identity.value;
      this.#options.known(identity.value);
    }
    const read = await readRegularFile(file, MOST_CARD_OCTETS);
    if (!read.ok) return fail(`${file}: the card cannot be read (${read.problem.kind}).`);
    const text = read.value.bytes.toString("latin1");
    if (text === this.#signed) return ok(undefined);
    const card = strictObject(read.value.bytes);
    if (card === undefined) return fail(`${file}: the card is no JSON object that all readers take alike.`);
    if (Object.hasOwn(card, "signatures")) return fail(`${file}: the card is signed here, and must not be signed yet.`);
    const signed = signCard(card, this.identity);
    if (signed === undefined) return fail(`${file}: the card has no canonical form.`);
    this.card = signed;
    this.#signed = text;
    return ok(undefined);
  }
}

/**
 * The card with one signature (A2A 1.0 section 8.4.2). What has its default value is left out of what is served too, so
 * that all verifiers see what was signed. Undefined where the card has no RFC 8785 form.
 */
export function signCard(card: JsonObject, identity: AgentIdentity): JsonObject | undefined {
  const served = withoutDefaults(card);
  const form = canonicalJson(served as AuditValue);
  if (form === undefined) return undefined;
  const head = Buffer.from(JSON.stringify({ alg: "EdDSA", kid: identity.kid, typ: "JOSE" })).toString("base64url");
  const signature = identity.sign(`${head}.${Buffer.from(form).toString("base64url")}`);
  return Object.fromEntries([...Object.entries(served), ["signatures", [{ protected: head, signature }]]]);
}
