// The files that came in, the newest first.
import { asked, link } from "./address.js";
import { h } from "./dom.js";
import { read } from "./request.js";
import { cursorOf, pages, table } from "./table.js";
import { moment } from "./when.js";
import { bytes, count } from "./words.js";
import { stateOf } from "./import.js";

export const title = "Imports";

export async function view() {
  const { before } = asked();
  const { imports, next } = await read(`api/imports?limit=50${before ? `&before=${encodeURIComponent(before)}` : ""}`);
  return [
    imports.length > 0
      ? table("Imports, the newest first", ["Import", "File", "Client", "State", "#Rows", "#Posted", "#Rejected", "#Refused", "#Dead", "#Cancelled", "Came (UTC)"], imports.map((one) => [
          link("import", { number: one.id }, String(one.id)), [one.name ?? "–", h("span.why", null, ` ${bytes(one.bytes)}`)], one.client, stateOf(one), count(one.rows_read), count(one.posted), count(one.rejected),
          count(one.refused), count(one.dead), count(one.cancelled ?? 0), moment(one.created_at),
        ]))
      : h("p.empty", null, "No file has come in."),
    pages("imports", cursorOf(next, "before"), { name: "before" }),
  ];
}
