//! Webhooks: each event waits once, in the order of its account, until it is delivered or given up.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use domain::access::Accounts;
use domain::text::{Client, Name};
use store::webhooks::{
    AttemptResult, Delivery, Disabled, Done, Endpoint, EndpointChange, NewDelivery, Read, Resend, Secrets,
    Standing, Then,
};

use super::subject::{Database, Subject};

fn endpoint(number: u64) -> anyhow::Result<Endpoint> {
    Ok(Endpoint {
        id: format!("{number:016x}"),
        client: Client::parse("acme")?,
        name: Name::parse("ERP – Köln")?,
        url: "https://hooks.example.com/tellers?token=a'b".to_owned(),
        types: vec!["tellers.job.posted".to_owned(), "tellers.job.rejected".to_owned()],
        accounts: "acme:*+shared".parse()?,
        secrets: Secrets { current: "whsec_one".to_owned(), old: None },
        created_at: 0,
        created_by: "Acme ERP (1f0c6a2be9d84573)".to_owned(),
        key: Some("1f0c6a2be9d84573".to_owned()),
        disabled: None,
        failing_since: None,
        behind_at: Some(0),
        missed_at: None,
    })
}

fn delivery(endpoint: &Endpoint, account: &str, event: u64) -> NewDelivery {
    NewDelivery {
        endpoint: endpoint.id.clone(),
        event: format!("{event}.posted"),
        event_type: "tellers.job.posted".to_owned(),
        account: account.to_owned(),
        body: format!(r#"{{"id":"{event}","text":"it's \\ 🦀"}}"#),
    }
}

fn done(delivery: &Delivery, then: Then) -> Done {
    Done {
        delivery: delivery.clone(),
        status: (then == Then::Delivered).then_some(200),
        error: (then != Then::Delivered).then(|| "x".repeat(600)),
        answer: "no – 🦀".to_owned(),
        took: Duration::from_millis(12),
        then,
    }
}

/// Notes what was read, from where it was read last.
async fn read(subject: &dyn Database, to: u64, deliveries: &[NewDelivery]) -> anyhow::Result<bool> {
    let from = subject.place().await?;
    Ok(subject.note_read(&Read { from, to, deliveries, behind: &[] }).await?)
}

fn events(taken: &[Delivery]) -> Vec<&str> {
    taken.iter().map(|delivery| delivery.new.event.as_str()).collect()
}

/// An endpoint is read back as it was made, and changes show in the version.
pub async fn an_endpoint_is_kept_as_it_was_made(subject: Subject) -> anyhow::Result<()> {
    let (hooks, other) = (subject.again()?, subject.again()?);
    ensure!(hooks.version_of_endpoints().await?.is_none(), "there is none");
    let made = endpoint(7)?;
    hooks.add_endpoint(&made).await?;
    let kept = other.endpoint(&made.id).await?.context("it is kept")?;
    ensure!(kept.created_at > 1_700_000_000_000_000, "by the clock of the database: {kept:?}");
    ensure!(Endpoint { created_at: 0, ..kept } == made, "it is another one");
    let version = other.version_of_endpoints().await?.context("there is one")?;

    let (name, accounts) = (Name::parse("other")?, Accounts::all());
    let change = EndpointChange {
        name: Some(&name),
        url: Some("https://other.example.com/"),
        types: Some(&[]),
        accounts: Some(&accounts),
        secret: Some(("whsec_two", Duration::from_secs(60))),
        disabled: Some(Some(Disabled::ByClient)),
        skips: true,
    };
    hooks.change_endpoint(&made.id, &change).await?;
    let kept = other.endpoint(&made.id).await?.context("it is kept")?;
    let (old, until) = kept.secrets.old.clone().context("the old secret goes on")?;
    ensure!(kept.secrets.current == "whsec_two" && old == "whsec_one" && until > kept.created_at);
    ensure!(kept.types.is_empty() && kept.accounts.are_all() && kept.behind_at.is_none(), "{kept:?}");
    ensure!(matches!(kept.disabled, Some((Disabled::ByClient, _))), "{kept:?}");
    ensure!(other.version_of_endpoints().await?.is_some_and(|changed| changed != version));
    let gone = EndpointChange { disabled: Some(Some(Disabled::Gone)), ..EndpointChange::default() };
    hooks.change_endpoint(&made.id, &gone).await?;
    let kept = other.endpoint(&made.id).await?.context("it is kept")?;
    ensure!(matches!(kept.disabled, Some((Disabled::ByClient, _))), "the first reason stays: {kept:?}");
    ensure!(hooks.endpoints(Some(&Client::parse("beta")?)).await?.is_empty(), "none of another client");
    hooks.remove_endpoint(&made.id).await?;
    ensure!(other.endpoints(None).await?.is_empty() && other.version_of_endpoints().await?.is_none());
    Ok(())
}

/// Of each account the oldest event alone is handed out, and the next one when that is done.
pub async fn deliveries_keep_the_order_of_each_account(subject: Subject) -> anyhow::Result<()> {
    let hooks = subject.again()?;
    let (one, two) = (endpoint(1)?, endpoint(2)?);
    hooks.add_endpoint(&one).await?;
    hooks.add_endpoint(&two).await?;
    let all =
        [delivery(&one, "a", 1), delivery(&one, "a", 2), delivery(&one, "b", 3), delivery(&two, "a", 1)];
    ensure!(read(&*hooks, 5, &all).await?, "nobody else reads");
    ensure!(hooks.place().await? == Some(5));
    // The same again, as after a crash of the reader of another part: nothing waits twice.
    ensure!(read(&*hooks, 6, &all).await?);
    ensure!(hooks.waiting(&one.id).await? == 3 && hooks.waiting(&two.id).await? == 1);

    let mut due = hooks.due_endpoints().await?;
    due.sort();
    ensure!(due == [one.id.clone(), two.id.clone()], "{due:?}");
    let taken = hooks.take(&[(&one.id, 10), (&two.id, 10)]).await?;
    ensure!(events(&taken) == ["1.posted", "3.posted", "1.posted"], "{taken:?}");
    ensure!(taken[0].new == all[0], "{taken:?}");
    ensure!(
        hooks.due_endpoints().await?.is_empty() && hooks.take(&[(&one.id, 10)]).await?.is_empty(),
        "they are taken"
    );

    // One fails and keeps its account waiting, the other one is delivered.
    let results = [done(&taken[0], Then::Retry(Duration::ZERO)), done(&taken[1], Then::Delivered)];
    ensure!(hooks.note_attempts(&results).await?.is_empty());
    let again = hooks.take(&[(&one.id, 10)]).await?;
    ensure!(events(&again) == ["1.posted"] && again[0].attempts == 1, "{again:?}");
    hooks.note_attempts(&[done(&again[0], Then::GiveUp)]).await?;
    let next = hooks.take(&[(&one.id, 10)]).await?;
    ensure!(events(&next) == ["2.posted"], "{next:?}");
    // What comes meanwhile waits for its turn.
    ensure!(read(&*hooks, 7, &[delivery(&one, "a", 4)]).await?);
    ensure!(hooks.take(&[(&one.id, 10)]).await?.is_empty(), "another of its account is on its way");
    hooks.hand_back(&next).await?;
    let next = hooks.take(&[(&one.id, 10)]).await?;
    ensure!(events(&next) == ["2.posted"], "{next:?}");
    hooks.note_attempts(&[done(&next[0], Then::Drop)]).await?;
    let last = hooks.take(&[(&one.id, 10)]).await?;
    ensure!(events(&last) == ["4.posted"], "{last:?}");
    hooks.note_attempts(&[done(&last[0], Then::Retry(Duration::from_secs(3_600)))]).await?;
    ensure!(hooks.due_endpoints().await?.is_empty());
    hooks.hurry(&one.id).await?;
    ensure!(events(&hooks.take(&[(&one.id, 10)]).await?) == ["4.posted"], "it is sent at once");

    let attempts = hooks.attempts(&one.id, None, 10).await?;
    let results: Vec<_> = attempts.iter().map(|(_, attempt)| attempt.result).collect();
    use AttemptResult::{Delivered, GivenUp, Retry};
    ensure!(results[..2] == [Retry, GivenUp] && results.len() == 4, "{attempts:?}");
    let (number, given_up) = &attempts[1];
    ensure!(given_up.attempt == 2 && given_up.status.is_none() && given_up.took_ms == 12, "{given_up:?}");
    ensure!(given_up.error.as_ref().is_some_and(|error| error.len() == 500) && given_up.answer == "no – 🦀");
    let older = hooks.attempts(&one.id, Some(*number), 1).await?;
    ensure!(older.len() == 1 && [Delivered, Retry].contains(&older[0].1.result), "{older:?}");
    Ok(())
}

/// Two who read at once: one of them notes what it read, and the other one nothing.
pub async fn the_stream_is_read_on_by_one(subject: Subject) -> anyhow::Result<()> {
    let (hooks, other) = (subject.again()?, subject.again()?);
    let one = endpoint(1)?;
    hooks.add_endpoint(&one).await?;
    let (mine, theirs) = ([delivery(&one, "a", 1)], [delivery(&one, "a", 2)]);
    let read = |deliveries| Read { from: None, to: 9, deliveries, behind: &[] };
    let (first, second) = (read(&mine[..]), read(&theirs[..]));
    let (first, second) = tokio::join!(hooks.note_read(&first), other.note_read(&second));
    ensure!(first? != second?, "one of them was first");
    ensure!(hooks.waiting(&one.id).await? == 1);
    let behind = [(one.id.clone(), 9)];
    let next = Read { from: Some(9), to: 10, deliveries: &[], behind: &behind };
    ensure!(hooks.note_read(&next).await? && !other.note_read(&next).await?);
    ensure!(hooks.endpoint(&one.id).await?.is_some_and(|kept| kept.behind_at == Some(9)));
    hooks.note_caught_up(&one.id, &[delivery(&one, "a", 3)], None).await?;
    ensure!(hooks.endpoint(&one.id).await?.is_some_and(|kept| kept.behind_at.is_none()));
    hooks.note_missed(None).await?;
    ensure!(hooks.endpoint(&one.id).await?.is_some_and(|kept| kept.missed_at.is_some()));
    hooks.forget_place().await?;
    ensure!(hooks.place().await? == Some(10), "an endpoint is read for, whatever a worker knows of it");
    let off = EndpointChange { disabled: Some(Some(Disabled::ByClient)), ..EndpointChange::default() };
    hooks.change_endpoint(&one.id, &off).await?;
    hooks.forget_place().await?;
    ensure!(hooks.place().await?.is_none());
    Ok(())
}

/// Readers, takers and noters at once: what was added last is not forgotten, whoever comes between.
pub async fn nothing_that_waits_is_forgotten(subject: Subject) -> anyhow::Result<()> {
    const EVENTS: u64 = 120;
    let (reader, taker) = (subject.again()?, subject.again()?);
    let one = endpoint(1)?;
    reader.add_endpoint(&one).await?;
    let add = async {
        for number in 0..EVENTS {
            let account = ["a", "b"][usize::try_from(number % 2)?];
            while !read(&*reader, number, &[delivery(&one, account, number)]).await.unwrap_or(false) {}
        }
        anyhow::Ok(())
    };
    let take = async {
        let mut delivered = Vec::new();
        while delivered.len() < usize::try_from(EVENTS)? {
            let taken = taker.take(&[(&one.id, 16)]).await.unwrap_or_default();
            let results: Vec<_> = taken.iter().map(|taken| done(taken, Then::Delivered)).collect();
            // A deadlock is tried again; a lease that nobody took up would end the test in time.
            while taker.note_attempts(&results).await.is_err() {}
            delivered.extend(taken);
        }
        anyhow::Ok(delivered)
    };
    let both = async { tokio::try_join!(add, take) };
    let ((), delivered) = tokio::time::timeout(Duration::from_secs(60), both).await??;
    for account in ["a", "b"] {
        let of_it = delivered.iter().filter(|delivery| delivery.new.account == account);
        let numbers: Vec<_> = of_it.map(|delivery| delivery.number).collect();
        ensure!(numbers.is_sorted() && numbers.len() == 60, "{account}: {numbers:?}");
    }
    Ok(())
}

/// An endpoint that says that it is gone is disabled, and one that goes leaves nothing behind.
pub async fn an_endpoint_ends(subject: Subject) -> anyhow::Result<()> {
    let hooks = subject.again()?;
    let (one, two) = (endpoint(1)?, endpoint(2)?);
    hooks.add_endpoint(&one).await?;
    hooks.add_endpoint(&two).await?;
    ensure!(
        read(&*hooks, 1, &[delivery(&one, "a", 1), delivery(&one, "b", 2), delivery(&two, "a", 1)]).await?
    );
    let taken = hooks.take(&[(&one.id, 1)]).await?;
    let disabled = hooks.note_attempts(&[done(&taken[0], Then::Disable(Disabled::Gone))]).await?;
    ensure!(disabled == [(one.id.clone(), Disabled::Gone)], "{disabled:?}");
    let standing = hooks.standing().await?;
    let expected =
        Standing { active: 1, failing: 0, disabled: 1, disabled_one: Some(one.id.clone()), waiting: 3 };
    ensure!(standing == expected, "{standing:?}");

    // Five days later another endpoint has not answered once.
    let taken = hooks.take(&[(&two.id, 1)]).await?;
    hooks.note_attempts(&[done(&taken[0], Then::Retry(Duration::ZERO))]).await?;
    ensure!(hooks.standing().await?.failing == 1);
    subject
        .behind_its_back("UPDATE webhook_endpoints SET failing_since = failing_since - 432000000001")
        .await?;
    let taken = hooks.take(&[(&two.id, 1)]).await?;
    let disabled = hooks.note_attempts(&[done(&taken[0], Then::Retry(Duration::ZERO))]).await?;
    ensure!(disabled == [(two.id.clone(), Disabled::Failing)], "{disabled:?}");
    let anew = EndpointChange { disabled: Some(None), ..EndpointChange::default() };
    hooks.change_endpoint(&two.id, &anew).await?;
    let kept = hooks.endpoint(&two.id).await?.context("it is kept")?;
    ensure!(kept.disabled.is_none() && kept.failing_since.is_none(), "{kept:?}");

    hooks.remove_endpoint(&one.id).await?;
    hooks.prune_attempts(&[&two.id]).await?;
    ensure!(hooks.waiting(&one.id).await? == 0 && hooks.attempts(&one.id, None, 10).await?.is_empty());
    ensure!(hooks.waiting(&two.id).await? == 1 && hooks.attempts(&two.id, None, 10).await?.len() == 2);
    // What is read for one that is gone is nobody's.
    ensure!(read(&*hooks, 3, &[delivery(&one, "a", 9)]).await? && hooks.waiting(&one.id).await? == 0);
    Ok(())
}

/// Attempts go by their age and by their number.
pub async fn old_attempts_are_pruned(subject: Subject) -> anyhow::Result<()> {
    let hooks = subject.again()?;
    let one = endpoint(1)?;
    hooks.add_endpoint(&one).await?;
    let attempt = Delivery { number: 1, new: delivery(&one, "a", 1), attempts: 0, lease: 0 };
    for _ in 0..11 {
        let some: Vec<_> = (0..100).map(|_| done(&attempt, Then::Delivered)).collect();
        hooks.note_attempts(&some).await?;
    }
    hooks.prune_attempts(&[&one.id]).await?;
    ensure!(hooks.attempts(&one.id, None, 2_000).await?.len() == 1_000);
    subject.behind_its_back("UPDATE webhook_attempts SET at = at - 2592000000001 WHERE number > 200").await?;
    hooks.prune_attempts(&[]).await?;
    ensure!(hooks.attempts(&one.id, None, 2_000).await?.len() == 100);
    Ok(())
}

/// What somebody wants once more is kept until it is done.
pub async fn what_is_wanted_again_is_kept_until_it_is_done(subject: Subject) -> anyhow::Result<()> {
    let hooks = subject.again()?;
    let one = endpoint(1)?;
    hooks.add_endpoint(&one).await?;
    let resend = Resend { endpoint: one.id.clone(), event: None, since: 5, until: 9, place: None };
    hooks.add_resend(&resend).await?;
    let [(number, kept)] = &hooks.resends().await?[..] else { anyhow::bail!("there is one") };
    ensure!(*kept == resend, "{kept:?}");
    hooks.note_resent(*number, &[delivery(&one, "a", 1)], Some(77)).await?;
    let [(_, kept)] = &hooks.resends().await?[..] else { anyhow::bail!("it is not done") };
    ensure!(kept.place == Some(77), "{kept:?}");
    hooks.note_resent(*number, &[delivery(&one, "a", 2)], None).await?;
    ensure!(hooks.resends().await?.is_empty() && hooks.waiting(&one.id).await? == 2);
    Ok(())
}
