//! What the users of the broker may not do, and how that is said.

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use domain::lane::{Lane, Lanes};
use jiff::Timestamp;
use queue::events::{EventStream as _, Start};
use queue::rabbitmq::{RabbitMq, RabbitMqSettings};
use queue::{DeadLetter, Queue as _};
use tests::rights::BrokerUsers;

fn queue(users: &BrokerUsers, role: &str) -> anyhow::Result<RabbitMq> {
    Ok(RabbitMq::new(&users.url(role), RabbitMqSettings::new(Lanes::DEFAULT))?)
}

/// Whether what failed names the user, the thing and the pattern to grant.
fn named<T, E: std::fmt::Display>(tried: Result<T, E>, expected: &[&str]) -> anyhow::Result<()> {
    let said = tried.err().context("it may do this")?.to_string();
    for expected in expected.iter().chain(&["deploy/rabbitmq/permissions.json"]) {
        ensure!(said.contains(expected), "{expected} is not in: {said}");
    }
    Ok(())
}

/// # Errors
/// A role may do what it has no need to do, or what it lacks is not said.
pub(super) async fn each_role_may_do_no_more(users: &BrokerUsers) -> anyhow::Result<()> {
    let api = queue(users, "api")?;
    named(api.subscribe(Lane(0), 1).await, &["_api lacks a right on the queue tellers.lane.00", "`read`"])?;
    named(api.dead_letters(1).await, &["_api lacks a right on the queue tellers.dead-letters", "`read`"])?;
    let letter = DeadLetter {
        id: "0".to_owned(),
        lane: Lane(0),
        cause: "none".to_owned(),
        at: Timestamp::now(),
        payload: Bytes::from_static(b"{}"),
    };
    named(
        api.dead_letter(letter.clone()).await,
        &["_api lacks a right on the exchange tellers.dead", "`write`"],
    )?;
    let events = api.publish_events(Bytes::from_static(b"[]")).await;
    named(events, &["_api lacks a right on the exchange tellers.events", "`write`"])?;
    api.read_events(Start::Oldest).await?.close().await;
    let monitor = queue(users, "monitor")?;
    named(
        monitor.read_events(Start::Oldest).await,
        &["_monitor lacks a right on the queue tellers.events", "`read`"],
    )?;
    named(monitor.dead_letter(letter).await, &["_monitor lacks a right on the exchange tellers.dead"])?;
    named(monitor.subscribe(Lane(1), 1).await, &["_monitor lacks a right on the queue tellers.lane.01"])?;
    let worker = queue(users, "worker")?;
    named(worker.dead_letters(1).await, &["_worker lacks a right on the queue tellers.dead-letters"])?;
    let management = queue(users, "management")?;
    let published = management.publish(Lane(0), Bytes::from_static(b"{}"), 1).await;
    named(published, &["_management lacks a right on the queue tellers.lanes", "`configure`"])?;
    for queue in [api, monitor, worker, management] {
        queue.close().await;
    }
    Ok(())
}
