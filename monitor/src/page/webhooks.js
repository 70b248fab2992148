// The webhook endpoints that the key shows.
import { link } from "./address.js";
import { h } from "./dom.js";
import { read } from "./request.js";
import { table } from "./table.js";
import { moment } from "./when.js";

export const title = "Webhooks";

const REASONS = { by_client: "its client stopped it", gone: "it answered that it is gone", failing: "it failed for 5 days", no_key: "its client has no key" };

/** The state in words, with a mark that does not need a colour. */
export function stateOf({ state, reason, failing_since: failing }) {
  if (state === "disabled") return h(reason === "by_client" ? "span.soft" : "span.bad", null, `${reason === "by_client" ? "–" : "!"} Disabled: ${REASONS[reason] ?? reason}`);
  return failing ? h("span.bad", null, `! Fails since ${moment(failing)} UTC`) : h("span.good", null, "✓ Active");
}

export async function view() {
  const { webhooks } = await read("api/webhooks");
  return webhooks.length > 0
    ? table("Webhook endpoints, the oldest first", ["Endpoint", "Client", "State", "Sent to", "Made (UTC)"], webhooks.map((one) => [
        [link("webhook", { id: one.id }, one.name), h("span.why", null, ` ${one.id}`)], one.client, stateOf(one), h("code", null, one.url), moment(one.created_at),
      ]))
    : h("p.empty", null, "There is no webhook endpoint. ", h("code", null, "tellers webhooks create"), " or ", h("code", null, "POST /api/webhooks"), " makes one.");
}
