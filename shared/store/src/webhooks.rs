//! The port of webhooks: endpoints, what waits to be sent to them, and what became of each attempt. Times are microseconds
//! since the Unix epoch, by the database's clock.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use domain::access::Accounts;
use domain::text::{Client, Name};
use strum::{EnumString, IntoStaticStr};

use crate::error::StoreError;

/// How long whoever takes a delivery has it to himself. An attempt takes half of that at the most.
pub const LEASE: Duration = Duration::from_secs(30);
/// How long every attempt may fail until the endpoint is disabled: 5 days.
pub const FAILING_MAX: Duration = Duration::from_secs(5 * 24 * 3_600);
/// How long attempts are kept, and how many of an endpoint.
pub const ATTEMPTS_KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3_600);
/// See [`ATTEMPTS_KEPT_FOR`].
pub const ATTEMPTS_KEPT_MAX: u32 = 1_000;

/// Webhooks, kept in the ledger's database.
///
/// # Errors
/// Of every method: the database could not be reached, and it is not known whether what was to be written was.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Another text after every change of an endpoint that whoever delivers has to know of; `None`: there is no endpoint.
    async fn version_of_endpoints(&self) -> Result<Option<String>, StoreError>;

    /// Every endpoint of this client, or of all; the oldest first.
    async fn endpoints(&self, client: Option<&Client>) -> Result<Vec<Endpoint>, StoreError>;

    /// One by its id.
    async fn endpoint(&self, id: &str) -> Result<Option<Endpoint>, StoreError>;

    /// Adds one; it is made now, by the database's clock, whatever `created_at` says.
    async fn add_endpoint(&self, endpoint: &Endpoint) -> Result<(), StoreError>;

    /// Changes one, if it is there.
    async fn change_endpoint(&self, id: &str, change: &EndpointChange<'_>) -> Result<(), StoreError>;

    /// Removes one. What waits for it and its attempts go by and by.
    async fn remove_endpoint(&self, id: &str) -> Result<(), StoreError>;

    /// Has what waits for an endpoint sent now, and no later.
    async fn hurry(&self, id: &str) -> Result<(), StoreError>;

    /// Up to where the stream was read; `None`: it was not.
    async fn place(&self) -> Result<Option<u64>, StoreError>;

    /// Forgets it, if no endpoint is enabled: one may be that the caller does not know of.
    async fn forget_place(&self) -> Result<(), StoreError>;

    /// Notes what was read of the stream, all of it or nothing. `false`: somebody else has read on, and nothing was noted.
    /// Deliveries that wait already stay as they are.
    async fn note_read(&self, read: &Read<'_>) -> Result<bool, StoreError>;

    /// Adds deliveries for one endpoint, read behind the others, and notes where it is behind from then on.
    async fn note_caught_up(
        &self,
        endpoint: &str,
        deliveries: &[NewDelivery],
        behind_at: Option<u64>,
    ) -> Result<(), StoreError>;

    /// Notes that events were gone from the stream before they were read for this endpoint; `None`: for any that is sent
    /// events.
    async fn note_missed(&self, endpoint: Option<&str>) -> Result<(), StoreError>;

    /// How many deliveries wait for an endpoint.
    async fn waiting(&self, endpoint: &str) -> Result<u64, StoreError>;

    /// The endpoints for which something is due.
    async fn due_endpoints(&self) -> Result<Vec<String>, StoreError>;

    /// Takes what is due of these endpoints, up to so many of each, for as long as [`LEASE`].
    async fn take(&self, wanted: &[(&str, u32)]) -> Result<Vec<Delivery>, StoreError>;

    /// Notes what became of deliveries that were taken. Returns the endpoints that were disabled by that.
    async fn note_attempts(&self, done: &[Done]) -> Result<Vec<(String, Disabled)>, StoreError>;

    /// Hands back deliveries that were taken and not tried.
    async fn hand_back(&self, deliveries: &[Delivery]) -> Result<(), StoreError>;

    /// Up to `limit` attempts of an endpoint, the newest first, those with a number below `before` only.
    async fn attempts(
        &self,
        endpoint: &str,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<(u64, AttemptRecord)>, StoreError>;

    /// Removes attempts of these endpoints that are not kept any longer, and some of what is left of endpoints that are
    /// gone.
    async fn prune_attempts(&self, endpoints: &[&str]) -> Result<(), StoreError>;

    /// Asks for events of the stream once more.
    async fn add_resend(&self, resend: &Resend) -> Result<(), StoreError>;

    /// What was asked for and is not done, the oldest first.
    async fn resends(&self) -> Result<Vec<(u64, Resend)>, StoreError>;

    /// Adds deliveries of one that was asked for, and notes where it goes on; `None`: it is done.
    async fn note_resent(
        &self,
        number: u64,
        deliveries: &[NewDelivery],
        place: Option<u64>,
    ) -> Result<(), StoreError>;

    /// How the endpoints are.
    async fn standing(&self) -> Result<Standing, StoreError>;
}

/// Who is sent which events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// 16 hexadecimal digits.
    pub id: String,
    /// Whose it is.
    pub client: Client,
    /// What people call it.
    pub name: Name,
    /// Where events are posted to.
    pub url: String,
    /// The names of the types of events that it gets; none: every type.
    pub types: Vec<String>,
    /// Besides the client's own, the events about these accounts; entries of other accounts are left out.
    pub accounts: Accounts,
    /// What its messages are signed with.
    pub secrets: Secrets,
    /// When it was made.
    pub created_at: i64,
    /// By whom.
    pub created_by: String,
    /// The id of the key in the database that made it; `None`: another kind of key did.
    pub key: Option<String>,
    /// Why nothing is sent to it, and since when; `None`: it is sent what there is.
    pub disabled: Option<(Disabled, i64)>,
    /// Since when every attempt has failed.
    pub failing_since: Option<i64>,
    /// The place in the stream from which on it has still to be given its events; 0: from the time on at which it was made.
    pub behind_at: Option<u64>,
    /// When events were gone from the stream before they were read for it.
    pub missed_at: Option<i64>,
}

/// The secrets of an endpoint, as text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The current one.
    pub current: String,
    /// The one before, and until when it signs too.
    pub old: Option<(String, i64)>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// Why nothing is sent to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Disabled {
    /// Its client wanted so.
    ByClient,
    /// It answered 410 Gone.
    Gone,
    /// Every attempt has failed for [`FAILING_MAX`].
    Failing,
    /// No key of its client is valid any more.
    NoKey,
}

