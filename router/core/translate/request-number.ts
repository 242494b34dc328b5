import { ok, type Result } from "../base/result.ts";
import { isAbsent, type JsonObject } from "./json-object.ts";
import { type Refusal, refuse } from "./refusal.ts";

/** A member that is a number from `minimum` to `maximum`, or absent. */
export function numberMember(
  body: JsonObject,
  name: string,
  minimum: number,
  maximum: number,
): Result<number | undefined, Refusal> {
  const value = body[name];
  if (isAbsent(value)) return ok(undefined);
  return typeof value === "number" && value >= minimum && value <= maximum
    ? ok(value)
    : refuse(`.${name}`, `The value must be a number from ${minimum} to ${maximum}.`);
}

/** As `numberMember`, of tokens: a whole number from 1. */
export function tokensMember(body: JsonObject, name: string): Result<number | undefined, Refusal> {
  const value = body[name];
  if (isAbsent(value)) return ok(undefined);
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1
    ? ok(value)
    : refuse(`.${name}`, "The value must be a whole number from 1.");
}

/** A member that is true or false; absent is false. */
export function flagMember(body: JsonObject, name: string): Result<boolean, Refusal> {
  const value = body[name];
  if (isAbsent(value)) return ok(false);
  return typeof value === "boolean" ? ok(value) : refuse(`.${name}`, "The value must be true or false.");
}
