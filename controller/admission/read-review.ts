import { isObject } from "../pod/shape-check.ts";
import { fail, ok, type Result } from "../../router/core/base/result.ts";
import type { JsonObject } from "../pod/pod.ts";
import { jsonCost } from "./json-cost.ts";
import { OPERATIONS, type Operation, type Review } from "./review.ts";

/**
 * A usual container has about 45, a pod may have 64 of them, and an update carries two pods and who manages each field. So
 * many as members of one object are the slowest to parse: they hold the event loop for 20 to 60 ms (measured).
 */
export const MOST_VALUES = 60_000;
/** managedFields of a pod nest about 20 deep. */
export const MOST_DEPTH = 128;

const MOST_NAME = 253;
const MOST_UID = 128;
const MOST_USERNAME = 4_096;
const MOST_GROUPS = 10_000;
const MOST_GROUP = 4_096;

const PRINTABLE = /^[!-~]+$/;
const NAME = /^[a-zA-Z0-9._:-]*$/;

type Read<Value> = Result<Value, string>;

/**
 * Reads an AdmissionReview (admission.k8s.io/v1) from the octets of a body. Members that we do not know are ignored, as
 * Kubernetes does; the ones we do know must be what they are said to be. The problem is one sentence, without a value of
 * the body. Never throws; takes time in proportion to the octets, however they are chosen.
 */
export function readReview(body: Uint8Array): Read<Review> {
  const { values, depth } = jsonCost(body);
  if (values > MOST_VALUES) return fail(`The review has more than ${MOST_VALUES} values.`);
  if (depth > MOST_DEPTH) return fail(`The review is nested deeper than ${MOST_DEPTH}.`);
  let review: unknown;
  try {
    review = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    return fail("The body is not JSON in UTF-8.");
  }
  if (!isObject(review)) return fail("The body is not a JSON object.");
  if (review["apiVersion"] !== "admission.k8s.io/v1") return fail("apiVersion is not admission.k8s.io/v1.");
  if (review["kind"] !== "AdmissionReview") return fail("kind is not AdmissionReview.");
  const request = review["request"];
  if (!isObject(request)) return fail("request is not an object.");
  return readRequest(request);
}

function readRequest(request: JsonObject): Read<Review> {
  const { uid, operation, dryRun } = request;
  if (typeof uid !== "string" || uid.length > MOST_UID || !PRINTABLE.test(uid))
    return fail(`request.uid is not a text of 1 to ${MOST_UID} printable characters.`);
  if (!isOperation(operation)) return fail(`request.operation is none of ${OPERATIONS.join(", ")}.`);
  if (!isAbsent(dryRun) && typeof dryRun !== "boolean") return fail("request.dryRun is neither true nor false.");
  const resource = readResource(request["resource"]);
  if (!resource.ok) return resource;
  const subResource = readName(request, "subResource");
  if (!subResource.ok) return subResource;
  const namespace = readName(request, "namespace");
  if (!namespace.ok) return namespace;
  const name = readName(request, "name");
  if (!name.ok) return name;
  const user = readUser(request["userInfo"]);
  if (!user.ok) return user;
  const objects = readObjects(request, operation);
  if (!objects.ok) return objects;
  return ok({
    uid,
    operation,
    resource: resource.value,
    subResource: subResource.value,
    namespace: namespace.value,
    name: name.value,
    user: user.value,
    ...objects.value,
    dryRun: dryRun === true,
  });
}

function readResource(given: unknown): Read<Review["resource"]> {
  if (!isObject(given)) return fail("request.resource is not an object.");
  const { group = "", version, resource } = given;
  if (!isName(group)) return fail("request.resource.group is not a name.");
  if (!isName(version) || version === "") return fail("request.resource.version is not a name.");
  if (!isName(resource) || resource === "") return fail("request.resource.resource is not a name.");
  return ok({ group, version, resource });
}

function readName(request: JsonObject, member: "subResource" | "namespace" | "name"): Read<string> {
  const given = request[member];
  if (isAbsent(given)) return ok("");
  return isName(given) ? ok(given) : fail(`request.${member} is not a name.`);
}

function readUser(given: unknown): Read<Review["user"]> {
  if (!isObject(given)) return fail("request.userInfo is not an object.");
  const { username, groups } = given;
  if (typeof username !== "string" || username === "" || username.length > MOST_USERNAME)
    return fail(`request.userInfo.username is not a text of 1 to ${MOST_USERNAME} characters.`);
  if (isAbsent(groups)) return ok({ username, groups: [] });
  if (!Array.isArray(groups) || groups.length > MOST_GROUPS || !groups.every(isGroup))
    return fail("request.userInfo.groups is not a list of texts.");
  return ok({ username, groups });
}

function isGroup(given: unknown): given is string {
  return typeof given === "string" && given.length <= MOST_GROUP;
}

/** Which of the two an operation comes with: the API server sends null for the other. */
function readObjects(request: JsonObject, operation: Operation): Read<Pick<Review, "object" | "oldObject">> {
  const { object, oldObject } = request;
  if (!isAbsent(object) && !isObject(object)) return fail("request.object is not an object.");
  if (!isAbsent(oldObject) && !isObject(oldObject)) return fail("request.oldObject is not an object.");
  const needsObject = operation === "CREATE" || operation === "UPDATE";
  const needsOld = operation === "UPDATE" || operation === "DELETE";
  if (needsObject && isAbsent(object)) return fail(`request.object is missing, and ${operation} has one.`);
  if (needsOld && isAbsent(oldObject)) return fail(`request.oldObject is missing, and ${operation} has one.`);
  return ok({ object: object ?? undefined, oldObject: oldObject ?? undefined });
}

function isAbsent(given: unknown): given is null | undefined {
  return given === null || given === undefined;
}

function isName(given: unknown): given is string {
  return typeof given === "string" && given.length <= MOST_NAME && NAME.test(given);
}

function isOperation(given: unknown): given is Operation {
  return OPERATIONS.some((operation) => operation === given);
}
