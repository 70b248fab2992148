//! Which policies undo what the queues promise, and which do not.
//!
//! Of a number that both an argument and a policy set, RabbitMQ takes the lower one; the overflow of a policy goes over
//! that of an argument, and the dead letter exchange of an argument over that of a policy, by which nothing is lost
//! unless another key here drops it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::management::ListedQueue;
use super::topology::DELIVERY_LIMIT;
use crate::queue::policies::HarmfulPolicy;

/// How a queue has to behave when it is full.
const REFUSES: &str = "reject-publish";

/// What is set on a queue that harms its jobs.
pub(super) fn harm(queue: &ListedQueue) -> Vec<HarmfulPolicy> {
    let set = queue.set_by_policy();
    let names = [&queue.policy, &queue.operator_policy];
    let names: Vec<String> = names.into_iter().flatten().filter(|name| !name.is_empty()).cloned().collect();
    let harmful = set.iter().filter_map(|(key, value)| {
        let harm = harm_of(key, value, queue, &set)?;
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(HarmfulPolicy {
            queue: queue.name.clone(),
            policies: names.clone(),
            setting: format!("{key}={shown}"),
            harm,
        })
    });
    harmful.collect()
}

fn harm_of(
    key: &str,
    value: &Value,
    queue: &ListedQueue,
    set: &BTreeMap<&str, &Value>,
) -> Option<&'static str> {
    let overflow = set.get("overflow").copied().or_else(|| queue.argument("x-overflow"));
    let drops = overflow.is_none_or(|overflow| overflow != REFUSES);
    let is_limited = ["max-length", "max-length-bytes"]
        .iter()
        .any(|limit| set.contains_key(limit) || queue.argument(&format!("x-{limit}")).is_some());
    match key {
        "message-ttl" => Some("takes what waits for longer than that out of the queue"),
        "expires" => Some("deletes the queue with its jobs once nobody consumes from it for so long"),
        "max-length" | "max-length-bytes" if drops => Some("drops what waits when the queue is full"),
        "overflow" if drops && is_limited => Some("drops what waits when the queue is full"),
        "delivery-limit"
            if value.as_i64().is_some_and(|limit| (0..DELIVERY_LIMIT.into()).contains(&limit)) =>
        {
            Some("drops what was delivered more often than that, as it is while the database is away")
        }
        "federation-upstream" | "federation-upstream-set" => {
            Some("mixes messages of other brokers into the queue, in no order")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(arguments: &Value, set: &Value) -> Vec<String> {
        let queue = json!({ "name": "q", "policy": "mine", "operator_policy": null,
                            "effective_policy_definition": set, "arguments": arguments });
        let found = harm(&serde_json::from_value(queue).unwrap());
        found.into_iter().map(|harmful| harmful.setting).collect()
    }

    #[test]
    fn what_drops_expires_or_mixes_is_harmful_and_a_lower_limit_is_not() {
        let lane = json!({ "x-overflow": "reject-publish", "x-max-length": 100_000, "x-delivery-limit": 1_000_000_000 });
        let letters = json!({ "x-delivery-limit": 1_000_000_000 });
        for (arguments, set, harmful) in [
            (&lane, json!({ "message-ttl": 5_000 }), vec!["message-ttl=5000"]),
            (&lane, json!({ "expires": 8_000, "max-length": 20 }), vec!["expires=8000"]),
            (&lane, json!({ "max-length": 20, "max-length-bytes": 1 }), vec![]),
            (&lane, json!({ "overflow": "drop-head" }), vec!["overflow=drop-head"]),
            (&lane, json!({ "overflow": "reject-publish-dlx" }), vec!["overflow=reject-publish-dlx"]),
            (&lane, json!({ "overflow": "reject-publish" }), vec![]),
            (&letters, json!({ "max-length": 2 }), vec!["max-length=2"]),
            (&letters, json!({ "max-length": 2, "overflow": "reject-publish" }), vec![]),
            (&letters, json!({ "overflow": "drop-head" }), vec![]),
            (&lane, json!({ "delivery-limit": 20 }), vec!["delivery-limit=20"]),
            (&lane, json!({ "delivery-limit": -1 }), vec![]),
            (&lane, json!({ "federation-upstream-set": "all" }), vec!["federation-upstream-set=all"]),
            (&lane, json!({ "dead-letter-exchange": "x", "queue-leader-locator": "balanced" }), vec![]),
            (&lane, json!([]), vec![]),
            (&lane, Value::Null, vec![]),
        ] {
            assert_eq!(settings(arguments, &set), harmful, "{set} over {arguments}");
        }
    }
}
