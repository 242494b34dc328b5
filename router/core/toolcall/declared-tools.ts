import { fail, ok, type Result } from "../base/result.ts";
import { ADDITIONAL_FIELDS } from "../inference/additional-fields.ts";
import type { Api } from "../inference/api.ts";
import { isJsonObject } from "../inference/meter-member.ts";
import { spelling } from "../inference/inner-names.ts";
import type { Json } from "../json/json.ts";
import { MemberScan } from "../json/member-scan.ts";
import type { ScannedMember, ScannedObject } from "../json/scanned-object.ts";
import { isNull, isPlainlySpelled, knownNames, memberIn } from "./source-member.ts";
import { sourceTree } from "./source-tree.ts";
import type { DeclaredTool } from "./tool-call.ts";
import { serverTools } from "./server-tools.ts";
import { type ToolEntry, entryReader, toolEntries } from "./tool-entry.ts";
import { toolPlaces, toolPlan } from "./tool-plan.ts";
import { type ToolProblem, toolProblem } from "./tool-problem.ts";

/** One list of tools in a body. Offsets are of the body. */
export interface ToolList {
  /** The top-level member that is it, or holds it. */
  readonly member: string;
  readonly entries: readonly ToolEntry[];
}

/** The tools of a request, and what must be known to take some out. */
export interface ToolDeclarations {
  readonly api: Api;
  readonly tools: readonly DeclaredTool[];
  readonly lists: readonly ToolList[];
  /**
   * Tools that the provider runs, so that nobody here sees a call of them, by their names, or what stands for one (a type, a
   * member); undefined: one or more that have no name here. True: `withoutTools` takes out all that there is of it.
   */
  readonly hosted: ReadonlyMap<string | undefined, boolean>;
  /** The body, with the members that `toolPlan` captures; undefined: the API has no tools. */
  readonly object: ScannedObject | undefined;
}

const MOST_TOOLS = 1_024;

/**
 * Every tool that a request's body declares and its caller runs, those that OpenAI or Anthropic define included, and of a
 * provider's MCP servers those that an item of the list names; and what the provider runs. The body is scanned once more, and nothing of it parsed but its tools. A problem: it must not be sent, since what it declares is not sure.
 */
export function declaredTools(api: Api, chunks: readonly Uint8Array[]): Result<ToolDeclarations, ToolProblem> {
  const places = toolPlaces(api);
  if (places === undefined) return ok({ api, tools: [], lists: [], hosted: new Map(), object: undefined });
  const scan = new MemberScan(toolPlan(api));
  for (const chunk of chunks) scan.push(chunk);
  const scanned = scan.end();
  if (!scanned.ok) return toolProblem("unreadable", "", scanned.problem.sentence);
  const object = scanned.value;
  if (isElsewhere(api, object)) {
    return toolProblem(
      "elsewhere",
      "tools",
      "Tools stand where they cannot be judged: they belong into the list of tools.",
    );
  }
  if (object.members.has("toolConfig") && object.members.has("tool_config")) {
    return toolProblem("unreadable", "toolConfig", "The member toolConfig is there in two spellings.");
  }
  const lists: ToolList[] = [];
  for (const { name } of places.lists) {
    const member = object.members.get(name);
    const list = member === undefined ? ok(undefined) : readList(api, name, member, chunks);
    if (!list.ok) return list;
    if (list.value !== undefined) lists.push(list.value);
  }
  const tools: DeclaredTool[] = [];
  for (const { entries } of lists) collect(entries, tools);
  if (tools.length > MOST_TOOLS)
    return toolProblem("too_many_tools", "tools", `A request declares at most ${MOST_TOOLS} tools.`);
  const hosted = hostedIn(lists, places.servers, object, chunks);
  return hosted.ok ? ok({ api, tools, lists, hosted: hosted.value, object }) : hosted;
}

