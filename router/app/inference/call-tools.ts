import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Json } from "../../core/json/json.ts";
import { splice } from "../../core/json/splice.ts";
import type { ToolAction } from "../../core/governance/action.ts";
import type { Api } from "../../core/inference/api.ts";
import { toolCallsOf } from "../../core/toolcall/answer-calls.ts";
import { declaredTools } from "../../core/toolcall/declared-tools.ts";
import type { CallJudge } from "../../core/toolcall/open-calls.ts";
import type { ToolProblem } from "../../core/toolcall/tool-problem.ts";
import { withoutTools } from "../../core/toolcall/without-tools.ts";
import { safeText } from "../../core/wire/safe-text.ts";
import { decisionRecord } from "../governance/governance-record.ts";
import type { Governed } from "../governance/governor.ts";
import type { CallProblem } from "./call-problem.ts";
import { editedBody, type HeldBody } from "./held-body.ts";
import type { InferenceRooms } from "./inference-rooms.ts";

/** Tools that a record names, and units of each name. */
const MOST_NAMED = 64;
const MOST_NAME = 128;

type ToolRooms = Pick<InferenceRooms, "clock" | "governor" | "governance" | "recordSoon">;

/**
 * The tools of one call to a model: those that its request declares, and those that the answer calls. They are run by the
 * agent; so what the policy refuses does not reach it.
 */
export class CallTools implements CallJudge {
  /** What the policy refused last; undefined: nothing. */
  refusal: { readonly rule: string | undefined; readonly detail: string } | undefined;
  readonly #rooms: ToolRooms;
  readonly #request: string;
  readonly #model: string;

  constructor(rooms: ToolRooms, request: string, model: string) {
    this.#rooms = rooms;
    this.#request = request;
    this.#model = model;
  }

  /** The body without the tools no call of which could be allowed; the very same where there are none. */
  declared(api: Api, body: HeldBody): Result<HeldBody, CallProblem> {
    const declarations = declaredTools(api, body.chunks);
    if (!declarations.ok) return fail(problemOf(declarations.problem));
    const names = new Set(declarations.value.tools.map(({ name }) => name));
    const refused = new Map<string, Governed>();
    for (const name of names) {
      const judged = this.#rooms.governor.declared(this.#action(name, { state: "pending" }));
      if (judged.kind === "refused") refused.set(name, judged);
    }
    const [first] = refused;
    if (first === undefined) return ok(body);
    this.#recordDeclared([...refused.keys()], first);
    if (this.#rooms.governor.deniedTools() === "refuse") {
      const [, judged] = first;
      const rule = judged.rule === undefined ? {} : { rule: judged.rule };
      return fail({
        reason: "governance_denied",
        detail: "It declares a tool that is refused.",
        param: "tools",
        ...rule,
      });
    }
    const edits = withoutTools(declarations.value, new Set(refused.keys()));
    if (!edits.ok) return fail(problemOf(edits.problem));
    const edited = editedBody(splice(body.chunks, edits.value), api);
    return edited.ok ? edited : fail({ reason: edited.problem.reason, detail: edited.problem.detail });
  }

  judge(name: string): "allow" | "deny" | "needs_arguments" {
    const action = this.#action(name, { state: "pending" });
    if (this.#rooms.governor.needsArguments(action)) return "needs_arguments";
    return this.#decide(action);
  }

  judgeCall(name: string, argumentsText: string | undefined): "allow" | "deny" {
    const value = argumentsText === undefined ? undefined : parsed(argumentsText);
    return this.#decide(this.#action(name, value === undefined ? { state: "missing" } : { state: "known", value }));
  }

  /** Whether every call in a whole answer is allowed. */
  allows(api: Api, answer: Uint8Array): boolean {
    const calls = toolCallsOf(api, answer);
    if (!calls.ok) {
      this.refusal = { rule: undefined, detail: calls.problem.sentence };
      return false;
    }
    return calls.value.every(({ name, arguments: text }) => this.judgeCall(name, text) === "allow");
  }

  #decide(action: ToolAction): "allow" | "deny" {
    const governed = this.#rooms.governor.judge(action, true);
    this.#record(action, governed);
    if (governed.kind === "allowed") {
      // The agent runs it, and nobody tells the router how it ends.
      governed.ended("unknown", 0);
      return "allow";
    }
    const how = governed.reason === "approval_required" ? " It needs an approval." : "";
    this.refusal = { rule: governed.rule, detail: `The model calls a tool that is refused.${how}` };
    return "deny";
  }

  /** One record, however many there are: a request may declare a thousand tools that nobody knows. */
  #recordDeclared(names: readonly string[], [first, governed]: readonly [name: string, Governed]): void {
    const { clock, governance, recordSoon } = this.#rooms;
    const action = this.#action(first, { state: "pending" });
    const event = decisionRecord({ id: this.#request, at: clock.now(), action, governed, digest: governance.digest });
    const tools = names.slice(0, MOST_NAMED).map((name) => safeText(name, MOST_NAME));
    recordSoon({ ...event, detail: { declared: names.length, tools } });
  }

  #record(action: ToolAction, governed: Governed): void {
    const { clock, governance, recordSoon } = this.#rooms;
    recordSoon(
      decisionRecord({
        id: this.#request,
        at: clock.now(),
        action,
        governed,
        digest: (text) => governance.digest(text),
      }),
    );
  }

  #action(tool: string, known: ToolAction["arguments"]): ToolAction {
    return { kind: "tool", server: "function", tool, arguments: known, model: this.#model };
  }
}

function problemOf({ code, sentence, param }: ToolProblem): CallProblem {
  const isRefusal = code === "chosen_tool_denied" || code === "tools_needed";
  return {
    reason: isRefusal ? "governance_denied" : "malformed_request",
    detail: sentence,
    ...(param === "" ? {} : { param }),
  };
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
