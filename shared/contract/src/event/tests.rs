use super::*;
use domain::fingerprint::Fingerprint;
use domain::job::{Action, Spec};
use domain::lane::Lane;
use domain::money::{Amount, Currency};
use domain::text::Client;

fn job() -> Job {
    let body = r#"{"kind":"deposit","account":"a","amount":100,"currency":"EUR"}"#;
    let money = Money { amount: Amount::new(100).unwrap(), currency: "EUR".parse::<Currency>().unwrap() };
    Job {
        id: JobId::from_chance(1_795_453_200_000, [1, 2, 3, 4, 5, 6]),
        client: Client::parse("acme").unwrap(),
        lane: Lane(3),
        ingress: "api-1".to_owned(),
        accepted_at: 1_795_453_200_000_000,
        fingerprint: Fingerprint::of(body),
        body: body.to_owned(),
        spec: Spec::of(Action::Deposit { account: "a".parse().unwrap(), money }),
        origin: Some(Origin { import: 17, row: 5 }),
        former: Vec::new(),
        grant: None,
    }
}

fn entry(job: &Job, account: &str, amount: i64) -> Entry {
    let (account, posted_at) = (AccountNumber::from_books(account).unwrap(), 1_795_453_200_000_007);
    Entry { account, seq: 1, job: job.id, amount, balance_after: amount, posted_at }
}

#[test]
fn the_wire_form_holds_still() {
    let job = job();
    let entries = [entry(&job, "a", 100), entry(&job, "external:EUR:3", -100)];
    let posted = Event::of(&job, Outcome::Posted, Some(1_795_453_200_000_007), &entries);
    let head = concat!(
        r#"{"specversion":"1.0","id":"ID.SUFFIX","source":"/tellers/lanes/3","type":"tellers.job.TYPE","subject":"ID",TIME"#,
        r#""datacontenttype":"application/json","data":{"job":"ID","client":"acme","kind":"deposit",OUTCOME,"#,
        r#""account":"a","amount":100,"currency":"EUR","accepted_at":"2026-11-23T17:00:00Z","import":{"number":17,"row":5}REST}}"#
    );
    let golden = |suffix: &str, event_type: &str, time: &str, outcome: &str, rest: &str| {
        head.replace("SUFFIX", suffix)
            .replace("TYPE", event_type)
            .replace("TIME", time)
            .replace("OUTCOME", outcome)
            .replace("REST", rest)
            .replace("ID", &job.id.to_string())
    };
    let time = r#""time":"2026-11-23T17:00:00.000007Z","#;
    let entries = concat!(
        r#","entries":[{"account":"a","amount":100,"balance_after":100},"#,
        r#"{"account":"external:EUR:3","amount":-100,"balance_after":-100}]"#
    );
    let conflict = format!("conflict.{:?}", job.fingerprint);
    let not_found = r#""outcome":"rejected","reason":"account_not_found""#;
    let forms = [
        (posted, golden("posted", "posted", time, r#""outcome":"posted""#, entries)),
        (
            Event::of(&job, Outcome::Rejected(Rejection::AccountNotFound), None, &[]),
            golden("rejected", "rejected", "", not_found, ""),
        ),
        (
            Event::of(&job, Outcome::Duplicate(RecordedOutcome::Posted), None, &[]),
            golden("posted", "posted", "", r#""outcome":"posted""#, r#","again":true"#),
        ),
        (
            Event::of(&job, Outcome::Conflict(RecordedOutcome::Posted), None, &[]),
            golden(&conflict, "conflict", "", r#""outcome":"posted""#, ""),
        ),
        (
            Event::of(&job, Outcome::Cancelled, None, &[]),
            golden("cancelled", "cancelled", "", r#""outcome":"cancelled""#, ""),
        ),
        (
            Event::dead(&job, "the database is full", 2, "2026-11-23T17:00:00.000007Z".parse().unwrap()),
            golden("dead.2", "dead", time, r#""outcome":"dead","cause":"the database is full""#, ""),
        ),
    ];
    for (event, golden) in forms {
        assert_eq!(serde_json::to_string(&event).unwrap(), golden);
        let unknown = r#"{"type":"tellers.job.of-a-later-release"}"#;
        assert_eq!(read_batch(format!("[{unknown},{golden}]").as_bytes()).unwrap(), [(1, event)]);
    }
}

#[test]
fn a_client_sees_its_own_events_and_those_of_its_accounts_without_the_balances_of_others() {
    let job = job();
    let event = Event::of(&job, Outcome::Posted, None, &[entry(&job, "a", -100), entry(&job, "beta:1", 100)]);
    let entries = |client: &str, accounts: &str| {
        let shown = event.shown_to(client, &accounts.parse().unwrap())?;
        let entries = shown.data.entries.unwrap_or_default();
        Some(entries.iter().map(|entry| entry.account.to_string()).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(entries("acme", "*").as_deref(), Some("a beta:1"));
    assert_eq!(entries("acme", "a").as_deref(), Some("a"));
    assert_eq!(entries("beta", "beta:*").as_deref(), Some("beta:1"), "its account is touched");
    assert_eq!(entries("beta", "b").as_deref(), None);
    assert_eq!(entries("beta", "*").as_deref(), None, "another client's");
}

#[test]
fn an_event_names_every_account_that_it_is_about() {
    let job = job();
    let event = Event::of(&job, Outcome::Posted, None, &[entry(&job, "b", 100)]);
    let named: Vec<_> = event.accounts().map(|account| account.as_str()).collect();
    assert_eq!(named, ["a", "b"]);
    for event_type in EventType::ALL.iter().copied() {
        assert_eq!(event_type.name().parse(), Ok(event_type));
        assert_eq!(serde_json::to_value(event_type).unwrap(), event_type.name());
    }
}
