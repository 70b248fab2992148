//! The schedules port on the ledger's database: what is to be put on its lane again.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use domain::job::Origin;
use domain::lane::Lane;

use super::super::statements::select_now_and_latest;
use super::rows::{self, count};
use crate::error::StoreError;
use crate::failure::Failure;
use crate::schedules::{Awaited, DueJob, NextReleases, Schedules};
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script};
use crate::sql::session::{Database, Purpose, Session, SqlLedger};

#[async_trait]
impl<D: Database> Schedules for SqlLedger<D> {
    async fn next_releases(&self, lanes: &[Lane]) -> Result<NextReleases, StoreError> {
        if lanes.is_empty() {
            return Ok(NextReleases::default());
        }
        let mut script = Script::new(D::Session::DIALECT);
        select_now_and_latest(&mut script);
        script.sql("SELECT lane, MIN(release_at) FROM scheduled_jobs WHERE lane IN (");
        script.list(lanes.iter().copied()).sql(") GROUP BY lane");
        let mut session = self.database.session(Purpose::ReadingRecords).await?;
        let mut results = session.run(script).await?.into_iter();
        let now = time(&results.next().unwrap_or_default())?;
        let next = results.next().unwrap_or_default();
        let of_lane = |row: &<D::Session as Session>::Row| Ok((rows::lane(row.int(0)?)?, row.int(1)?));
        let by_lane = next.iter().map(of_lane).collect::<Result<BTreeMap<_, _>, Failure>>()?;
        Ok(NextReleases { now, by_lane })
    }

    async fn due(&self, lane: Lane, released_max: u32, limit: u32) -> Result<Awaited, StoreError> {
        let mut session = self.database.session(Purpose::ReadingRecords).await?;
        let mut script = Script::new(D::Session::DIALECT);
        select_now_and_latest(&mut script);
        script.sql("SELECT COUNT(*) FROM scheduled_jobs WHERE lane = ").value(lane);
        script.sql(" AND releases > 0");
        let mut results = session.run(script).await?.into_iter();
        let now = time(&results.next().unwrap_or_default())?;
        let released = results.next().unwrap_or_default();
        let released = released.first().map_or(Ok(0), |row| row.int(0))?;

        let mut script = Script::new(D::Session::DIALECT);
        select_due(&mut script, lane, now);
        script.sql(" AND releases > 0 ORDER BY release_at, seq LIMIT ").value(i64::from(limit));
        let mut jobs = read(session.run(script).await?)?;
        let left = i64::from(limit) - i64::try_from(jobs.len()).unwrap_or(i64::MAX);
        let room = (i64::from(released_max) - released).min(left).max(0);
        let mut script = Script::new(D::Session::DIALECT);
        select_due(&mut script, lane, now);
        // One more than there is room for: whether there are others.
        script.sql(" AND releases = 0 ORDER BY release_at, seq LIMIT ").value(room + 1);
        let mut others = read(session.run(script).await?)?;
        let is_more = i64::try_from(others.len()).is_ok_and(|found| found > room);
        others.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        jobs.append(&mut others);
        Ok(Awaited { now, jobs, is_more })
    }

    async fn note_released(&self, jobs: &[(i64, Duration)], now: i64) -> Result<(), StoreError> {
        let mut by_pause: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (seq, pause) in jobs {
            let pause = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
            by_pause.entry(now.saturating_add(pause)).or_default().push(*seq);
        }
        if by_pause.is_empty() {
            return Ok(());
        }
        let mut script = Script::new(D::Session::DIALECT);
        for (release_at, seqs) in by_pause {
            script.sql(match script.dialect() {
                // A scan would wait for rows of other lanes.
                Dialect::MySql => "UPDATE scheduled_jobs FORCE INDEX (PRIMARY)",
                Dialect::Sqlite => "UPDATE scheduled_jobs",
            });
            script.sql(" SET releases = releases + 1, release_at = ").value(release_at);
            script.sql(" WHERE seq IN (").list(seqs).sql("); ");
        }
        self.database.session(Purpose::WritingRecords).await?.run(script).await?;
        Ok(())
    }
}

/// That of the database, and no earlier than anything that was posted: as the posting has it.
fn time<Row: Cells>(found: &[Row]) -> Result<i64, Failure> {
    Ok(rows::now(found)?.max(rows::latest(found)?))
}

fn select_due(script: &mut Script, lane: Lane, now: i64) {
    script.sql("SELECT seq, releases, import, number, message FROM scheduled_jobs WHERE lane = ").value(lane);
    script.sql(" AND release_at <= ").value(now);
}

fn read<Row: Cells>(mut results: Vec<Vec<Row>>) -> Result<Vec<DueJob>, Failure> {
    results.pop().unwrap_or_default().iter().map(due_job).collect()
}

fn due_job(row: &impl Cells) -> Result<DueJob, Failure> {
    let origin = match (row.int_or_null(2)?, row.int_or_null(3)?) {
        (Some(import), Some(number)) => Some(Origin { import: count(import)?, row: count(number)? }),
        _ => None,
    };
    Ok(DueJob {
        seq: row.int(0)?,
        releases: u32::try_from(row.int(1)?).unwrap_or(u32::MAX),
        origin,
        message: row.text(4)?.to_owned(),
    })
}
