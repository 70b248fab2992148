//! The standing orders port on the ledger's database, and orders as they are read.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use contract::submission;
use domain::id::JobId;
use domain::lane::Lane;
use domain::text::Client;
use jiff::civil::Date;

use super::rows;
use super::statements::{date, select_now_and_latest};
use crate::error::StoreError;
use crate::failure::Failure;
use crate::sql::rows::Cells;
use crate::sql::script::Script;
use crate::sql::session::{Database, Purpose, Session, SqlLedger};
use crate::standing_orders::{DuePayment, NextPayments, Opened, StandingOrders};

#[async_trait]
impl<D: Database> StandingOrders for SqlLedger<D> {
    async fn next_payments(&self, lanes: &[Lane]) -> Result<NextPayments, StoreError> {
        if lanes.is_empty() {
            return Ok(NextPayments::default());
        }
        let mut script = Script::new(D::Session::DIALECT);
        select_now_and_latest(&mut script);
        script.sql(
            "SELECT lane, MIN(attempt_on) FROM standing_orders WHERE attempt_on IS NOT NULL AND lane IN (",
        );
        script.list(lanes.iter().copied()).sql(") GROUP BY lane");
        let mut session = self.database.session(Purpose::ReadingRecords).await?;
        let mut results = session.run(script).await?.into_iter();
        let times = results.next().unwrap_or_default();
        // As the posting has it.
        let now = rows::now(&times)?.max(rows::latest(&times)?);
        let of_lane =
            |row: &<D::Session as Session>::Row| Ok((rows::lane(row.int(0)?)?, date(row.text(1)?)?));
        let next = results.next().unwrap_or_default();
        let by_lane = next.iter().map(of_lane).collect::<Result<BTreeMap<_, _>, Failure>>()?;
        Ok(NextPayments { now, by_lane })
    }

    async fn due_payments(&self, lane: Lane, today: Date, limit: u32) -> Result<Vec<DuePayment>, StoreError> {
        let mut script = Script::new(D::Session::DIALECT);
        script.sql("SELECT id, next_due, attempt FROM standing_orders WHERE lane = ").value(lane);
        script.sql(" AND attempt_on <= ").value(today.to_string().as_str());
        script.sql(" ORDER BY attempt_on, id LIMIT ").value(i64::from(limit));
        let mut session = self.database.session(Purpose::ReadingRecords).await?;
        let found = session.run(script).await?.pop().unwrap_or_default();
        let payment = |row: &<D::Session as Session>::Row| -> Result<_, Failure> {
            let attempt = row.int(2)?;
            let attempt = u32::try_from(attempt).map_err(|_| Failure::unreadable("attempt", attempt))?;
            Ok(DuePayment { order: rows::id(row.bytes(0)?)?, due: date(row.text(1)?)?, attempt })
        };
        Ok(found.iter().map(payment).collect::<Result<_, _>>()?)
    }

    async fn opened(&self, orders: &[JobId]) -> Result<HashMap<JobId, Opened>, StoreError> {
        if orders.is_empty() {
            return Ok(HashMap::new());
        }
        let mut script = Script::new(D::Session::DIALECT);
        script.sql("SELECT j.id, j.client, j.body FROM jobs j WHERE j.id IN (").keys(orders).sql(")");
        let mut session = self.database.session(Purpose::ReadingRecords).await?;
        let found = session.run(script).await?.pop().unwrap_or_default();
        let opened = |row: &<D::Session as Session>::Row| -> Result<_, Failure> {
            let (client, body) = (row.text(1)?, row.text(2)?);
            let spec = submission::parse(body.as_bytes());
            let spec = spec.map_err(|_| Failure::unreadable("body of a standing order", body))?;
            let client = Client::parse(client).map_err(|_| Failure::unreadable("client", client))?;
            Ok((rows::id(row.bytes(0)?)?, Opened { client, spec }))
        };
        Ok(found.iter().map(opened).collect::<Result<_, _>>()?)
    }
}
