// Requests to the monitor, with refusals as it words them (RFC 9457).
import { askForKey } from "./key.js";

/** A refusal: `message` says why; `fields` maps a field's name to what should stand there. */
export class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail ?? problem.title ?? `the monitor answered ${status}`);
    this.status = status;
    this.type = problem.type;
    this.fields = new Map((problem.errors ?? []).map((error) => [error.field, error.remedy]));
  }
}

export const get = (path) => request("GET", path);

/** A key is missing, or does not allow it. */
export const wantsKey = (refused) => refused.status === 401 || refused.status === 403;

/** Asks for what is at `api/scalability/`. A change that takes a key asks for one. */
export const request = (method, path, body) => ask(method, `api/scalability/${path}`, body);

/** Reads what is at a path such as `api/jobs?kind=transfer`. Who has no key is asked for one. */
export async function read(path) {
  try {
    return await ask("GET", path);
  } catch (refused) {
    if (refused.status === 401 && (await askForKey(refused.message))) return read(path);
    throw refused;
  }
}

/** Sends `body` as JSON and returns the answer's. */
export async function ask(method, path, body) {
  const options = { method, headers: { Accept: "application/json" }, cache: "no-store" };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused({ detail: method === "GET" ? "The monitor does not answer." : "The monitor does not answer; it is not known whether anything changed." }, 0);
  }
  const answer = await response.json().catch(() => ({}));
  if (wantsKey(response) && method !== "GET" && (await askForKey(answer.detail))) return ask(method, path, body);
  if (!response.ok) throw new Refused(answer, response.status);
  return answer;
}
