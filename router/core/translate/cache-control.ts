import type { Json } from "../json/json.ts";
import { asObject, type JsonObject, present } from "./json-object.ts";

/**
 * A cache breakpoint of Anthropic, which callers of compatible gateways put on chat parts and tools too; undefined where
 * there is none. Chat has no member for it: towards OpenAI, which caches by itself, it is left out.
 */
export function cacheControlOf(marked: JsonObject): JsonObject | undefined {
  const control = asObject(marked["cache_control"]);
  if (control?.["type"] !== "ephemeral") return undefined;
  const ttl: Json | undefined = control["ttl"];
  return present({ type: "ephemeral", ttl: ttl === "5m" || ttl === "1h" ? ttl : undefined });
}
