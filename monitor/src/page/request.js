// Requests to the monitor, with refusals as it words them (RFC 9457).
import { askForKey } from "./key.js";

/** A refusal: `message` says why; `fields` maps a field's name to what should stand there. */
export class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail ?? problem.title ?? `the monitor answered ${status}`);
    this.status = status;
    this.fields = new Map((problem.errors ?? []).map((error) => [error.field, error.remedy]));
  }
}

export const get = (path) => request("GET", path);

/** A key is missing, or does not allow it. */
export const wantsKey = (refused) => refused.status === 401 || refused.status === 403;

/** Sends `body` as JSON and returns the answer's. A change that takes a key asks for one. */
export async function request(method, path, body) {
  const options = { method, headers: { Accept: "application/json" }, cache: "no-store" };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`api/scalability/${path}`, options);
  } catch {
    throw new Refused({ detail: "The monitor does not answer; it is not known whether anything changed." }, 0);
  }
  const answer = await response.json().catch(() => ({}));
  if (wantsKey(response) && method !== "GET" && (await askForKey(answer.detail))) return request(method, path, body);
  if (!response.ok) throw new Refused(answer, response.status);
  return answer;
}
