//! Jobs that wait for their day, and the port that workers see them by.

use std::time::Duration;

use async_trait::async_trait;
use contract::message;
use domain::job::Job;
use domain::lane::Lane;
use store::StoreError;
use store::schedules::{Awaited, DueJob, NextReleases, Schedules};

use super::Database;
use super::connection::Connection;
use super::session::Command;
use super::tables::Tables;
use crate::world::Process;

/// A job that waits.
#[derive(Debug, Clone)]
pub struct Waiting {
    seq: i64,
    lane: Lane,
    pub(super) due_at: i64,
    release_at: i64,
    releases: u32,
    pub(super) message: String,
}

impl Tables {
    /// A job is recorded as scheduled.
    pub(super) fn wait(&mut self, job: &Job) {
        let message = message::write(job.id, &job.client, None, &job.former, job.grant.as_ref(), &job.body);
        let message = message.ok().and_then(|json| String::from_utf8(json).ok()).unwrap_or_default();
        let due_at = job.spec.execute_at.map(|at| at.microseconds()).unwrap_or_default();
        self.scheduled_ever += 1;
        let waiting = Waiting {
            seq: self.scheduled_ever,
            lane: job.lane,
            due_at,
            release_at: due_at,
            releases: 0,
            message,
        };
        self.scheduled.insert(job.id, waiting);
    }

    fn due(&self, lane: Lane, now: i64, (released_max, limit): (u32, u32)) -> Awaited {
        let of_lane = || self.scheduled.values().filter(|job| job.lane == lane);
        let released = of_lane().filter(|job| job.releases > 0).count();
        let mut due: Vec<_> = of_lane().filter(|job| job.release_at <= now).collect();
        due.sort_by_key(|job| (job.releases == 0, job.release_at, job.seq));
        let (again, first): (Vec<_>, Vec<_>) = due.into_iter().partition(|job| job.releases > 0);
        let left = (limit as usize).saturating_sub(again.len());
        let room = (released_max as usize).saturating_sub(released).min(left);
        let is_more = first.len() > room;
        let jobs = again.into_iter().take(limit as usize).chain(first.into_iter().take(room));
        let jobs = jobs.map(|job| DueJob {
            seq: job.seq,
            releases: job.releases,
            origin: None,
            message: job.message.clone(),
        });
        Awaited { now, jobs: jobs.collect(), is_more }
    }
}

/// As one process has them.
pub(super) struct SchedulesOf {
    pub(super) database: Database,
    pub(super) process: Process,
}

impl SchedulesOf {
    /// Has something done to the tables, at the time of the database.
    async fn ask<T: Send + 'static>(
        &self,
        asked: impl FnOnce(&mut Tables, i64) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Connection::open(&self.database, &self.process).await?;
        let done = connection.ask(|reply| {
            Command::OfSchedules(Box::new(move |tables, now| {
                let now = now.max(tables.latest);
                let _ = reply.send(Ok(asked(tables, now)));
            }))
        });
        Ok(done.await?)
    }
}

#[async_trait]
impl Schedules for SchedulesOf {
    async fn next_releases(&self, lanes: &[Lane]) -> Result<NextReleases, StoreError> {
        let lanes = lanes.to_vec();
        self.ask(move |tables, now| {
            let mut next = NextReleases { now, ..NextReleases::default() };
            for job in tables.scheduled.values().filter(|job| lanes.contains(&job.lane)) {
                let at = next.by_lane.entry(job.lane).or_insert(job.release_at);
                *at = job.release_at.min(*at);
            }
            next
        })
        .await
    }

    async fn due(&self, lane: Lane, released_max: u32, limit: u32) -> Result<Awaited, StoreError> {
        self.ask(move |tables, now| tables.due(lane, now, (released_max, limit))).await
    }

    async fn note_released(&self, jobs: &[(i64, Duration)], now: i64) -> Result<(), StoreError> {
        let jobs = jobs.to_vec();
        self.ask(move |tables, _| {
            for (seq, pause) in jobs {
                let pause = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
                for job in tables.scheduled.values_mut().filter(|job| job.seq == seq) {
                    (job.releases, job.release_at) = (job.releases + 1, now.saturating_add(pause));
                }
            }
        })
        .await
    }
}
