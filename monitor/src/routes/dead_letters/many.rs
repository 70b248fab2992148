//! What is done with all dead letters that a filter wants, after a look at what would become of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use queue::replay::ReplayError;
use serde::Deserialize;
use tellers_http::keys::Caller;
use tellers_http::trail::Who;
use utoipa::ToSchema;

use super::shown::{PAYLOAD_CHARS_MAX, tried, view};
use super::{place, to_the_end};
use crate::context::Shared;
use crate::dead_letters::act::Deed;
use crate::dead_letters::filter::LetterFilter;
use crate::dead_letters::may_decide;
use crate::dead_letters::page::{Wanted, find};
use crate::dead_letters::trial::try_letters;
use crate::problem::{self, Problem};
use crate::routes::body::{self, Body};
use crate::views::dead_letters::{Acted, KeptLetter, Preview};

/// Letters of a preview's page: by default, and at the most.
const TRIED_DEFAULT: usize = 100;
const TRIED_MAX: usize = 500;
/// Letters that stay and are named.
const KEPT_SHOWN_MAX: usize = 100;

/// Which dead letters to try.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::routes) struct PreviewBody {
    /// Which dead letters; by default, all.
    filter: LetterFilter,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Dead letters that are tried for the answer: 1 to 500; 100 by default.
    #[schema(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Which dead letters to replay or to discard.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct ActBody {
    /// Which dead letters: `filter` of a preview. `{}`: all.
    filter: LetterFilter,
    /// How many they are: `matched` of a preview. Nothing is done if there are more.
    matched: u64,
}

/// What would become of dead letters that are replayed now. A worker posts their jobs as it would after a replay, up to 100 in
/// one transaction, and rolls that back: nothing is kept of it, so what one transaction does to the next is not seen.
#[utoipa::path(
    post, path = "/api/scalability/dead-letters/preview", tag = "control", operation_id = "preview_dead_letters",
    request_body = PreviewBody,
    responses(
        (status = 200, description = "What would become of them.", body = Preview),
    )
)]
pub(in crate::routes) async fn preview(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Body(body): Body,
) -> Result<Json<Preview>, Problem> {
    let PreviewBody { filter, cursor, limit } = body::read_or_default(&body)?;
    let limit = limit.unwrap_or(TRIED_DEFAULT);
    if !(1..=TRIED_MAX).contains(&limit) {
        let why = format!("`limit` is {limit}, and must be a whole number from 1 to {TRIED_MAX}");
        return Err(problem::invalid_body(why));
    }
    let after = place(cursor.as_deref())?;
    let wanted = Wanted { filter: filter.clone(), caller, allowed: may_decide };
    let found = find(&*shared.parts.queue, wanted, after, limit).await.map_err(problem::queue_unavailable)?;
    let letters: Vec<_> = found.letters.iter().map(|(letter, _)| letter).collect();
    let answers = try_letters(&shared, &letters).await;
    let letters = found.letters.iter().zip(answers);
    let letters: Vec<_> = letters
        .map(|((letter, jobs), answer)| tried(view(letter, jobs, PAYLOAD_CHARS_MAX), answer))
        .collect();
    let mut by_answer = BTreeMap::new();
    for letter in &letters {
        *by_answer.entry(letter.answer.into()).or_default() += 1;
    }
    let until = filter.until.or(found.newest).or_else(|| Some(Timestamp::now()));
    Ok(Json(Preview {
        filter: LetterFilter { until, ..filter },
        matched: found.matched,
        by_cause: found.by_cause,
        by_answer,
        letters,
        next: found.next,
    }))
}

/// Puts all dead letters that the filter wants on their lanes again, the oldest first, behind the jobs that wait there. Each is
/// on its lane before its letter is removed.
#[utoipa::path(
    post, path = "/api/scalability/dead-letters/replay", tag = "control", operation_id = "replay_dead_letters",
    request_body = ActBody,
    responses(
        (status = 200, description = "What was done; some may stay.", body = Acted),
    )
)]
pub(in crate::routes) async fn replay_many(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    who: Who,
    Body(body): Body,
) -> Result<Json<Acted>, Problem> {
    act_on_many(shared, Deed::Replay, caller, who, &body).await
}

/// Removes all dead letters that the filter wants, for good.
#[utoipa::path(
    post, path = "/api/scalability/dead-letters/discard", tag = "control", operation_id = "discard_dead_letters",
    request_body = ActBody,
    responses(
        (status = 200, description = "What was done.", body = Acted),
    )
)]
pub(in crate::routes) async fn discard_many(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    who: Who,
    Body(body): Body,
) -> Result<Json<Acted>, Problem> {
    act_on_many(shared, Deed::Discard, caller, who, &body).await
}

async fn act_on_many(
    shared: Arc<Shared>,
    deed: Deed,
    caller: Caller,
    who: Who,
    body: &[u8],
) -> Result<Json<Acted>, Problem> {
    let ActBody { filter, matched } = body::read(body)?;
    let wanted = Wanted { filter, caller, allowed: may_decide };
    let now =
        find(&*shared.parts.queue, wanted.clone(), None, 0).await.map_err(problem::queue_unavailable)?;
    if now.matched > matched {
        return Err(problem::more_letters(now.matched, matched));
    }
    // What is given up from now on was in no preview; a replay that fails again would never end.
    let until = wanted.filter.until.into_iter().chain(now.newest).min();
    let filter = LetterFilter { until, ..wanted.filter };
    let acted = to_the_end(shared, deed, Wanted { filter, ..wanted }, who).await?;
    let kept = acted.kept.len() as u64;
    let mut kept_letters = Vec::new();
    for (id, why) in acted.kept {
        match why {
            ReplayError::Publish(error) if acted.letters == 0 => {
                return Err(problem::queue_unavailable(error));
            }
            why if kept_letters.len() < KEPT_SHOWN_MAX => {
                kept_letters.push(KeptLetter { id, why: why.to_string() });
            }
            _ => {}
        }
    }
    let (letters, jobs) = (acted.letters, acted.jobs);
    Ok(Json(Acted { done: deed.done(), letters, jobs, kept, kept_letters }))
}
