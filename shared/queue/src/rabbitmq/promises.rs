//! Which policies undo what the queues promise, and which do not.
//!
//! Of a number that both an argument and a policy set, RabbitMQ takes the lower one; the overflow of a policy goes over
//! that of an argument, and the dead letter exchange of an argument over that of a policy, by which nothing is lost
//! unless another key here drops it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::management::{self, ListedExchange, ListedPolicy, ListedQueue, Management};
use super::topology::{DELIVERY_LIMIT, JOBS_EXCHANGE};
use crate::policies::{HarmfulPolicy, Policies};

/// How a queue has to behave when it is full.
const REFUSES: &str = "reject-publish";

/// Looks at what is set on these queues, and on the exchange before them.
pub(super) async fn look(management: Option<&Management>, queues: &BTreeSet<String>) -> Policies {
    let Some(management) = management else { return Policies::NotLookedAt(management::nowhere()) };
    let listed = async {
        let (queues, exchanges) = tokio::try_join!(management.queues(), management.exchanges())?;
        Ok::<_, String>((queues, exchanges, management.policies().await?))
    };
    let (listed, exchanges, policies) = match listed.await {
        Ok(listed) => listed,
        Err(why) => return Policies::NotLookedAt(why),
    };
    let listed: Vec<_> =
        listed.iter().filter(|queue| queue.is_told() && queues.contains(&queue.name)).collect();
    let of_queues = listed.iter().flat_map(|queue| harm(queue));
    let harmful: Vec<_> = of_queues.chain(diverted(&exchanges, &policies)).collect();
    if !harmful.is_empty() {
        return Policies::Harmful(harmful);
    }
    if listed.len() < queues.len() {
        return Policies::NotLookedAt(format!(
            "the management API lists {} of the {} queues: it belongs to another broker, or does not know the queues yet",
            listed.len(),
            queues.len()
        ));
    }
    Policies::Harmless
}

/// A policy on the exchange by which the broker confirms a job whose lane's queue is gone: it is on no lane then.
fn diverted(exchanges: &[ListedExchange], policies: &[ListedPolicy]) -> Option<HarmfulPolicy> {
    let name = exchanges.iter().find(|exchange| exchange.name == JOBS_EXCHANGE)?.policy.as_ref()?;
    let to = policies.iter().find(|policy| policy.name == *name)?.definition.get("alternate-exchange")?;
    Some(HarmfulPolicy {
        queue: JOBS_EXCHANGE.to_owned(),
        policies: vec![name.clone()],
        setting: format!("alternate-exchange={}", to.as_str().unwrap_or_default()),
        harm: "takes the jobs of a lane whose queue was deleted, as if they had arrived",
    })
}

/// What is set on a queue that harms its jobs.
fn harm(queue: &ListedQueue) -> Vec<HarmfulPolicy> {
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
        "message-ttl" => Some("removes jobs that wait for longer than that from the queue"),
        "expires" => Some("deletes the queue with its jobs when no consumer has taken from it for so long"),
        "max-length" | "max-length-bytes" if drops => Some("drops waiting jobs when the queue is full"),
        "overflow" if drops && is_limited => Some("drops waiting jobs when the queue is full"),
        "delivery-limit"
            if value.as_i64().is_some_and(|limit| (0..DELIVERY_LIMIT.into()).contains(&limit)) =>
        {
            Some("drops jobs that were delivered more often than that, as happens while the database is away")
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
    fn an_exchange_that_takes_what_has_no_queue_is_harmful() {
        let exchange = |name: &str, policy| ListedExchange { name: name.to_owned(), policy };
        let policies: Vec<ListedPolicy> = serde_json::from_value(json!([
            { "name": "kept", "definition": { "alternate-exchange": "unrouted" }, "pattern": ".*" },
            { "name": "other", "definition": { "federation-upstream-set": "all" } },
        ]))
        .unwrap();
        let found = |name: &str, policy: Option<&str>| {
            diverted(&[exchange(name, policy.map(str::to_owned))], &policies).map(|found| found.setting)
        };
        let setting = found(JOBS_EXCHANGE, Some("kept"));
        assert_eq!(setting.as_deref(), Some("alternate-exchange=unrouted"));
        assert_eq!(found(JOBS_EXCHANGE, Some("other")), None);
        assert_eq!(found(JOBS_EXCHANGE, None), None);
        assert_eq!(found("of.others", Some("kept")), None);
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
