import { assertNever } from "../base/assert-never.ts";
import type { Api } from "./api.ts";
import type { Findings } from "./frame-findings.ts";
import { LongSkim } from "./frame-long-skim.ts";
import { FrameSkim } from "./frame-skim.ts";
import { type SkimKey, skimTable, type SkimTable } from "./frame-skim-table.ts";
import type { MeterState } from "./meter-state.ts";
import { geminiReader } from "./meter-gemini.ts";
import type { ObjectReader } from "./meter-reader.ts";
import { ollamaReader } from "./meter-ollama.ts";
import type { MeteredBody } from "./meter-body.ts";

const SPACE = 0x20;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

/**
 * An answer that is one JSON object, handed on as it comes and not held: most come in one chunk and are seen over
 * once, the others are followed octet by octet.
 */
export class DocumentBody implements MeteredBody {
  readonly #objects: ObjectReader;
  readonly #state: MeterState;
  #long: LongSkim | undefined;
  /** Nothing but octets of a byte order mark has come, so many. */
  #first = true;
  #marked = 0;
  #stopped = false;

  constructor(api: Api, state: MeterState) {
    this.#objects = documentReader(api);
    this.#state = state;
  }

  push(chunk: Uint8Array, emit: (bytes: Uint8Array) => void): void {
    if (this.#stopped || chunk.length === 0) return;
    emit(chunk);
    if (this.#state.garbage === undefined) this.#state.garbage = this.#read(chunk);
    if (this.#state.garbage !== undefined) this.#state.ended = false;
  }

  end(): void {
    this.#stopped = true;
  }

  stop(): boolean {
    this.#stopped = true;
    return this.#first;
  }

  /** Returns what is wrong with the body. */
  #read(chunk: Uint8Array): string | undefined {
    let from = 0;
    if (this.#first) {
      while (from < chunk.length && chunk[from] === BYTE_ORDER_MARK[this.#marked]) {
        from++;
        this.#marked++;
      }
      if (from === chunk.length) return undefined;
      this.#first = false;
      const skim = new FrameSkim(this.#objects.table);
      const end = skim.run(chunk, skipSpace(chunk, from), chunk.length);
      if (end >= 0) {
        this.#found(skim.findings);
        from = end;
      }
    }
    if (!this.#state.ended) {
      this.#long ??= new LongSkim(this.#objects.table);
      from = this.#long.push(chunk, from, chunk.length);
      if (from < 0) return "The body is not a JSON object.";
      if (this.#long.done) this.#found(this.#long.findings);
    }
    return skipSpace(chunk, from) === chunk.length ? undefined : "The body goes on after its JSON object.";
  }

  #found(findings: Findings): void {
    this.#objects.read(findings, this.#state);
    this.#state.ended = true;
  }
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && (bytes[at] ?? 0) <= SPACE) at++;
  return at;
}

const ID = 0;
const MODEL = 1;
const USAGE = 2;
const FINISH = 3;
const ERROR = 4;
const METRICS = 5;
const CALLS = 6;

/** Members in which models write, wherever they stand. */
const TEXTS = ["content", "text", "thinking", "reasoning_content", "reasoning", "refusal", "arguments", "generation"];
const MORE_TEXTS = ["outputText", "completion", "code"];

function table(finish: SkimKey): SkimTable {
  return skimTable([
    { name: "id", depth: 1, as: "value" },
    { name: "model", depth: 1, as: "value" },
    { name: "usage", depth: 1, as: "value" },
    finish,
    { name: "error", depth: 1, as: "value" },
    { name: "amazon-bedrock-invocationMetrics", depth: 1, as: "value" },
    { name: "toolUse", as: "value" },
    ...[...TEXTS, ...MORE_TEXTS].map((name): SkimKey => ({ name, as: "text" })),
  ]);
}

function reader(finish: string, depth: number): ObjectReader {
  return {
    table: table({ name: finish, depth, as: "value" }),
    read: (found, state) => {
      if (found.textOctets > 0 || found.has(CALLS)) state.content(found.textOctets);
      state.identify(found.json(ID), found.json(MODEL));
      for (const reason of found.all(FINISH)) state.finish(reason);
      if (found.has(USAGE)) state.state(found.json(USAGE));
      if (found.has(METRICS)) state.state(found.json(METRICS));
      if (found.has(ERROR)) state.fail(found.json(ERROR));
      return false;
    },
  };
}

const CHOICES = reader("finish_reason", 3);
const STATUS = reader("status", 1);
const STOP_REASON = reader("stop_reason", 1);
const CONVERSE = reader("stopReason", 1);

function documentReader(api: Api): ObjectReader {
  switch (api) {
    case "chat":
    case "completions":
    case "embeddings":
      return CHOICES;
    case "responses":
      return STATUS;
    case "messages":
    case "count_tokens":
    case "invoke":
      return STOP_REASON;
    case "converse":
      return CONVERSE;
    case "generate_content":
    case "gemini_count_tokens":
    case "gemini_embed":
    case "gemini_embed_batch":
      return geminiReader;
    case "ollama_chat":
    case "ollama_generate":
    case "ollama_embed":
      return ollamaReader;
    default:
      return assertNever(api);
  }
}
