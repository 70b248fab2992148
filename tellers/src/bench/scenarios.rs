//! What is measured only if it is asked for: an account that half of all transfers credit, a database that is far away,
//! users who share a rate, and TLS. Each is compared with a measurement of its own, made beside it.

use std::time::Duration;

use anyhow::Context as _;
use fleet::config::FleetConfig;
use load_test::figures::per_second;
use store::floor::server_facts;
use store::ledger::Ledger;

use super::books::{Accounts, Credits};
use super::children::{Children, Workers};
use super::distance::Distance;
use super::figures::Latency;
use super::keys::{Clients, Keys};
use super::load;
use super::load::{BATCH_CONNECTIONS, OFFERED_PER_SECOND, Sent};
use super::progress::show_progress;
use super::scenario::{Row, Scenario, posted};
use super::servers::{DATABASE_PORT, ServerUrl, Tls};

/// Workers at a distance from the database.
const WORKERS: [usize; 3] = [1, 2, 4];
/// Users who share the rate.
const USERS: [u32; 3] = [10, 100, 1_000];
/// Jobs of which the latency is read: enough for a 99th percentile.
const SAMPLE_JOBS: usize = 5_000;

/// What every scenario needs.
pub(crate) struct Bench<'b> {
    pub(crate) fleet: &'b FleetConfig,
    pub(crate) ledger: &'b dyn Ledger,
    pub(crate) accounts: &'b Accounts,
    pub(crate) span: Duration,
    /// What the load presents.
    pub(crate) keys: &'b Keys,
}

impl Bench<'_> {
    /// Half of all transfers credit one account.
    pub(crate) async fn hot(&self, clients: &Clients) -> anyhow::Result<Scenario> {
        show_progress("half of all transfers credit one account");
        let half = self.span / 2;
        let rate = async |credits| self.sustained(clients, credits, half).await;
        // There and back, so that a ledger that grows meanwhile favours neither.
        let any = rate(Credits::Any).await?;
        let hot = (rate(Credits::HalfToOne).await? + rate(Credits::HalfToOne).await?) / 2.0;
        let any = (any + rate(Credits::Any).await?) / 2.0;
        let rows = vec![
            posted("any accounts".to_owned(), any, None),
            posted("half to one account".to_owned(), hot, Some(any)),
        ];
        Ok(Scenario { name: "hot account".to_owned(), rows, note: None })
    }

    /// Users who share a rate.
    pub(crate) async fn users(&self, clients: &Clients) -> anyhow::Result<Scenario> {
        let mut rows = Vec::new();
        for users in USERS {
            show_progress(&format!("{users} users"));
            let Sent { ids, refused } =
                load::users(clients, self.accounts, (users, OFFERED_PER_SECOND), self.span).await?;
            let sample: Vec<_> =
                ids.iter().copied().step_by(ids.len().div_ceil(SAMPLE_JOBS).max(1)).collect();
            let latency = load::latency(self.ledger, &sample, self.span).await?;
            let offered_per_second = per_second(u64::try_from(ids.len())?, self.span);
            let latency = Some(Latency { offered_per_second, refused, ..latency });
            rows.push(Row { what: format!("{users} users"), latency, ..Row::default() });
        }
        let name = format!("users who send {OFFERED_PER_SECOND} single jobs/s together, accepted to posted");
        Ok(Scenario { name, rows, note: None })
    }

    /// Workers that are `delay` away from the database, each way.
    pub(crate) async fn distance(&self, delay: Duration) -> anyhow::Result<Scenario> {
        let name = format!("workers {delay:?} away from the database, each way");
        let database = match self.database() {
            Ok(database) => database,
            Err(why) => return Ok(Scenario::not_measured(name, &why)),
        };
        let distance = Distance::to(&database, delay).await?;
        let database_url = Some(distance.url(&database)?);
        let mut rows = Vec::new();
        let mut of_one = None;
        for count in WORKERS {
            show_progress(&format!("{delay:?} away from the database: {count} workers"));
            let workers = Workers { count, database_url: database_url.clone() };
            let rate = self.of_a_fleet(self.fleet, &workers, self.span).await?;
            rows.push(posted(format!("{count} workers"), rate, of_one));
            of_one.get_or_insert(rate);
        }
        Ok(Scenario { name, rows, note: None })
    }

    /// With TLS to the database and without.
    pub(crate) async fn tls(&self) -> anyhow::Result<Scenario> {
        let name = "TLS to the database".to_owned();
        let urls = match self.both_ways().await {
            Ok(urls) => urls,
            Err(why) => return Ok(Scenario::not_measured(name, &why)),
        };
        let half = self.span / 2;
        let [mut off, mut on] = [0.0, 0.0];
        for tls in [Tls::Off, Tls::On, Tls::On, Tls::Off] {
            show_progress(if tls == Tls::On {
                "with TLS to the database"
            } else {
                "without TLS to the database"
            });
            let (url, rate) = if tls == Tls::On { (&urls.1, &mut on) } else { (&urls.0, &mut off) };
            let fleet = FleetConfig { database_url: Some(url.clone()), ..self.fleet.clone() };
            *rate += self.of_a_fleet(&fleet, &Workers::ONE, half).await? / 2.0;
        }
        let rows = vec![posted("off".to_owned(), off, None), posted("on".to_owned(), on, Some(off))];
        Ok(Scenario { name, rows, note: None })
    }

    /// The URLs without and with TLS, if the server has both.
    async fn both_ways(&self) -> anyhow::Result<(String, String)> {
        let database = self.database()?;
        let (off, on) = (database.with(Tls::Off), database.with(Tls::On));
        let refused = "the server does not take connections both with TLS and without";
        server_facts(&off).await.context(refused)?;
        server_facts(&on).await.context(refused)?;
        Ok((off, on))
    }

    fn database(&self) -> anyhow::Result<ServerUrl> {
        let url = self.fleet.database_url.as_deref().context("the database is embedded")?;
        ServerUrl::read(url, DATABASE_PORT)
    }

    async fn of_a_fleet(
        &self,
        fleet: &FleetConfig,
        workers: &Workers,
        span: Duration,
    ) -> anyhow::Result<f64> {
        let mut children = Children::start(fleet, workers).await?;
        let clients = self.keys.clients_of(&children)?;
        let rate = self.sustained(&clients, Credits::Any, span).await?;
        children.stop().await?;
        Ok(rate)
    }

    async fn sustained(&self, clients: &Clients, credits: Credits, span: Duration) -> anyhow::Result<f64> {
        load::sustained(clients, self.ledger, (self.accounts, credits), BATCH_CONNECTIONS, span).await
    }
}
