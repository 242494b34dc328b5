import { ok, type Result } from "../base/result.ts";
import { hostedNames, isNull, isPlainlySpelled, isToolName, knownNames, memberIn, textIn } from "./source-member.ts";
import type { SourceNode, SourceObject } from "./source-tree.ts";
import { type ToolProblem, toolProblem } from "./tool-problem.ts";

/** Tools by their names; undefined: one or more whose names nobody says. */
export type HostedTools = readonly (string | undefined)[];

const UNREADABLE = toolProblem(
  "unreadable",
  "mcp_servers",
  "What it says of MCP servers is not of its API's form, or one that readers take in different ways.",
);

const SERVER = knownNames("name", "tool_configuration");
const CONFIGURATION = knownNames("enabled", "allowed_tools");

/**
 * The tools of Anthropic's `mcp_servers` ("MCP connector"). Of a server with a tool set (`toolsets` holds its name) the
 * set says them.
 */
export function serverTools(
  servers: SourceNode,
  toolsets: ReadonlySet<string | undefined>,
): Result<HostedTools, ToolProblem> {
  if (isNull(servers)) return ok([]);
  if (servers.kind !== "list") return UNREADABLE;
  const hosted: (string | undefined)[] = [];
  for (const item of servers.items) {
    if (item.kind !== "object" || !isPlainlySpelled(item, SERVER)) return UNREADABLE;
    const configuration = memberIn(item, "tool_configuration");
    const name = textIn(item, "name");
    if (configuration === undefined && name !== undefined && toolsets.has(name)) continue;
    const tools = configuration === undefined ? ok([undefined]) : configuredTools(configuration);
    if (!tools.ok) return tools;
    hosted.push(...tools.value);
  }
  return ok(hosted);
}

/** The form of 2025-04-04. */
function configuredTools(configuration: SourceNode): Result<HostedTools, ToolProblem> {
  if (configuration.kind !== "object" || !isPlainlySpelled(configuration, CONFIGURATION)) return UNREADABLE;
  if (isOff(configuration)) return ok([]);
  const allowed = memberIn(configuration, "allowed_tools");
  if (allowed === undefined) return ok([undefined]);
  if (allowed.kind !== "list") return UNREADABLE;
  const names: string[] = [];
  for (const name of allowed.items) {
    if (name.kind !== "text" || !isToolName(name.value)) return UNREADABLE;
    names.push(name.value);
  }
  return ok(hostedNames(names));
}

const TOOLSET = knownNames("type", "mcp_server_name", "default_config", "configs");
const ENABLED = knownNames("enabled");

/**
 * The tools that an item `mcp_toolset` chooses of a server: those that `configs` does not switch off, where
 * `default_config` switches all others off.
 */
export function toolsetTools(
  item: SourceObject,
): Result<{ readonly server: string | undefined; readonly hosted: HostedTools }, ToolProblem> {
  if (!isPlainlySpelled(item, TOOLSET)) return UNREADABLE;
  const others = memberIn(item, "default_config");
  const configs = memberIn(item, "configs");
  if (configs !== undefined && configs.kind !== "object") return UNREADABLE;
  const named = [...(configs?.members ?? [])];
  for (const holder of [others, ...named.map(([, config]) => config)]) {
    if (holder?.kind === "object" && !isPlainlySpelled(holder, ENABLED)) return UNREADABLE;
  }
  const server = textIn(item, "mcp_server_name");
  if (!isOff(others)) return ok({ server, hosted: [undefined] });
  const on = named.filter(([, config]) => !isOff(config)).map(([name]) => name);
  return ok({ server, hosted: on.length === 0 ? [] : hostedNames(on) });
}

function isOff(holder: SourceNode | undefined): boolean {
  const enabled = memberIn(holder, "enabled");
  return enabled?.kind === "plain" && enabled.value === false;
}
