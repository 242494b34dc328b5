import { assertNever } from "../base/assert-never.ts";
import type { CallMark, CallText } from "./call-mark.ts";
import { strictArguments } from "./strict-arguments.ts";

/** What the policy says of the calls in an answer. Each is asked once for a call, however often the answer repeats it. */
export interface CallJudge {
  /** By its name alone: decided, or not to be decided without its arguments. */
  judge(name: string): "allow" | "deny" | "needs_arguments";
  /** Asked after `needs_arguments`; strict JSON text, or undefined where nothing is known of the arguments. */
  judgeCall(name: string, argumentsText: string | undefined): "allow" | "deny";
}

/** Why a stream cannot go on. `name`: the call's, so far as it is known. */
export interface DeniedCall {
  readonly name: string | undefined;
  /**
   * `denied`: the policy's word. `changed`: a call says another name, or goes on after it was judged. `unnamed`: a call without
   * a name. `unreadable`: a frame may hold a call that cannot be told for sure.
   */
  readonly why: "denied" | "changed" | "unnamed" | "unreadable" | "too_many_calls" | "held_too_much";
}

/** A call under way. */
export interface OpenCall {
  /** Frames with parts of it may go on. */
  readonly isAllowed: boolean;
}

interface Call {
  name: string | undefined;
  text: string;
  form: CallText["form"] | undefined;
  isAllowed: boolean;
  isHosted: boolean;
  isEnded: boolean;
  /** By which arguments it was allowed; undefined: by its name, or not yet. */
  judged: Judged | undefined;
}

interface Judged {
  /** Undefined: nothing was known of them. */
  readonly text: string | undefined;
}

const MOST_CALLS = 1_024;
/** UTF-16 units of what was judged that are kept, to know it when it is said once more. */
const MOST_KEPT = 1_048_576;

/** The calls of one streamed answer, judged as soon as enough of them is there. */
export class OpenCalls {
  readonly #judge: CallJudge;
  readonly #repeats: boolean;
  readonly #calls = new Map<string, Call>();
  /** Of lists of calls: whether those have places, and the key of a call that is the only one. */
  readonly #groups = new Map<string, { readonly isPlaced: boolean; only: string | undefined }>();
  /** Calls that were allowed and not said once more yet: by their name, and their arguments where those decided. */
  readonly #allowed = new Map<string, number>();
  #kept = 0;
  #count = 0;

  /** `repeats`: the stream says at its end all of its calls once more. */
  constructor(judge: CallJudge, repeats: boolean) {
    this.#judge = judge;
    this.#repeats = repeats;
  }

  /** No call has begun. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** The calls that the mark belongs to and a frame with it must wait for, or why the stream ends. */
  take(mark: CallMark): readonly OpenCall[] | DeniedCall {
    switch (mark.kind) {
      case "piece":
        return this.#piece(mark.key, mark);
      case "listed": {
        const key = this.#listed(mark);
        return key === undefined ? { name: mark.name, why: "unreadable" } : this.#piece(key, mark);
      }
      case "whole":
        return mark.key === undefined ? this.#whole(mark) : this.#completed(mark.key, mark);
      case "echo":
        return this.#echo(mark);
      case "hosted":
        return this.#hosted(mark.key);
      case "end":
        return this.#end(mark.prefix, mark.forgets);
      default:
        return assertNever(mark);
    }
  }

  #open(key: string): Call | DeniedCall {
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    this.#count += 1;
    if (this.#count > MOST_CALLS) return { name: undefined, why: "too_many_calls" };
    const call: Call = {
      name: undefined,
      text: "",
      form: undefined,
      isAllowed: false,
      isHosted: false,
      isEnded: false,
      judged: undefined,
    };
    this.#calls.set(key, call);
    return call;
  }