function hostedIn(
  lists: readonly ToolList[],
  servers: string | undefined,
  object: ScannedObject,
  chunks: readonly Uint8Array[],
): Result<ToolDeclarations["hosted"], ToolProblem> {
  const entries = lists.flatMap((list) => [...everyEntry(list.entries)]);
  const hosted = new Map<string | undefined, boolean>();
  for (const entry of entries) {
    for (const name of entry.hosted ?? []) {
      hosted.set(name, name !== undefined && name === entry.name && hosted.get(name) !== false);
    }
  }
  const member = servers === undefined ? undefined : object.members.get(servers);
  if (servers === undefined || member === undefined) return ok(hosted);
  const tree = sourceTree(joined(chunks, member.at, member.end));
  if (tree === undefined)
    return toolProblem("unreadable", servers, `The member ${servers} has more in it than any has.`);
  const more = serverTools(tree, new Set(entries.map(({ toolset }) => toolset)));
  if (!more.ok) return more;
  for (const name of more.value) hosted.set(name, false);
  return ok(hosted);
}

function* everyEntry(entries: readonly ToolEntry[]): Generator<ToolEntry> {
  for (const entry of entries) {
    yield entry;
    if (entry.inner !== undefined) yield* everyEntry(entry.inner);
  }
}

const CONFIG = knownNames("tools", "toolChoice");

function readList(
  api: Api,
  name: string,
  member: ScannedMember,
  chunks: readonly Uint8Array[],
): Result<ToolList | undefined, ToolProblem> {
  const tree = sourceTree(joined(chunks, member.at, member.end));
  if (tree === undefined) return toolProblem("unreadable", name, `The member ${name} has more in it than any has.`);
  if (isNull(tree)) return ok(undefined);
  const isHolder = name === "toolConfig";
  if (isHolder && (tree.kind !== "object" || !isPlainlySpelled(tree, CONFIG))) {
    return toolProblem("unreadable", name, `The member ${name} is not of its API's form.`);
  }
  const list = isHolder ? memberIn(tree, "tools") : tree;
  if (list === undefined) return ok(undefined);
  const entries = toolEntries(list, entryReader(api, name));
  return entries.ok
    ? ok({ member: name, entries: entries.value.map((entry) => moved(entry, member.at)) })
    : fail(entries.problem);
}

/** The offsets of a member's text as those of the body. */
function moved(entry: ToolEntry, by: number): ToolEntry {
  const inner = entry.inner?.map((one) => moved(one, by));
  return { ...entry, at: entry.at + by, end: entry.end + by, inner };
}

function collect(entries: readonly ToolEntry[], into: DeclaredTool[]): void {
  for (const { name, at, end, inner } of entries) {
    if (name !== undefined) into.push({ name, from: at, to: end });
    if (inner !== undefined) collect(inner, into);
  }
}

/** Items of the input of `responses` can bring tools with them, and of `converse` the fields that go on as they stand. */
function isElsewhere(api: Api, { members, counts }: ScannedObject): boolean {
  if (api === "converse") {
    const fields = members.get(ADDITIONAL_FIELDS)?.value;
    return isJsonObject(fields) && Object.entries(fields).some(([name, value]) => isToolList(name) && holdsAny(value));
  }
  if (api !== "responses") return false;
  const list = members.get("tools");
  const within = list === undefined ? 0 : 1 + countOfTools(list.value);
  return (counts.get("tools") ?? 0) > within;
}

function isToolList(name: string): boolean {
  const spelled = spelling(name);
  return spelled === "tools" || spelled === "toolconfig" || spelled === "functions" || spelled === "mcpservers";
}

function holdsAny(value: Json): boolean {
  return value !== null && !(Array.isArray(value) && value.length === 0);
}

function countOfTools(value: Json): number {
  if (typeof value !== "object" || value === null) return 0;
  const own = isJsonObject(value) && Object.hasOwn(value, "tools") ? 1 : 0;
  return Object.values<Json>(value).reduce<number>((sum, inner) => sum + countOfTools(inner), own);
}

/** A copy of the octets from `from` to before `to`, which the plan has bounded. */
function joined(chunks: readonly Uint8Array[], from: number, to: number): Uint8Array {
  const whole = new Uint8Array(to - from);
  let base = 0;
  for (const chunk of chunks) {
    const begin = Math.max(from, base);
    const end = Math.min(to, base + chunk.length);
    if (begin < end) whole.set(chunk.subarray(begin - base, end - base), begin - from);
    base += chunk.length;
  }
  return whole;
}
