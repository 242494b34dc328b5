import { parsePort } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { parseHost } from "../wire/host.ts";
import { ACTION_KINDS, type ActionKind } from "./action-kind.ts";
import type { Action, ToolAction } from "./action.ts";

type Members = { readonly [name: string]: Json };

/** UTF-16 units of a name (a model, a tool, a peer), of a path, and of all arguments of a program together. */
const MOST_NAME = 256;
const MOST_PATH = 4_096;
const MOST_ARGV_TEXT = 65_536;
const MOST_ARGV = 1_024;

/** What each kind of action may say, beside `kind`. */
const MEMBERS: Readonly<Record<ActionKind, readonly string[]>> = {
  inference: ["model", "provider", "api", "stream", "bytes"],
  egress: ["host", "port", "protocol", "method", "path"],
  exec: ["program", "argv", "directory"],
  spawn: ["agent", "image", "depth"],
  tool: ["server", "tool", "arguments", "model"],
  "mesh.send": ["peer", "topic", "bytes"],
  admin: ["operation", "target"],
};

/**
 * An action as an agent states it: `{"kind":"exec","program":"/usr/bin/git","argv":["status"],"directory":"/work"}`.
 * Strict: an unknown kind or member, or a value of another type, is a problem, one sentence without the agent's own
 * text. What is left out is missing, and no allow rule that asks for it will match.
 */
export function readAction(value: Json): Result<Action, string> {
  if (!isObject(value)) return fail("An action is an object.");
  const kind = ACTION_KINDS.find((known) => known === value["kind"]);
  if (kind === undefined) return fail(`The kind of an action is one of ${ACTION_KINDS.join(", ")}.`);
  const known = MEMBERS[kind];
  if (Object.keys(value).some((name) => name !== "kind" && !known.includes(name))) {
    return fail(`An action of kind ${kind} has only the members kind, ${known.join(", ")}.`);
  }
  const read = new Reading(value);
  const action = actionOf(kind, read);
  return read.problem === undefined ? ok(action) : fail(read.problem);
}

function actionOf(kind: ActionKind, read: Reading): Action {
  switch (kind) {
    case "inference": {
      const [model, provider, api] = [read.name("model"), read.name("provider"), read.name("api")];
      return { kind, model, provider, api, stream: read.flag("stream"), bytes: read.count("bytes") };
    }
    case "egress":
      return {
        kind,
        host: read.host(),
        port: read.port(),
        protocol: read.protocol(),
        method: read.name("method"),
        path: read.text("path", MOST_PATH),
      };
    case "exec":
      return {
        kind,
        program: read.text("program", MOST_PATH),
        argv: read.argv(),
        directory: read.text("directory", MOST_PATH),
      };
    case "spawn":
      return { kind, agent: read.name("agent"), image: read.text("image", MOST_PATH), depth: read.count("depth") };
    case "tool":
      return {
        kind,
        server: read.name("server"),
        tool: read.name("tool"),
        arguments: read.arguments(),
        model: read.name("model"),
      };
    case "mesh.send":
      return { kind, peer: read.name("peer"), topic: read.name("topic"), bytes: read.count("bytes") };
    case "admin":
      return { kind, operation: read.name("operation"), target: read.text("target", MOST_PATH) };
    default:
      return kind satisfies never;
  }
}

/** Reads members one by one, and keeps the first thing that is wrong. */
class Reading {
  problem: string | undefined;
  readonly #members: Members;

  constructor(members: Members) {
    this.#members = members;
  }

  name(member: string): string | undefined {
    return this.text(member, MOST_NAME);
  }

  text(member: string, most: number): string | undefined {
    const value = this.#members[member];
    if (value === undefined) return undefined;
    if (typeof value === "string" && value !== "" && value.length <= most && value.isWellFormed()) return value;
    return this.#wrong(`${member} is a text of 1 to ${most} characters.`);
  }

  count(member: string): number | undefined {
    const value = this.#members[member];
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    return this.#wrong(`${member} is a whole number, 0 or more.`);
  }

  flag(member: string): boolean | undefined {
    const value = this.#members[member];
    return value === undefined || typeof value === "boolean" ? value : this.#wrong(`${member} is true or false.`);
  }

  host(): Extract<Action, { kind: "egress" }>["host"] {
    const text = this.text("host", MOST_NAME);
    if (text === undefined) return undefined;
    const host = parseHost(text);
    return host.ok ? host.value : this.#wrong(`host is malformed. ${host.problem}`);
  }

  port(): Extract<Action, { kind: "egress" }>["port"] {
    const value = this.#members["port"];
    if (value === undefined) return undefined;
    const port = typeof value === "number" ? parsePort(String(value)) : undefined;
    return port ?? this.#wrong("port is a number from 1 to 65535.");
  }

  protocol(): Extract<Action, { kind: "egress" }>["protocol"] {
    const value = this.#members["protocol"];
    if (value === undefined || value === "tls" || value === "http" || value === "tcp") return value;
    return this.#wrong("protocol is tls, http or tcp.");
  }

  argv(): readonly string[] | undefined {
    const value = this.#members["argv"];
    if (value === undefined) return undefined;
    const texts = isList(value) ? value.filter((item) => typeof item === "string") : [];
    const isWhole = isList(value) && texts.length === value.length && texts.length <= MOST_ARGV;
    const length = texts.reduce((sum, item) => sum + item.length, 0);
    if (isWhole && length <= MOST_ARGV_TEXT && texts.every((item) => item.isWellFormed())) return texts;
    return this.#wrong(`argv is a list of at most ${MOST_ARGV} texts of ${MOST_ARGV_TEXT} characters together.`);
  }

  arguments(): ToolAction["arguments"] {
    const value = this.#members["arguments"];
    return value === undefined ? { state: "missing" } : { state: "known", value };
  }

  #wrong(sentence: string): undefined {
    this.problem ??= sentence;
    return undefined;
  }
}

function isObject(value: Json): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