  #piece(key: string, { name, text, form }: CallText): readonly OpenCall[] | DeniedCall {
    const call = this.#open(key);
    if ("why" in call) return call;
    const isMore = text !== undefined && text !== "";
    if (call.isHosted || call.isEnded) {
      return name !== undefined || (isMore && !call.isHosted) ? { name: call.name, why: "changed" } : [];
    }
    // Of two names some clients take the first, some the last, some both together.
    if (name !== undefined && call.name !== undefined) return { name: call.name, why: "changed" };
    // A part that says nothing has no form of its own; a call of two forms has none that is known.
    if (name !== undefined || isMore) call.form = call.form === undefined || call.form === form ? form : "unknown";
    if (name !== undefined) {
      const denied = this.#named(call, name);
      if (denied !== undefined) return denied;
    }
    if (isMore && !call.isAllowed) call.text += text;
    return [call];
  }

  /** The call's key; undefined: what has no place, some clients add to the last call, and some to the first place. */
  #listed({ group, place, id }: Extract<CallMark, { kind: "listed" }>): string | undefined {
    const known = this.#groups.get(group);
    const first = `${group}#0`;
    const key = place !== undefined ? `${group}#${place}` : id !== "" ? `${group}@${id}` : (known?.only ?? first);
    const isPlaced = place !== undefined || (id === "" && known?.isPlaced !== false);
    if (known === undefined) this.#groups.set(group, { isPlaced, only: key });
    else if (known.isPlaced !== isPlaced) return undefined;
    else if (place === undefined && id === "" && (known.only === undefined || (isPlaced && known.only !== first))) {
      return undefined;
    } else if (known.only !== key) known.only = undefined;
    return key;
  }

  #named(call: Call, name: string): DeniedCall | undefined {
    call.name = name;
    const verdict = this.#judge.judge(name);
    if (verdict === "deny") return { name, why: "denied" };
    if (verdict === "needs_arguments") return undefined;
    call.isAllowed = true;
    this.#remember(name);
    return undefined;
  }

  #hosted(key: string): readonly OpenCall[] | DeniedCall {
    const call = this.#open(key);
    if ("why" in call) return call;
    if (call.isHosted) return [];
    if (call.name !== undefined || call.text !== "") return { name: call.name, why: "changed" };
    call.isHosted = true;
    call.isAllowed = true;
    return [call];
  }

  /** A call without pieces. */
  #whole({ name, text, form }: CallText): readonly OpenCall[] | DeniedCall {
    this.#count += 1;
    if (this.#count > MOST_CALLS) return { name, why: "too_many_calls" };
    if (name === undefined) return { name, why: "unnamed" };
    const verdict = this.#judge.judge(name);
    if (verdict === "deny") return { name, why: "denied" };
    if (verdict === "allow") {
      this.#remember(name);
      return [];
    }
    return this.#judged(name, argumentsOf(text, form)) ?? [];
  }

  #judged(name: string, text: string | undefined): DeniedCall | undefined {
    if (this.#judge.judgeCall(name, text) === "deny") return { name, why: "denied" };
    this.#remember(name, { text });
    return undefined;
  }

  /** All of a call is said at once; pieces of it may have come before. */
  #completed(key: string, { name, text, form }: CallText): readonly OpenCall[] | DeniedCall {
    const call = this.#open(key);
    if ("why" in call) return call;
    if (call.isHosted) return name === undefined ? [] : { name, why: "changed" };
    if (name !== undefined && call.name !== undefined && name !== call.name) return { name: call.name, why: "changed" };
    if (call.name === undefined) {
      if (name === undefined) return { name, why: "unnamed" };
      const denied = this.#named(call, name);
      if (denied !== undefined) return denied;
    }
    const known = call.name;
    if (known === undefined || (call.isAllowed && call.judged === undefined)) {
      call.isEnded = true;
      return [];
    }
    const whole = argumentsOf(text, form);
    // A client may have put the pieces together, or take what is said here.
    const denied = this.#settle(call, known) ?? this.#differs(call, known, whole);
    return denied ?? [];
  }

  /** Judges what has come in pieces; where none has, what is said whole is all. */
  #settle(call: Call, name: string): DeniedCall | undefined {
    call.isEnded = true;
    if (call.judged !== undefined || call.text === "") return undefined;
    return this.#judgedOf(call, name, argumentsOf(call.text, call.form ?? "unknown"));
  }

  #differs(call: Call, name: string, text: string | undefined): DeniedCall | undefined {
    if (call.judged !== undefined && call.judged.text === text) return undefined;
    return this.#judgedOf(call, name, text);
  }

  #judgedOf(call: Call, name: string, text: string | undefined): DeniedCall | undefined {
    const denied = this.#judged(name, text);
    if (denied !== undefined) return denied;
    call.judged = { text };
    call.isAllowed = true;
    return undefined;
  }

  #end(prefix: string, forgets: boolean): readonly OpenCall[] | DeniedCall {
    for (const [key, call] of this.#calls) {
      if (!key.startsWith(prefix)) continue;
      if (!call.isEnded && !call.isHosted) {
        call.isEnded = true;
        if (call.name === undefined) return { name: undefined, why: "unnamed" };
        if (!call.isAllowed) {
          const denied = this.#judgedOf(call, call.name, argumentsOf(call.text, call.form ?? "unknown"));
          if (denied !== undefined) return denied;
        }
        call.text = "";
      }
      if (forgets) this.#calls.delete(key);
    }
    return [];
  }

  #echo({ name, text, form }: CallText): readonly OpenCall[] | DeniedCall {
    if (name === undefined) return { name, why: "unnamed" };
    if (this.#recall(name) || this.#recall(name, { text: argumentsOf(text, form) })) return [];
    return this.#whole({ name, text, form });
  }

  #remember(name: string, judged?: Judged): void {
    if (!this.#repeats) return;
    const key = memoryKey(name, judged);
    this.#kept += key.length;
    if (this.#kept <= MOST_KEPT) this.#allowed.set(key, (this.#allowed.get(key) ?? 0) + 1);
  }

  #recall(name: string, judged?: Judged): boolean {
    const key = memoryKey(name, judged);
    const count = this.#allowed.get(key) ?? 0;
    if (count === 0) return false;
    this.#allowed.set(key, count - 1);
    return true;
  }
}

/** No two calls that were judged otherwise have the same. `judged` undefined: by the name alone. */
function memoryKey(name: string, judged: Judged | undefined): string {
  const how = judged === undefined ? "name" : judged.text === undefined ? "missing" : `text ${judged.text}`;
  return `${name.length} ${name} ${how}`;
}

/** What is to be judged: strict JSON text. */
export function argumentsOf(text: string | undefined, form: CallText["form"]): string | undefined {
  switch (form) {
    case "unknown":
      return undefined;
    case "free":
      return text?.isWellFormed() === true ? JSON.stringify(text) : undefined;
    case "optional":
      return text === undefined || text === "" ? "{}" : strictArguments(text);
    case "json":
      return text === undefined ? undefined : strictArguments(text);
    default:
      return assertNever(form);
  }
}
