//! Where the stream begins and ends, and where a time is in it.

use std::time::Duration;

use jiff::Timestamp;
use queue::events::Start;
use tokio::time::{Instant, timeout};

use super::Hooks;
use super::reading::{Ended, events};

/// How long the newest message of a stream may take to come.
const NEWEST_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it is read where nobody has read before.
const MOMENT: Duration = Duration::from_millis(500);
/// How long it is looked for a place that was there.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// How far the clocks of the database and the broker may be apart: a minute.
const SKEW_US_MAX: i64 = 60_000_000;

/// The place of the oldest message that is kept; `None`: there is none.
pub(super) async fn oldest(hooks: &Hooks) -> Result<Option<u64>, Ended> {
    let mut reader = hooks.shared.parts.queue.read_events(Start::Oldest).await?;
    let oldest = timeout(NEWEST_TIMEOUT, reader.next()).await;
    reader.close().await;
    Ok(oldest.ok().transpose()?.map(|message| message.offset))
}

/// The end of the stream.
pub(super) struct Newest {
    /// The place of the newest message; `None`: there is none, and all that there was may have been too old.
    pub(super) offset: Option<u64>,
    /// The latest time of an event there.
    pub(super) at: Option<i64>,
}

impl Newest {
    /// Reads it, up to `place`, or for a moment: more may come all the time.
    pub(super) async fn of(hooks: &Hooks, place: Option<u64>) -> Result<Newest, Ended> {
        let end = Instant::now() + if place.is_some() { END_TIMEOUT } else { MOMENT };
        let mut reader = hooks.shared.parts.queue.read_events(Start::Newest).await?;
        let mut newest = Newest { offset: None, at: None };
        while Instant::now() < end
            && let Ok(message) = timeout(NEWEST_TIMEOUT, reader.next()).await
        {
            let message = message?;
            newest.offset = Some(message.offset);
            let times = events(&message).into_iter().filter_map(|event| event.time);
            newest.at = newest.at.max(times.map(Timestamp::as_microsecond).max());
            if place.is_some_and(|place| message.offset + 1 >= place) {
                break;
            }
        }
        reader.close().await;
        Ok(newest)
    }

    /// Whether the stream ends before a place up to which it was read: it is another one.
    pub(super) fn ends_before(&self, place: u64) -> bool {
        self.offset.is_some_and(|newest| newest + 1 < place)
    }
}

/// Reading from this time by the database's clock on, whatever the broker's says.
pub(super) fn since(at: i64) -> Start {
    let at = Timestamp::from_microsecond(at.saturating_sub(SKEW_US_MAX));
    at.map_or(Start::Oldest, Start::Since)
}
