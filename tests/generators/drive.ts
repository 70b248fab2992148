// Drives a fleet by types that openapi-typescript made: posts, waits, reads, pages through, sends a file.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";
import type { paths as MonitorPaths } from "./monitor.js";

declare const process: { argv: string[] };

type JobBody = components["schemas"]["JobBody"];

const IMPORT_MILLISECONDS = 30_000;

function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(what));
}

/** The answer that was hoped for, or the problem that came instead. */
function got<T>({ data, error }: { data?: T; error?: unknown }): T {
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

const cursorOf = (path: string) => new URL(path, "http://fleet").searchParams.get("cursor") ?? "";

/** What a body moves: its kind tells which fields it has. */
function amountOf(body: JobBody): number {
  switch (body.kind) {
    case "deposit":
    case "withdrawal":
    case "transfer":
    case "hold":
      return body.amount;
    case "journal":
      return body.legs.filter((leg) => leg.amount > 0).reduce((sum, leg) => sum + leg.amount, 0);
    default:
      return 0;
  }
}

const [, , apiUrl, monitorUrl, key] = process.argv;
const headers = { Authorization: `Bearer ${key}` };
const api = createClient<paths>({ baseUrl: apiUrl ?? "", headers });
const monitor = createClient<MonitorPaths>({ baseUrl: monitorUrl ?? "", headers });

async function post(body: JobBody) {
  const answer = got(await api.POST("/api/jobs", { params: { query: { wait: 20 } }, body }));
  check(answer.status === "posted", answer);
  return answer.id;
}

async function jobs() {
  await post({ kind: "open_account", account: "ts:alice", currency: "EUR" });
  await post({ kind: "open_account", account: "ts:bob", currency: "EUR" });
  const id = await post({ kind: "deposit", account: "ts:alice", amount: 1000, currency: "EUR" });
  const params = { path: { id }, query: { wait: 20, fresh: true } };
  const job = got(await api.GET("/api/jobs/{id}", { params }));
  check(job.body !== undefined && job.body !== null && amountOf(job.body) === 1000, job);

  const transfer: JobBody = {
    kind: "transfer", from: "ts:alice", to: "ts:bob", amount: 250, currency: "EUR", reference: "ts-invoice-17",
  };
  check((await post(transfer)) === (await post(transfer)), "the same reference is the same job");

  const deposits = [1, 2, 3, 4, 5].map((amount): JobBody => ({
    kind: "deposit", account: "ts:bob", amount, currency: "EUR",
  }));
  const batch = got(await api.POST("/api/jobs/batch", { params: { query: { wait: 20 } }, body: deposits }));
  check(batch.accepted === 5 && batch.results.every((line) => line.status === "posted"), batch);

  const { error } = await api.POST("/api/jobs", { body: { ...transfer, amount: -1 } });
  check(error?.type === "/problems/invalid-job" && error.errors?.[0]?.field === "amount", error);
}

async function reads() {
  const path = { number: "ts:bob" };
  const bob = got(await api.GET("/api/accounts/{number}", { params: { path, query: { fresh: true } } }));
  check(bob.balance === 250 + 1 + 2 + 3 + 4 + 5, bob);
  const amounts: number[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: 2, fresh: true, cursor };
    const page = got(await api.GET("/api/accounts/{number}/entries", { params: { path, query } }));
    amounts.push(...page.entries.map((entry) => entry.amount));
    cursor = page.next ? cursorOf(page.next) : undefined;
  } while (cursor);
  check(amounts.join() === "5,4,3,2,1,250", amounts);
}

async function files() {
  const rows = "kind,account,amount,currency,reference\ndeposit,ts:alice,7.00,EUR,ts-row-1\n";
  const form = new FormData();
  form.append("file", new Blob([rows], { type: "text/csv" }), "rows.csv");
  // The types know a file as text.
  const sent = got(await api.POST("/api/imports", { body: { file: rows }, bodySerializer: () => form }));
  const end = Date.now() + IMPORT_MILLISECONDS;
  for (;;) {
    const shown = got(await api.GET("/api/imports/{number}", { params: { path: { number: sent.id } } }));
    if (shown.posted === 1) return;
    check(Date.now() < end, shown);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function fleet() {
  const status = got(await monitor.GET("/api/scalability/status"));
  check(status.replicas.length > 0, status);
  const body = { changes: { BATCH_PROCESSING_SIZE: 50 }, by: "ann" };
  const changed = got(await monitor.PATCH("/api/scalability/config", { body }));
  check(changed.overrides.BATCH_PROCESSING_SIZE === 50, changed);
  const load = { concurrent_users: 2, requests_per_user: 2, wait_seconds: 30 };
  const ended = got(await monitor.POST("/api/scalability/load-test", { body: load }));
  check(ended.plan.mode === "closed" && ended.plan.concurrent_users === 2, ended);
}

await jobs();
await reads();
await files();
await fleet();
console.log("driven");
