//! Which endpoints may want an event, found without asking each: by its client, and by how its accounts begin.

use std::collections::{BTreeSet, HashMap};

use contract::event::Event;
use store::webhooks::Endpoint;

/// Endpoints by what they look for. They are named by their places in a list.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    by_client: HashMap<String, Vec<usize>>,
    by_number: HashMap<String, Vec<usize>>,
    by_beginning: HashMap<String, Vec<usize>>,
}

impl Matcher {
    /// Of these endpoints.
    pub(super) fn of<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Matcher {
        let mut matcher = Matcher::default();
        for (place, endpoint) in endpoints.enumerate() {
            matcher.by_client.entry(endpoint.client.to_string()).or_default().push(place);
            if endpoint.accounts.are_all() {
                continue;
            }
            for pattern in endpoint.accounts.patterns() {
                let (map, key) = match pattern.prefix() {
                    Some(prefix) => (&mut matcher.by_beginning, prefix),
                    None => (&mut matcher.by_number, pattern.as_str()),
                };
                map.entry(key.to_owned()).or_default().push(place);
            }
        }
        matcher
    }

    /// The places of those that may want this event: some of them may be shown nothing of it.
    pub(super) fn candidates(&self, event: &Event) -> BTreeSet<usize> {
        let mut found: BTreeSet<usize> =
            self.by_client.get(&event.data.client).into_iter().flatten().copied().collect();
        if self.by_number.is_empty() && self.by_beginning.is_empty() {
            return found;
        }
        for account in event.accounts() {
            let number = account.as_str();
            found.extend(self.by_number.get(number).into_iter().flatten());
            let beginnings = (0..=number.len()).filter_map(|length| number.get(..length));
            found.extend(beginnings.filter_map(|beginning| self.by_beginning.get(beginning)).flatten());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::event::Event;
    use domain::access::Accounts;
    use domain::text::{Client, Name};
    use store::webhooks::Secrets;

    use super::*;
    use crate::webhooks::shown::{shown, wants};

    fn endpoint(client: &str, accounts: &str) -> Endpoint {
        Endpoint {
            id: "00000000000000ff".to_owned(),
            client: Client::parse(client).unwrap(),
            name: Name::parse("hook").unwrap(),
            url: "https://hooks.example.com/".to_owned(),
            types: Vec::new(),
            accounts: accounts.parse().unwrap(),
            secrets: Secrets { current: String::new(), old: None },
            created_at: 0,
            created_by: String::new(),
            key: None,
            disabled: None,
            failing_since: None,
            behind_at: None,
            missed_at: None,
        }
    }

    fn event(client: &str, accounts: &[&str]) -> Event {
        let entries: Vec<_> = accounts
            .iter()
            .map(|account| format!(r#"{{"account":"{account}","amount":1,"balance_after":1}}"#))
            .collect();
        let json = format!(
            r#"{{"specversion":"1.0","id":"1.posted","source":"/tellers/lanes/3","type":"tellers.job.posted","subject":"1",
               "datacontenttype":"application/json","data":{{"job":"0190163d-8694-8739-aea5-966c26f8ad91","client":"{client}",
               "kind":"deposit","outcome":"posted","account":"{}","amount":1,"currency":"EUR",
               "accepted_at":"2026-11-19T10:00:00Z","entries":[{}]}}}}"#,
            accounts[0],
            entries.join(",")
        );
        // The id is none of a job's: its check is made right.
        let id = domain::id::JobId::from_chance(1_795_453_200_000, [1, 2, 3, 4, 5, 6]).to_string();
        serde_json::from_str(&json.replace("0190163d-8694-8739-aea5-966c26f8ad91", &id)).unwrap()
    }

    #[test]
    fn whoever_is_shown_an_event_is_a_candidate_for_it() {
        let endpoints = [
            endpoint("acme", "*"),
            endpoint("acme", "acme:1"),
            endpoint("beta", "beta:*"),
            endpoint("gamma", "beta:2+gamma:*"),
            endpoint("delta", "*"),
            endpoint("zeta", "bet*"),
        ];
        let matcher = Matcher::of(endpoints.iter());
        for client in ["acme", "beta", "nobody"] {
            for accounts in
                [&["acme:1", "beta:2"][..], &["gamma:7"], &["gamma:7", "external:EUR:0"], &["beta:"]]
            {
                let event = event(client, accounts);
                let candidates = matcher.candidates(&event);
                for (place, endpoint) in endpoints.iter().enumerate() {
                    let is_shown = shown(&event, endpoint, &None).is_some();
                    assert!(!is_shown || candidates.contains(&place), "{client} {accounts:?} {endpoint:?}");
                }
                assert!(
                    !candidates.contains(&4),
                    "all accounts are nobody's reason to see the events of others"
                );
            }
        }
    }

    #[test]
    fn nobody_is_shown_more_than_a_key_of_his_shows() {
        let accounts = |text: &str| text.parse::<Accounts>().unwrap();
        let entries = |event: Option<Event>| {
            let entries = event?.data.entries.unwrap_or_default();
            Some(entries.iter().map(|entry| entry.account.to_string()).collect::<Vec<_>>().join(" "))
        };
        let (own, foreign) = (event("acme", &["acme:1", "acme:2"]), event("beta", &["acme:1", "beta:1"]));
        let all = endpoint("acme", "acme:*");
        assert_eq!(entries(shown(&own, &all, &None)).as_deref(), Some("acme:1 acme:2"));
        assert_eq!(entries(shown(&foreign, &all, &None)).as_deref(), Some("acme:1"));
        let less = Some(vec![accounts("acme:2"), accounts("gamma:*")]);
        assert_eq!(entries(shown(&own, &all, &less)).as_deref(), Some("acme:2"));
        assert_eq!(entries(shown(&foreign, &all, &less)), None, "no account of its keys is touched");
    }

    #[test]
    fn types_are_chosen_by_their_names() {
        let (mut some, posted) = (endpoint("acme", "*"), event("acme", &["a"]));
        assert!(wants(&some, &posted), "none chosen: every one");
        some.types = vec!["tellers.job.rejected".to_owned()];
        assert!(!wants(&some, &posted));
        some.types.push("tellers.job.posted".to_owned());
        assert!(wants(&some, &posted));
    }

    #[test]
    fn ten_thousand_endpoints_cost_an_event_little() {
        let endpoints: Vec<_> =
            (0..10_000).map(|n| endpoint(&format!("client-{n}"), &format!("c{n}:*"))).collect();
        let matcher = Matcher::of(endpoints.iter());
        let event = event("client-7", &["c7:1", "c9999:1"]);
        let started = std::time::Instant::now();
        for _ in 0..100 {
            assert_eq!(matcher.candidates(&event).into_iter().collect::<Vec<_>>(), [7, 9_999]);
        }
        // A look at each would take some hundred times as long.
        assert!(started.elapsed() < Duration::from_millis(200), "{:?}", started.elapsed());
    }
}