impl Disabled {
    /// Its name.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What changes of an endpoint; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct EndpointChange<'a> {
    /// Its name.
    pub name: Option<&'a Name>,
    /// Where events are posted to.
    pub url: Option<&'a str>,
    /// The types of events.
    pub types: Option<&'a [String]>,
    /// The accounts.
    pub accounts: Option<&'a Accounts>,
    /// A new secret, and for how long the one before signs too.
    pub secret: Option<(&'a str, Duration)>,
    /// `Some(None)`: it is sent events again, and has not failed.
    pub disabled: Option<Option<Disabled>>,
    /// It goes on with what happens from now on, where it is behind.
    pub skips: bool,
}

/// What was read of the stream.
#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// Where it was read from; `None`: nothing had been read.
    pub from: Option<u64>,
    /// The place behind it.
    pub to: u64,
    /// What is to be sent, in the order of the stream.
    pub deliveries: &'a [NewDelivery],
    /// Endpoints that are given no more, since they are disabled or so much waits for them, each with the place from which
    /// on.
    pub behind: &'a [(String, u64)],
}

/// An event for an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The endpoint.
    pub endpoint: String,
    /// The event's id.
    pub event: String,
    /// The name of its type.
    pub event_type: String,
    /// The account whose order it keeps.
    pub account: String,
    /// The event as JSON.
    pub body: String,
}

/// An event for an endpoint, to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Unique, and grows with the order of the stream.
    pub number: u64,
    /// What is sent where.
    pub new: NewDelivery,
    /// How often it was tried.
    pub attempts: u32,
    /// Whose it is now.
    pub lease: i64,
}

/// A delivery that was tried.
#[derive(Debug, Clone)]
pub struct Done {
    /// What was tried.
    pub delivery: Delivery,
    /// What was answered; `None`: nothing was.
    pub status: Option<u16>,
    /// Why not, or not all of it.
    pub error: Option<String>,
    /// How the answer begins.
    pub answer: String,
    /// How long it took.
    pub took: Duration,
    /// What comes next.
    pub then: Then,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is delivered.
    Delivered,
    /// It is tried again after this time.
    Retry(Duration),
    /// It is given up.
    GiveUp,
    /// The endpoint is disabled, and it waits until the endpoint is enabled again.
    Disable(Disabled),
    /// Nobody is to see it any more: it goes without an attempt.
    Drop,
}

/// An attempt as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// The event's id.
    pub event: String,
    /// The name of its type.
    pub event_type: String,
    /// When it was noted.
    pub at: i64,
    /// Which attempt it was, from 1 on.
    pub attempt: u32,
    /// What was answered; `None`: nothing was.
    pub status: Option<u16>,
    /// Why not, or not all of it.
    pub error: Option<String>,
    /// How the answer begins.
    pub answer: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What became of the delivery.
    pub result: AttemptResult,
}

/// What became of a delivery by an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum AttemptResult {
    /// It is delivered.
    Delivered,
    /// It is tried again.
    Retry,
    /// It was given up.
    GivenUp,
}

impl AttemptResult {
    /// Its name.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Events that somebody wants to be sent once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resend {
    /// To this endpoint.
    pub endpoint: String,
    /// The event of this id; `None`: all of the time.
    pub event: Option<String>,
    /// From this time on.
    pub since: i64,
    /// Before this time.
    pub until: i64,
    /// Where in the stream it goes on; `None`: it has not begun.
    pub place: Option<u64>,
}

/// How the endpoints are, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Endpoints that are sent events.
    pub active: u64,
    /// Those among them whose attempts all fail.
    pub failing: u64,
    /// Endpoints that were disabled, but for those whose client wanted so.
    pub disabled: u64,
    /// One of them.
    pub disabled_one: Option<String>,
    /// Deliveries that wait.
    pub waiting: u64,
}
